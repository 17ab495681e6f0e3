/* Search in pages that are opened from disk: browsers start no worker there, so its script
   runs in a hidden frame instead. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inner = frame.contentWindow;
      inner.postMessage = (data) =>
        this.dispatchEvent(new MessageEvent("message", { data }));
      const script = inner.document.createElement("script");
      script.src = url;
      this.isReady = new Promise((resolve) => script.addEventListener("load", resolve));
      inner.document.body.append(script);
      this.inner = inner;
    }

    postMessage(data) {
      this.isReady.then(() =>
        this.inner.dispatchEvent(new MessageEvent("message", { data })),
      );
    }
  };
}
