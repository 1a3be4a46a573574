/* The network behind calls with data only: it runs in a worker, or in the thread of the page. */

import { decodeBase64, inflate, readTensors } from "./bytes.js";
import { replay } from "./golden.js";
import { Network } from "./network.js";

export class Host {
  /** Load the network. moduleText, dataText: base64. Resolves to the tensors of the inputs that the page offers. */
  async load(moduleText, dataText, facts) {
    this.tensors = readTensors(await inflate(decodeBase64(dataText)));
    this.network = await Network.load(decodeBase64(moduleText), this.tensors, facts);
    return new Map([...this.tensors].filter(([name]) => name === "golden.input" || name === "samples"));
  }

  /** Replay the golden inputs. */
  async replay() {
    const result = await replay(this.network, this.tensors);
    this.tensors = null; // they are not needed again
    return result;
  }

  run(pixels, steps, margin) {
    return this.network.run(pixels, steps, margin);
  }

  time(pixels, steps, budget) {
    return this.network.time(pixels, steps, budget);
  }
}
