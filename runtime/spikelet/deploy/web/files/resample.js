/* Images to the shape of the network: cut to its aspect ratio around the centre, grey or RGB, bicubic with
 * antialiasing. The arithmetic is that of Pillow, rows first, so that an image has the pixels that `spikelet run` gives
 * it. Versions of Pillow that resample some tall images by columns first differ by a few of 255 levels. */

const BITS = 22; // fraction of a weight

function bicubic(x) {
  const a = -0.5, d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

/** Return, for every output position, the first input and the integer weights of the inputs that it sums.
 *
 * size: inputs. begin, length: the part of them that is resampled. count: outputs.
 */
function weights(size, begin, length, count) {
  const scale = length / count, filterScale = Math.max(scale, 1), support = 2 * filterScale;
  return Array.from({ length: count }, (_, index) => {
    const center = begin + (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(size, Math.trunc(center + support + 0.5));
    const values = Array.from({ length: end - first }, (_, i) => bicubic((i + first - center + 0.5) / filterScale));
    const total = values.reduce((sum, value) => sum + value, 0);
    return { first, values: values.map((value) => roundAway((value / total) * 2 ** BITS)) };
  });
}

function roundAway(value) {
  return Math.trunc(value < 0 ? value - 0.5 : value + 0.5);
}

/** Return one resampled value, 0…255. offset, stride: of the line of inputs in the plane. */
function weighted(plane, { first, values }, offset, stride) {
  let sum = 2 ** (BITS - 1);
  for (let i = 0; i < values.length; i++) sum += plane[offset + (first + i) * stride] * values[i];
  return Math.max(0, Math.min(255, Math.floor(sum / 2 ** BITS)));
}

/** Resample a plane. box: {left, top, width, height}, of the part that is kept. Returns [outHeight][outWidth]. */
export function resample(plane, width, height, box, outWidth, outHeight) {
  let rows = plane;
  if (outWidth !== width || box.left || box.width !== width) {
    const columns = weights(width, box.left, box.width, outWidth);
    rows = new Uint8Array(outWidth * height);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < outWidth; x++) rows[y * outWidth + x] = weighted(plane, columns[x], y * width, 1);
  }
  if (outHeight === height && !box.top && box.height === height) return rows;
  const lines = weights(height, box.top, box.height, outHeight);
  const out = new Uint8Array(outWidth * outHeight);
  for (let y = 0; y < outHeight; y++)
    for (let x = 0; x < outWidth; x++) out[y * outWidth + x] = weighted(rows, lines[y], x, outWidth);
  return out;
}

/** Return the largest part around the centre that has the aspect ratio of the output. */
export function centre(width, height, outWidth, outHeight) {
  const ratio = outWidth / outHeight;
  let part = { width, height };
  if (width / height > ratio) part = { width: ratio * height, height };
  else if (width / height < ratio) part = { width, height: width / ratio };
  return { left: (width - part.width) * 0.5, top: (height - part.height) * 0.5, ...part };
}

/** Return the pixels of a network's input, [channels][height][width], from RGBA pixels.
 *
 * image: ImageData. shape: [channels, height, width], one or three channels.
 */
export function toPixels(image, shape) {
  const [channels, outHeight, outWidth] = shape, { width, height, data } = image;
  const box = centre(width, height, outWidth, outHeight);
  const pixels = new Uint8Array(channels * outHeight * outWidth);
  for (let c = 0; c < channels; c++) {
    const plane = new Uint8Array(width * height);
    for (let i = 0; i < plane.length; i++) plane[i] = channels === 1 ? grey(data, 4 * i) : data[4 * i + c];
    pixels.set(resample(plane, width, height, box, outWidth, outHeight), c * outHeight * outWidth);
  }
  return pixels;
}

function grey(data, i) {
  return (19595 * data[i] + 38470 * data[i + 1] + 7471 * data[i + 2] + 0x8000) >> 16;
}
