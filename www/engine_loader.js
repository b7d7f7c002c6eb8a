// Starts the engine worker. Messages that arrive while its WebAssembly is still compiling would be lost, since
// nobody listens yet: they are kept and handed over. Whoever started this worker says where the files are (boot.js,
// lorascope.js); the build's name as their query keeps caches from mixing builds.
const { base, build } = self.lorascope;
const early = [];
const keep = (event) => early.push(event.data);
self.addEventListener("message", keep);

// How many of its workers the engine has: two readers keep a disk cache's bandwidth busy, and more helpers than eight
// would wait for the files. A machine with one core has no use for a helper.
const cores = navigator.hardwareConcurrency ?? 1;
const crew = { "reader.js": 2, "helper.js": cores < 2 ? 0 : Math.min(cores, 8) };
const waiting = {};

// For the engine (src/source/worker.rs). A browser takes a tenth of a second to start a worker: those that the engine
// is sure to want start while it compiles.
function crewSize(script) {
  return crew[script];
}

function startWorker(script) {
  return (waiting[script] ??= []).pop() ?? newWorker(script);
}

function startAhead(script) {
  if (waiting[script]) return;
  const workers = (waiting[script] = []);
  for (let n = 0; n < crew[script]; n++) {
    const worker = newWorker(script);
    // One that failed is not handed over: another will say why.
    worker.onerror = () => workers.splice(0, workers.length, ...workers.filter((other) => other !== worker));
    workers.push(worker);
  }
}

// A browser gives a worker the Content-Security-Policy of the response that brought its script, which a static host
// does not set; a worker from a blob: address inherits that of the page, or worker, that made it.
function newWorker(script) {
  const address = JSON.stringify(`${base}${script}?${build}`);
  const code = `self.lorascope=${JSON.stringify({ base, build })};importScripts(${address});`;
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  // What it dies of is no fault of the engine, which would be stopped for it.
  worker.addEventListener("error", (event) => event.preventDefault());
  return worker;
}

try {
  // Helpers are for the CPU, which computes where there is no GPU; with two of them the engine has the time to read.
  if (cores > 2) startAhead("reader.js");
  const adapter = Promise.resolve(navigator.gpu?.requestAdapter()).catch(() => null);
  adapter.then((found) => startAhead(found ? "reader.js" : "helper.js")).catch(() => {});
} catch (refused) {
  console.info("The engine works alone: " + refused);
}

try {
  // On a slow line the page's own files come first.
  const wasm = fetch(`${base}engine_bg.wasm?${build}`, { priority: "low" });
  importScripts(`${base}engine.js?${build}`);
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
