/* The network: a WebAssembly module, its parameters, and one sample in its memory. */

import { oneByOne, slices } from "./turns.js";

const ALIGNMENT = 64;
const PAGE_BYTES = 65536;

/** Return the number of elements of a shape. */
export function elements(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

/** Return the spiking layers with their number of neurons. */
export function layersOf(facts) {
  return facts.layers.map((layer) => ({ ...layer, neurons: elements(layer.shape) }));
}

/** The memory of a module beyond its own data: arrays follow one another. */
class Memory {
  constructor(exports) {
    this.memory = exports.memory;
    this.end = exports.__heap_base.value;
  }

  /** Reserve memory and return its address. */
  reserve(bytes) {
    const address = Math.ceil(this.end / ALIGNMENT) * ALIGNMENT;
    this.end = address + bytes;
    const missing = this.end - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_BYTES));
    return address;
  }

  /** Copy an array into memory and return its address. */
  store(array) {
    const address = this.reserve(array.byteLength);
    this.view(Uint8Array, address, array.byteLength).set(
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return address;
  }

  /** Return a view, which is valid until memory is reserved again. */
  view(type, address, length) {
    return new type(this.memory.buffer, address, length);
  }
}

export class Network {
  /** Instantiate the module and copy the parameters into its memory. */
  static async load(moduleBytes, tensors, facts) {
    const { instance } = await WebAssembly.instantiate(moduleBytes, {});
    return new Network(instance.exports, tensors, facts);
  }

  constructor(code, tensors, facts) {
    this.code = code;
    this.facts = facts;
    this.classes = facts.labels.length;
    this.pixels = elements(facts.shape);
    this.layers = layersOf(facts);
    this.neurons = this.layers.reduce((total, layer) => total + layer.neurons, 0);
    this.pixelType = facts.pixel === "uint8_t" ? Uint8Array : Int16Array;
    const memory = (this.memory = new Memory(code));
    const pointers = facts.parameters.map((name) => memory.store(tensors.get(`parameter.${name}`).data));
    for (const name of facts.parameters) tensors.delete(`parameter.${name}`); // they are in the memory of the module
    this.parameters = memory.store(Uint32Array.from(pointers));
    this.costs = memory.store(tensors.get("costs").data);
    this.state = memory.reserve(code.page_state_bytes());
    this.work = memory.reserve(code.page_work_bytes() * facts.window);
    this.image = memory.reserve(this.pixels * this.pixelType.BYTES_PER_ELEMENT);
    this.counts = memory.reserve(4 * this.neurons);
    this.operations = memory.reserve(8);
    this.inTurn = oneByOne(); // runs share the memory of the sample
    this.spikes = memory.reserve(Math.max(...this.layers.map((layer) => layer.neurons)));
  }

  /** Begin with a new image. pixels: [channels][height][width]. */
  _reset(pixels) {
    this.memory.view(this.pixelType, this.image, this.pixels).set(pixels);
    this.code.page_reset(this.parameters, this.state);
  }

  /** Run one image and record everything. Other work of the page goes on between time-steps; runs wait for one another.
   *
   * pixels: integers, [channels][height][width].
   * margin: stop when the mean logit of the best class leads by it; null to run all time-steps.
   * Resolves to a run: `steps` that were evaluated, `logits` and `sums` [time-step][class] in integers, `spikes`
   * [layer][time-step][neuron] with 0 or 1, `fired` [layer][time-step], `operations` [time-step], `milliseconds` of
   * the network alone, and `stopped`, whether the margin ended it.
   */
  run(pixels, steps, margin = null) {
    return this.inTurn(() => this._run(pixels, steps, margin));
  }

  async _run(pixels, steps, margin) {
    const { code, memory } = this, next = slices();
    const run = { steps: 0, logits: [], sums: [], operations: [], milliseconds: 0, stopped: false };
    run.spikes = this.layers.map(() => []);
    run.fired = this.layers.map(() => []);
    this._reset(pixels);
    let total = new Float64Array(this.classes);
    while (run.steps < steps && !run.stopped) {
      await next();
      const started = performance.now();
      code.page_step(this.parameters, this.state, this.work, run.steps ? 0 : this.image, 1, this.costs, this.counts,
        this.operations);
      run.milliseconds += performance.now() - started;
      run.steps += 1;
      const logits = memory.view(Int32Array, code.page_logits(this.state), this.classes).slice();
      total = total.map((sum, k) => sum + logits[k]);
      run.logits.push(logits);
      run.sums.push(total);
      run.operations.push(Number(memory.view(BigUint64Array, this.operations, 1)[0]));
      this._record(run);
      run.stopped = margin !== null && marginOf(total, run.steps, this.facts.scale) >= margin;
    }
    return run;
  }

  _record(run) {
    for (const [index, layer] of this.layers.entries()) {
      this.code.page_spikes(this.work, index, this.spikes);
      const spikes = this.memory.view(Uint8Array, this.spikes, layer.neurons).slice();
      run.spikes[index].push(spikes);
      let fired = 0;
      for (const spike of spikes) fired += spike;
      run.fired[index].push(fired);
    }
  }

  /** Resolves to the mean milliseconds of one image without recording, over `budget` milliseconds and at least one run.
   *
   * As long a time is spent before it, in which browsers compile the module again for speed.
   */
  async time(pixels, steps, budget = 250) {
    await this._repeat(pixels, steps, budget);
    return this._repeat(pixels, steps, budget);
  }

  async _repeat(pixels, steps, budget) {
    const next = slices();
    let runs = 0, duration = 0;
    for (; runs < 1 || duration < budget; runs++) {
      duration += await this.inTurn(() => this._timed(pixels, steps));
      await next();
    }
    return duration / runs;
  }

  /** Run one image without recording and return its milliseconds. */
  _timed(pixels, steps) {
    const started = performance.now();
    this._reset(pixels);
    for (let t = 0; t < steps; t += this.facts.window) {
      const count = Math.min(this.facts.window, steps - t);
      this.code.page_step(this.parameters, this.state, this.work, t ? 0 : this.image, count, 0, 0, 0);
    }
    return performance.now() - started;
  }
}

/** Return the difference of the two largest mean logits after `steps` time-steps; infinite for one class. */
export function marginOf(sums, steps, scale) {
  const [best, second] = Float64Array.from(sums, (sum) => (sum * scale) / steps).sort().reverse();
  return second === undefined ? Infinity : best - second;
}

/** Return the class with the largest sum, the first of equal ones. */
export function prediction(sums) {
  return sums.reduce((best, sum, k) => (sum > sums[best] ? k : best), 0);
}
