/* Images: from files, the camera and the drawing pad to the pixels of the network. */

import { byId } from "./dom.js";
import { toPixels } from "./resample.js";

const MOST = 4096; // width and height of an image that is read; larger ones are reduced first

/** Draw a source on a canvas of its own and return its ImageData. Transparent parts are white. */
function readSource(source, width, height) {
  const scale = Math.min(1, MOST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** Return the pixels of an image file. Throws an Error with a text for people if it is none. */
export async function pixelsOfFile(file, shape) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch {
    throw new Error(`${file.name}: not an image that this browser reads; use PNG, JPEG, WebP or GIF`);
  }
  const pixels = toPixels(readSource(bitmap, bitmap.width, bitmap.height), shape);
  bitmap.close();
  return pixels;
}

/** Return the pixels of a canvas. */
export function pixelsOfCanvas(canvas, shape) {
  return toPixels(readSource(canvas, canvas.width, canvas.height), shape);
}

/** The camera: frames go to `onPixels` until it is stopped. */
export class Camera {
  constructor(shape, onPixels, onState) {
    Object.assign(this, { shape, onPixels, onState, stream: null, video: byId("video") });
  }

  /** Start or stop. */
  async toggle() {
    if (this.stream) return this.stop();
    try {
      if (!navigator.mediaDevices) throw new Error("this browser gives no camera to this page");
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch (error) {
      return this.onState(`The camera did not start (${error.message}).`);
    }
    this.video.srcObject = this.stream;
    this.video.hidden = false;
    await this.video.play();
    this.onState("");
    this._next();
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
    this.video.hidden = true;
    this.onState("");
  }

  _next() {
    if (!this.stream) return;
    const { videoWidth, videoHeight } = this.video;
    if (videoWidth) this.onPixels(toPixels(readSource(this.video, videoWidth, videoHeight), this.shape));
    setTimeout(() => requestAnimationFrame(() => this._next()), 100); // at most 10 frames a second
  }
}
