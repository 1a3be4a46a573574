/* The drawing pad: by pointer, or by keyboard with the arrow keys and Space. */

import { byId } from "./dom.js";

const SIDE = 280; // pixels of the longer side

export class Pad {
  /** shape: of the network's input. onDraw: called after every change. */
  constructor(shape, onDraw) {
    const [, height, width] = shape, scale = SIDE / Math.max(height, width);
    this.canvas = byId("pad");
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.onDraw = onDraw;
    this.unit = scale; // one pixel of the network
    this.pen = { x: this.canvas.width / 2, y: this.canvas.height / 2, down: false };
    this.clear();
    this._pointer();
    this.canvas.addEventListener("keydown", (event) => this._key(event));
  }

  clear() {
    this.context.fillStyle = byId("paper-colour").value;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** Draw from the position of the pen to another one. */
  _line(x, y) {
    const { context, pen } = this;
    context.strokeStyle = byId("pen-colour").value;
    context.lineWidth = Number(byId("pen-width").value) * this.unit;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(pen.x, pen.y);
    context.lineTo(x + 0.01, y); // a line without length is not drawn
    context.stroke();
  }

  _pointer() {
    const { canvas, pen } = this;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      const x = ((event.clientX - box.left) * canvas.width) / box.width;
      return [x, ((event.clientY - box.top) * canvas.height) / box.height];
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      [pen.x, pen.y] = at(event);
      pen.down = true;
      this._moveTo(pen.x, pen.y);
    });
    canvas.addEventListener("pointermove", (event) => pen.down && this._moveTo(...at(event)));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (pen.down = false));
  }

  _moveTo(x, y) {
    this._line(x, y);
    Object.assign(this.pen, { x, y });
    this.onDraw();
  }

  _key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (event.key === " ") {
      this.pen.down = !this.pen.down;
      byId("pad-state").textContent = this.pen.down ? "Pen down" : "Pen up";
      if (this.pen.down) this._moveTo(this.pen.x, this.pen.y);
    } else if (move) {
      const x = Math.max(0, Math.min(this.canvas.width, this.pen.x + move[0] * this.unit));
      const y = Math.max(0, Math.min(this.canvas.height, this.pen.y + move[1] * this.unit));
      if (this.pen.down) this._moveTo(x, y);
      else Object.assign(this.pen, { x, y });
      byId("pad-state").textContent =
        `Pen ${this.pen.down ? "down" : "up"} at column ${Math.floor(x / this.unit) + 1}, ` +
        `row ${Math.floor(y / this.unit) + 1}`;
    } else return;
    event.preventDefault();
  }
}
