// Starts the engine worker. Messages that arrive while its WebAssembly is still compiling would be lost, since
// nobody listens yet: they are kept and handed over. The query, set by the page, keeps caches from mixing builds.
const early = [];
const keep = (event) => early.push(event.data);
self.addEventListener("message", keep);

try {
  importScripts("./engine.js" + self.location.search);
  wasm_bindgen({ module_or_path: "./engine_bg.wasm" + self.location.search }).then(
    () => {
      self.removeEventListener("message", keep);
      for (const data of early) self.dispatchEvent(new MessageEvent("message", { data }));
    },
    failed,
  );
} catch (error) {
  failed(error);
}

function failed(error) {
  self.postMessage({ msg: { Panicked: { text: "The engine could not be started: " + error } }, parts: [] });
}
