/* The input: golden inputs and samples as buttons, a file by choice, drop or paste, the drawing pad, the camera. */

import { byId, drawPixels, element } from "./dom.js";
import { goldenInput } from "./network/golden.js";
import { elements } from "./network/network.js";
import { Pad } from "./pad.js";
import { Camera, pixelsOfCanvas, pixelsOfFile } from "./pictures.js";

/** Connect the controls of the input.
 *
 * onInput(pixels, name, truth): there is a new input. truth: class of a sample, or null.
 */
export function connectInputs(facts, tensors, onInput) {
  const offered = [...golden(facts, tensors), ...samples(facts, tensors)];
  byId("samples").replaceChildren(...offered.map((input) => thumbnail(facts, input, onInput)));
  if (facts.takesPictures) connectPictures(facts, onInput);
  else describeOther(facts);
  return offered;
}

function golden(facts, tensors) {
  return Array.from({ length: facts.goldenInputs }, (_, index) => (
    { pixels: goldenInput(tensors, index, facts), name: `golden input ${index + 1}`, truth: null }));
}

function samples(facts, tensors) {
  const size = elements(facts.shape);
  return facts.samples.map((label, index) => ({
    pixels: tensors.get("samples").data.subarray(index * size, (index + 1) * size),
    name: label === null ? `sample ${index + 1}` : `sample: ${facts.labels[label]}`,
    truth: label,
  }));
}

function thumbnail(facts, { pixels, name, truth }, onInput) {
  const picture = facts.takesPictures ? element("canvas", {}) : null;
  if (picture) drawPixels(picture, pixels, facts.shape);
  return element("button", { type: "button", className: "sample", onclick: () => onInput(pixels, name, truth) },
    picture, element("span", { textContent: name }));
}

function describeOther(facts) {
  byId("other").hidden = false;
  byId("other").textContent = `The input of this network is ${facts.shape.join(" × ")} numbers ` +
    `${facts.low}…${facts.high}, not an image of one or three channels with pixels 0…255. ` +
    (facts.samples.length ? "Choose a golden input or a sample." : "Choose a golden input.");
}

/** Return a function that calls `action` in the next frame, once for all its calls until then. */
function oncePerFrame(action) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      action();
    });
  };
}

function connectPictures(facts, onInput) {
  const { shape } = facts;
  const showState = (text) => (byId("input-state").textContent = text);
  const take = async (file) => {
    try {
      const pixels = await pixelsOfFile(file, shape);
      showState("");
      onInput(pixels, file.name, null);
    } catch (error) {
      showState(error.message);
    }
  };
  const takeFirst = (files) => files?.length && take(files[0]);
  byId("pictures").hidden = false;
  byId("file").addEventListener("change", (event) => takeFirst(event.target.files));
  byId("choose").addEventListener("click", () => byId("file").click());
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    takeFirst(event.dataTransfer?.files);
  });
  document.addEventListener("paste", (event) => takeFirst(event.clipboardData?.files));
  const pad = new Pad(shape, oncePerFrame(() => onInput(pixelsOfCanvas(pad.canvas, shape), "drawing", null)));
  byId("clear").addEventListener("click", () => pad.clear());
  byId("draw").addEventListener("click", () => {
    byId("drawing").hidden = !byId("drawing").hidden;
    byId("draw").setAttribute("aria-expanded", !byId("drawing").hidden);
  });
  const camera = new Camera(shape, (pixels) => onInput(pixels, "camera", null), (text) => {
    showState(text);
    byId("camera").textContent = camera.stream ? "Stop camera" : "Camera";
  });
  byId("camera").addEventListener("click", () => camera.toggle());
}
