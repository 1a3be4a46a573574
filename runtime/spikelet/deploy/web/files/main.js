/* The page: load the network, replay the golden inputs, then run what the user gives. */

import { Client } from "./client.js";
import { countsOf, showCounts } from "./counts.js";
import { byId, drawPixels, plural, short, whole } from "./dom.js";
import { showEvidence } from "./evidence.js";
import { connectInputs } from "./inputs.js";
import { Layers } from "./layers.js";
import { prediction } from "./network/network.js";

const FRAME = 400; // milliseconds of a time-step while playing

class Page {
  constructor(network, tensors) {
    Object.assign(this, { network, facts: network.facts, input: null, run: null, time: 0, layer: 0, timer: null });
    Object.assign(this, { computed: Promise.resolve(), computing: false, outdated: false });
    this.layers = new Layers(network, (index) => this.choose(index), (t) => this.moveTo(t));
    this._connect();
    this.offered = connectInputs(this.facts, tensors, (pixels, name, truth) => this.take(pixels, name, truth));
  }

  _connect() {
    const steps = byId("steps"), cursor = byId("time");
    steps.max = this.facts.mostSteps;
    steps.value = this.facts.firstSteps;
    for (const id of ["steps", "exit", "margin"]) byId(id).addEventListener("change", () => this.compute());
    cursor.addEventListener("input", () => this.moveTo(Number(cursor.value) - 1));
    byId("play").addEventListener("click", () => (this.timer ? this.pause() : this.play()));
    for (const id of ["now", "rate"]) byId(id).addEventListener("change", () => this.show());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Take a new input and run it. truth: its class, or null. Resolves when its run is shown, or that of a later input. */
  take(pixels, name, truth) {
    this.input = { pixels: Int16Array.from(pixels), name, truth };
    byId("input-name").textContent = this.facts.takesPictures ? name : `${name}: ${listed(pixels)}`;
    byId("preview").hidden = !this.facts.takesPictures;
    if (this.facts.takesPictures) drawPixels(byId("preview"), pixels, this.facts.shape);
    byId("preview").setAttribute("aria-label", `Input of the network: ${name}, ${this.facts.shape.join(" × ")}`);
    return this.compute();
  }

  /** Run the input with the chosen time-steps and early exit. A call during a run is answered by one more run after it. */
  compute() {
    this.outdated = true;
    if (!this.computing) this.computed = this._compute();
    return this.computed;
  }

  async _compute() {
    this.computing = true;
    try {
      while (this.outdated && this.input) {
        this.outdated = false;
        await this._computeOnce();
      }
    } finally {
      this.computing = false;
    }
  }

  async _computeOnce() {
    const { input } = this, steps = byId("steps"), margin = byId("margin");
    steps.value = Math.max(1, Math.min(this.facts.mostSteps, Math.trunc(Number(steps.value)) || 1));
    margin.value = Math.max(0, Number(margin.value) || 0);
    margin.disabled = !byId("exit").checked;
    const asked = Number(steps.value);
    const run = await this.network.run(input.pixels, asked, margin.disabled ? null : Number(margin.value));
    this.run = { ...run, truth: input.truth };
    byId("time").max = this.run.steps;
    byId("duration").textContent = `${plural(this.run.steps, "time-step")} in ${short(this.run.milliseconds)} ms` +
      (this.run.stopped ? `: early exit after ${this.run.steps} of ${asked}` : "");
    this.time = this.run.steps - 1;
    document.documentElement.dataset.prediction = prediction(this.run.sums[this.time]);
    this.draw();
  }

  draw() {
    if (!this.run) return;
    this.layers.drawRasters(this.run);
    this.show();
  }

  /** Show the time-step at the cursor. */
  show() {
    if (!this.run) return;
    byId("time").value = this.time + 1;
    byId("time-text").textContent = `Time-step ${this.time + 1} of ${this.run.steps}`;
    showEvidence(this.facts, this.run, this.time, this.run.truth);
    this.layers.show(this.run, this.time, this.layer, byId("rate").checked);
    showCounts(this.network, this.run, this.time);
  }

  moveTo(t) {
    if (!this.run) return;
    this.time = Math.max(0, Math.min(this.run.steps - 1, t));
    this.show();
  }

  choose(index) {
    this.layer = index;
    this.show();
  }

  play() {
    if (this.time === this.run.steps - 1) this.moveTo(0);
    byId("play").textContent = "Pause";
    this.timer = setInterval(() => {
      this.moveTo(this.time + 1);
      if (this.time === this.run.steps - 1) this.pause();
    }, FRAME);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    byId("play").textContent = "Play";
  }
}

/** The first numbers of an input. */
function listed(pixels) {
  return Array.from(pixels.slice(0, 12)).join(", ") + (pixels.length > 12 ? ", …" : "");
}

/** State the network, its size and what it takes. */
function describe(network) {
  const { facts } = network, bytes = document.documentElement.outerHTML.length, most = facts.copies.at(-1);
  byId("facts").textContent =
    `Input ${facts.shape.join(" × ")}, ${plural(facts.labels.length, "class", "classes")}, ` +
    `${plural(facts.layers.length, "spiking layer")}, ${plural(network.neurons, "neuron")}` +
    `${most > 1 ? ` (k = ${facts.copies.join(" and ")} copies)` : ""}, ${facts.bits}-bit weights, ` +
    `exact for ${plural(facts.exactSteps, "time-step")}. Bundle sha256 ${facts.digest.slice(0, 16)}…`;
  byId("sizes").textContent =
    `This page: ${(bytes / 1e6).toFixed(2)} MB, of which ${(facts.moduleBytes / 1e3).toFixed(0)} kB code and ` +
    `${(facts.parameterBytes / 1e3).toFixed(0)} kB parameters, before their encoding as text. ` +
    `Written by spikelet ${facts.version}.`;
}

/** State the result of the replay, in words and as data attributes of the document. */
function showReplay(network, result) {
  const more = network.facts.goldenTotal > result.inputs ? ` (of ${network.facts.goldenTotal} in the bundle)` : "";
  byId("golden").className = result.ok ? "check good" : "check bad";
  byId("golden").textContent =
    `${result.ok ? "✓ Verified here" : "✗ Different here"}: ${plural(result.inputs, "golden input")}${more}, ` +
    `${plural(result.steps, "time-step")}: ${whole(result.differingSpikes)} differing spikes of ` +
    `${whole(result.spikes)}, ${whole(result.differingLogits)} differing logits of ${whole(result.logits)}.` +
    (result.first ? ` First difference: ${result.first}.` : "");
  Object.assign(document.documentElement.dataset, {
    golden: result.ok ? "pass" : "fail",
    goldenInputs: result.inputs,
    goldenSpikes: result.spikes,
    goldenLogits: result.logits,
    goldenDiffering: result.differingSpikes + result.differingLogits,
  });
}

/** Measure the time of an image and state it. */
async function measure(network, pixels) {
  const steps = network.facts.firstSteps, milliseconds = await network.time(pixels, steps);
  byId("speed").textContent =
    `${short(milliseconds)} ms for an image and ${plural(steps, "time-step")} in this browser, without recording.`;
  document.documentElement.dataset.milliseconds = milliseconds;
}

/** Load the page. Returns what scripts use: network, page, countsOf. */
async function start() {
  const facts = JSON.parse(byId("data-facts").textContent);
  const [network, tensors] = await Client.load(facts);
  document.documentElement.dataset.thread = network.thread;
  describe(network);
  const result = await network.replay();
  showReplay(network, result);
  const page = new Page(network, tensors);
  byId("controls").hidden = false;
  const { pixels, name, truth } = page.offered[0];
  await page.take(pixels, name, truth);
  setTimeout(() => measure(network, pixels), 100); // after the page is drawn
  return { network, page, replay: result, countsOf };
}

globalThis.spikelet = start();
globalThis.spikelet.catch((error) => {
  byId("golden").className = "check bad";
  byId("golden").textContent = `The network did not start: ${error.message}. ` +
    "The page needs a browser of 2023 or later with WebAssembly SIMD: Chrome 91, Firefox 113, Safari 16.4.";
  document.documentElement.dataset.golden = "error";
});
