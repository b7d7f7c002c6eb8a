// Starts the engine worker. Messages that arrive while its WebAssembly is still compiling would be lost, since
// nobody listens yet: they are kept and handed over. Whoever started this worker says where the files are
// (src/source/worker.rs); the build's name as their query keeps caches from mixing builds.
const early = [];
const keep = (event) => early.push(event.data);
self.addEventListener("message", keep);

try {
  const { base, build } = self.lorascope;
  importScripts(`${base}engine.js?${build}`);
  // On a slow line the page's own files come first.
  const wasm = fetch(`${base}engine_bg.wasm?${build}`, { priority: "low" });
  wasm_bindgen({ module_or_path: wasm }).then(
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
