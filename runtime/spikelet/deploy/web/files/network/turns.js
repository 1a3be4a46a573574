/* Share the thread of the page: long work stops between its parts, so that the page stays responsive. */

const SLICE = 8; // milliseconds of work without a pause: half a frame of a screen

/** Let the browser handle events and draw; resolves right after that. */
function pause() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel(); // a timer would wait for at least 4 ms
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Return a function to be awaited between parts of work, which pauses when a slice of time is used up. */
export function slices() {
  let began = performance.now();
  return async () => {
    if (performance.now() - began < SLICE) return;
    await pause();
    began = performance.now();
  };
}

/** Return a function that runs asynchronous functions one after another, and returns their results. */
export function oneByOne() {
  let last = Promise.resolve();
  return (action) => {
    const result = last.then(action);
    last = result.catch(() => {});
    return result;
  };
}
