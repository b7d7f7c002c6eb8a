// Starts the engine worker. Messages that arrive while its WebAssembly is still compiling would be lost, since
// nobody listens yet: they are kept and handed over. The query, set by the page, keeps caches from mixing builds.
// A worker that was started from a blob says in `lorascopeLoader` where this script lies; its own address says nothing.
self.lorascopeLoader ??= self.location.href;
const beside = (name) => new URL(name + new URL(self.lorascopeLoader).search, self.lorascopeLoader).href;
const early = [];
const keep = (event) => early.push(event.data);
self.addEventListener("message", keep);

try {
  importScripts(beside("engine.js"));
  wasm_bindgen({ module_or_path: beside("engine_bg.wasm") }).then(
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
