/* Layers: a raster of each over the time-steps, and the feature maps of one at the time cursor. */

import { byId, drawShades, element, percent, plural, whole } from "./dom.js";

const RASTER_ROWS = 96; // neighbouring neurons share a row of a larger layer
const GAP = -1; // a transparent pixel between feature maps
const SQUARE = 6; // pixels of the square of a neuron without a plane
const MOST_ZOOM = 16; // screen pixels of a neuron's side

export class Layers {
  /** onLayer(index): a layer is chosen. onTime(t): a time-step of a raster is chosen. */
  constructor(network, onLayer, onTime) {
    this.network = network;
    this.rows = network.layers.map((layer, index) => this._row(layer, index, onLayer, onTime));
    byId("layers").replaceChildren(...this.rows.map((row) => row.node));
  }

  _row(layer, index, onLayer, onTime) {
    const canvas = element("canvas"), cursor = element("div", { className: "line" });
    canvas.setAttribute("role", "img");
    const raster = element("div", { className: "raster" }, canvas, cursor);
    raster.addEventListener("click", (event) => {
      const box = raster.getBoundingClientRect();
      onTime(Math.floor((canvas.width * (event.clientX - box.left)) / box.width));
      onLayer(index);
    });
    const count = element("span", { className: "count" });
    const button = element("button", { type: "button", className: "layer", onclick: () => onLayer(index) },
      element("strong", { textContent: layer.name }),
      element("span", { textContent: ` ${layer.kind} ${layer.shape.join(" × ")}` }), count);
    return { node: element("li", {}, button, raster), button, canvas, cursor, count };
  }

  /** Draw the rasters of a run. */
  drawRasters(run) {
    for (const [index, layer] of this.network.layers.entries()) {
      const { canvas } = this.rows[index], height = Math.min(layer.neurons, RASTER_ROWS);
      const values = new Float32Array(height * run.steps);
      for (let row = 0; row < height; row++) {
        const first = Math.floor((row * layer.neurons) / height), end = Math.floor(((row + 1) * layer.neurons) / height);
        for (let t = 0; t < run.steps; t++) {
          const spikes = run.spikes[index][t];
          let fired = 0;
          for (let i = first; i < end; i++) fired += spikes[i];
          values[row * run.steps + t] = Math.sqrt(fired / (end - first)); // the root makes low rates visible
        }
      }
      drawShades(canvas, run.steps, height, values);
      canvas.setAttribute("aria-label", `Raster of ${layer.name}: spikes by time-step ${run.fired[index].join(", ")}`);
    }
  }

  /** Show time-step t: the cursor on every raster, spike counts, and the feature maps of a layer. */
  show(run, t, chosen, rates) {
    for (const [index, row] of this.rows.entries()) {
      const layer = this.network.layers[index], fired = run.fired[index][t];
      row.cursor.style.left = `${(100 * t) / run.steps}%`;
      row.cursor.style.width = `${100 / run.steps}%`;
      row.count.textContent = `${plural(fired, "spike")}, ${percent(fired / layer.neurons)}`;
      row.button.setAttribute("aria-pressed", index === chosen);
    }
    this._maps(run, t, chosen, rates);
  }

  _maps(run, t, chosen, rates) {
    const layer = this.network.layers[chosen], canvas = byId("maps");
    const values = rates ? meanSpikes(run.spikes[chosen].slice(0, t + 1)) : Float32Array.from(run.spikes[chosen][t]);
    const grid = arrange(values, layer.shape);
    drawShades(canvas, grid.width, grid.height, grid.values);
    canvas.style.width = `min(100%, ${MOST_ZOOM * grid.width}px)`;
    const fired = whole(run.fired[chosen][t]);
    const title = rates ? `spike rates up to time-step ${t + 1}` : `spikes of time-step ${t + 1}`;
    byId("maps-title").textContent = `${layer.name}: ${title}`;
    canvas.setAttribute("aria-label",
      `Feature maps of ${layer.name}, ${title}: ${fired} of ${whole(layer.neurons)} neurons fire`);
  }
}

/** Return the mean over time-steps, [neuron]. */
function meanSpikes(spikes) {
  const mean = new Float32Array(spikes[0].length);
  for (const step of spikes) for (let i = 0; i < mean.length; i++) mean[i] += step[i] / spikes.length;
  return mean;
}

/** Arrange the channels of a layer side by side, with a gap of one pixel. A neuron of a vector is a square. */
function arrange(values, shape) {
  const [channels, rows, columns] = shape.length === 3 ? shape : [shape[0], 1, 1];
  const zoom = rows * columns === 1 ? SQUARE : 1, cellHeight = zoom * rows + 1, cellWidth = zoom * columns + 1;
  const across = Math.min(channels, Math.ceil(Math.sqrt((1.6 * channels * cellHeight) / cellWidth)));
  const width = across * cellWidth - 1, height = Math.ceil(channels / across) * cellHeight - 1;
  const grid = new Float32Array(width * height).fill(GAP);
  for (let c = 0; c < channels; c++) {
    const first = Math.floor(c / across) * cellHeight * width + (c % across) * cellWidth;
    for (let y = 0; y < cellHeight - 1; y++)
      for (let x = 0; x < cellWidth - 1; x++) {
        const neuron = (c * rows + Math.floor(y / zoom)) * columns + Math.floor(x / zoom);
        grid[first + y * width + x] = values[neuron];
      }
  }
  return { values: grid, width, height };
}
