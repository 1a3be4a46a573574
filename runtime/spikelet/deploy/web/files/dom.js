/* Elements, numbers and colours. */

export function byId(id) {
  return document.getElementById(id);
}

/** Create an element with properties and children; null children are left out. */
export function element(tag, properties = {}, ...children) {
  const { dataset, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  Object.assign(node.dataset, dataset);
  node.append(...children.filter((child) => child !== null));
  return node;
}

const WHOLE = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

/** 12345 as "12,345". */
export function whole(value) {
  return WHOLE.format(value);
}

// A decimal number half-way between two others of so many digits, of which the one nearer to zero is even
const SIGNIFICANT = /^(-?\d\.\d[02468])50*(e.+)$/, DECIMAL = /^(-?\d+\.[02468])50*()$/;

/** Three significant digits, as `spikelet.display.compact` writes them: 1234567 as "1.23 M", 1e15 as "1e+15". */
export function short(value) {
  if (!Number.isFinite(value)) return String(value).toLowerCase().replace("infinity", "inf");
  const rounded = Number(halfToEven(value.toExponential(20), SIGNIFICANT) ?? value.toPrecision(3));
  const size = Math.abs(rounded);
  if (size >= 1e15 || (size < 1e-4 && size > 0))
    return rounded.toExponential(2).replace(/\.?0*e/, "e").replace(/e(.)(.)$/, "e$10$2");
  for (const [factor, prefix] of [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]])
    if (size >= factor) return (rounded / factor).toPrecision(3) + prefix;
  return String(rounded);
}

/** 0.1234 as "12.3%". */
export function percent(share) {
  const value = 100 * share;
  return `${halfToEven(value.toFixed(20), DECIMAL) ?? value.toFixed(1)}%`;
}

/** Round a half to the even digit, as Python does; JavaScript rounds it away from zero. Null for other numbers. */
function halfToEven(text, half) {
  const match = half.exec(text);
  return match === null ? null : match[1] + match[2];
}

export function plural(count, noun, nouns = `${noun}s`) {
  return `${whole(count)} ${count === 1 ? noun : nouns}`;
}

/** A colour of the style, as [red, green, blue]. */
export function colour(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
}

/** Draw shades between two colours. values: [height * width] of 0…1, or -1 for transparent. */
export function drawShades(canvas, width, height, values) {
  const off = colour("--off"), on = colour("--on");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let i = 0; i < values.length; i++) {
    if (values[i] < 0) continue;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = off[c] + (on[c] - off[c]) * values[i];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** Draw pixels 0…255 of one or three channels. pixels: [channels][height][width]. */
export function drawPixels(canvas, pixels, [channels, height, width]) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height), size = width * height;
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[channels === 3 ? c * size + i : i];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
