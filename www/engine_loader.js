// Starts the engine worker. Messages that arrive while its WebAssembly is still compiling would be lost, since
// nobody listens yet: they are kept and handed over. Whoever started this worker says where the files are
// (watchdog.js); the build's name as their query keeps caches from mixing builds.
const { base, build, restarts = 0, alone = false, patience } = self.lorascope;
const early = [];
const keep = (event) => early.push(event.data);
self.addEventListener("message", keep);

// Signs of life for the watchdog, until the engine itself says something.
const alive = () => self.postMessage({ msg: "Alive", parts: [] });
const pulse = setInterval(alive, 1000);
const { postMessage } = self;
alive();
self.postMessage = (...message) => {
  if (message[0]?.msg !== "Alive") {
    clearInterval(pulse);
    self.postMessage = postMessage;
  }
  postMessage.apply(self, message);
};

// How many of its workers the engine has: two readers keep a disk cache's bandwidth busy, and more helpers than eight
// would wait for the files. A machine with one core has no use for a helper, and an engine that works alone has none.
const cores = navigator.hardwareConcurrency ?? 1;
const crew = alone ? {} : { "reader.js": 2, "helper.js": cores < 2 ? 0 : Math.min(cores, 8) };
const waiting = {};
// What became of those that gave no answer, for the engine's reason.
const replaced = {};
const missing = {};

// For the engine (src/engine/source/worker.rs), these three. How many workers of a script there are to be.
function crewSize(script) {
  return crew[script] ?? 0;
}

// A worker of this script, once it has answered the greeting; one that does not is replaced once.
async function answeringWorker(script, greeting) {
  try {
    return await answered((waiting[script] ??= []).pop() ?? newWorker(script), greeting);
  } catch {
    replaced[script] = (replaced[script] ?? 0) + 1;
  }
  try {
    // Another address: see watchdog.js.
    return await answered(newWorker(script, "&again"), greeting);
  } catch (error) {
    missing[script] = (missing[script] ?? 0) + 1;
    throw error;
  }
}

// In words, with a semicolon before each; empty where all is well.
function workerTrouble() {
  const names = { "reader.js": ["reader", "readers"], "helper.js": ["helper", "helpers"] };
  const count = (n, script) => `${n === 1 ? "one" : n} ${names[script][n === 1 ? 0 : 1]}`;
  const engine = ["", "the engine gave no answer and was started anew",
    "the engine gave no answer twice and was started anew, without readers and helpers"][Math.min(restarts, 2)];
  const said = Object.keys(names).map((script) => {
    const gone = missing[script] ?? 0;
    const back = (replaced[script] ?? 0) - gone;
    return [back > 0 && `${count(back, script)} gave no answer and ${back === 1 ? "was" : "were"} replaced`,
      gone > 0 && `${count(gone, script)} gave no answer twice, and the work is done without`];
  });
  return [engine, ...said.flat()].filter(Boolean).map((text) => `; ${text}`).join("");
}

function answered(worker, greeting) {
  return new Promise((resolve, reject) => {
    const late = patience && setTimeout(() => fail("no answer"), patience / 2);
    const fail = (why) => {
      worker.terminate();
      reject(why);
    };
    worker.onmessage = () => {
      clearTimeout(late);
      worker.onmessage = worker.onerror = null;
      resolve(worker);
    };
    worker.onerror = () => {
      clearTimeout(late);
      fail("it could not be started");
    };
    worker.postMessage(greeting);
  });
}

function startAhead(script) {
  if (waiting[script]) return;
  const workers = (waiting[script] = []);
  for (let n = 0; n < crewSize(script); n++) {
    const worker = newWorker(script);
    // One that failed is not handed over: another will say why.
    worker.onerror = () => workers.splice(0, workers.length, ...workers.filter((other) => other !== worker));
    workers.push(worker);
  }
}

// A browser gives a worker the Content-Security-Policy of the response that brought its script, which a static host
// does not set; a worker from a blob: address inherits that of the page, or worker, that made it.
function newWorker(script, again = "") {
  const address = JSON.stringify(`${base}${script}?${build}${again}`);
  const code = `self.lorascope=${JSON.stringify({ base, build })};importScripts(${address});`;
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  // What it dies of is no fault of the engine, which would be stopped for it.
  worker.addEventListener("error", (event) => event.preventDefault());
  return worker;
}

// A browser takes a tenth of a second to start a worker: those that the engine is sure to want start while it compiles.
// In a task of their own, after importScripts: inside of it, or in a microtask at its end, the event loop that waits for
// a new worker is nested in another, the likely cause of engines that now and then hung for good in Firefox.
function startCrew() {
  // Helpers are for the CPU, which computes where there is no GPU; with two of them the engine has the time to read.
  if (cores > 2) startAhead("reader.js");
  const adapter = Promise.resolve(navigator.gpu?.requestAdapter()).catch(() => null);
  adapter.then((found) => setTimeout(() => startAhead(found ? "reader.js" : "helper.js")));
}

setTimeout(() => {
  try {
    startCrew();
  } catch (refused) {
    console.info("The engine works alone: " + refused);
  }
});

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
  self.postMessage({ job: 0, msg: { Panicked: { text: "The engine could not be started: " + error } }, parts: [] });
}
