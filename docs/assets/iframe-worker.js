// Search on pages that are opened from a folder: a browser does not start a worker from file://. The worker of the search
// runs in a hidden frame instead. The theme requires "iframe-worker" in the name of this file.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = "<!doctype html><title>search</title>";
      this.scope = new Promise((resolve, reject) => {
        frame.onload = () => {
          const scope = frame.contentWindow;
          scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          const script = scope.document.createElement("script");
          script.src = new URL(url, location.href).href;
          script.onload = () => resolve(scope);
          script.onerror = () => reject(new Error(`${script.src} cannot be loaded`));
          scope.document.body.append(script);
        };
      });
      document.body.append(frame);
    }
    async postMessage(data) {
      const scope = await this.scope;
      scope.dispatchEvent(new scope.MessageEvent("message", { data }));
    }
  };
}
