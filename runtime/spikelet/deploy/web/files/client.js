/* The network as the page sees it: it runs in a worker, so that the page stays responsive. */

import { byId } from "./dom.js";
import { Host } from "./network/host.js";
import { layersOf } from "./network/network.js";

/** A worker that answers calls by promises. Its script is text in this page: it is not loaded from anywhere. */
class Remote {
  constructor(text) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    this.worker = new Worker(address);
    this.calls = new Map();
    this.last = 0;
    this.worker.onmessage = ({ data }) => this._answer(data);
    this.failed = new Promise((_, reject) => {
      this.worker.onerror = (event) => reject(new Error(event.message || "the worker did not start"));
    });
    this.failed.catch(() => {});
  }

  call(method, ...values) {
    this.last += 1;
    const answer = new Promise((resolve, reject) => this.calls.set(this.last, { resolve, reject }));
    this.worker.postMessage({ id: this.last, method, values });
    return Promise.race([answer, this.failed]);
  }

  _answer({ id, result, error }) {
    const { resolve, reject } = this.calls.get(id);
    this.calls.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  }
}

/** The same in the thread of the page, for browsers that start no worker for a file on a disk. */
class Local {
  constructor() {
    this.host = new Host();
  }

  call(method, ...values) {
    return this.host[method](...values);
  }
}

export class Client {
  /** Load the network. Resolves to it and the tensors of the inputs that the page offers. */
  static async load(facts) {
    const texts = ["data-module", "data-tensors"].map((id) => byId(id).textContent);
    let caller, tensors, thread = "worker";
    try {
      caller = new Remote(byId("data-worker").textContent);
      tensors = await caller.call("load", ...texts, facts);
    } catch {
      [caller, thread] = [new Local(), "page"]; // an error that is not due to the worker occurs once more
      tensors = await caller.call("load", ...texts, facts);
    }
    return [new Client(caller, facts, thread), tensors];
  }

  constructor(caller, facts, thread) {
    Object.assign(this, { caller, facts, thread, layers: layersOf(facts) });
    this.neurons = this.layers.reduce((total, layer) => total + layer.neurons, 0);
  }

  /** Run one image and record everything, see `Network.run`. */
  run(pixels, steps, margin = null) {
    return this.caller.call("run", pixels, steps, margin);
  }

  /** Resolves to the mean milliseconds of one image without recording, see `Network.time`. */
  time(pixels, steps, budget = 250) {
    return this.caller.call("time", pixels, steps, budget);
  }

  /** Replay all golden inputs, see `replay`. */
  replay() {
    return this.caller.call("replay");
  }
}
