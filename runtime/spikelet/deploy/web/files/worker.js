/* The worker: answers calls of the page, see client.js. */

import { Host } from "./network/host.js";

const host = new Host();

/** Return the memory of the spikes of a run, which is handed over without a copy. */
function buffersOf(result) {
  return Array.isArray(result.spikes) ? result.spikes.flat().map((spikes) => spikes.buffer) : [];
}

globalThis.onmessage = async ({ data: { id, method, values } }) => {
  try {
    const result = await host[method](...values);
    postMessage({ id, result }, buffersOf(result));
  } catch (error) {
    postMessage({ id, error: error.message });
  }
};
