// Starts the engine worker. Messages that arrive while its WebAssembly is still compiling would be lost, since
// nobody listens yet: they are kept and handed over. Whoever started this worker says where the files are
// (src/source/worker.rs); the build's name as their query keeps caches from mixing builds.
const early = [];
const keep = (event) => early.push(event.data);
self.addEventListener("message", keep);

try {
  const { base, build } = self.lorascope;
  importScripts(`${base}engine.js?${build}`);
  wasm_bindgen({ module_or_path: `${base}engine_bg.wasm?${build}` }).then(
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
