// The engine's worker, watched: one that gives no sign of life for some seconds before its first answer is ended and
// another takes its place, which is told everything that the first was told. A third one works without workers of its
// own. For boot.js and lorascope.js.

/** How long an engine may be silent; half of it is what the engine gives its own workers. */
const PATIENCE_MS = 10_000;
const RESTARTS = 2;
const TICKS = 10;

/**
 * @param {{ base: string, build: string }} site  Where the engine's files are, and the query that goes with them.
 * @param {boolean} [watched]  False: whoever looks for the cause of a silence wants no other engine.
 * @returns {object}  To be used like a worker: `postMessage`, `onmessage`, `onerror`, `terminate`.
 */
export function startEngine(site, watched = true) {
  const engine = { onmessage: null, onerror: null, postMessage, terminate };
  const patience = watched ? PATIENCE_MS : undefined;
  let worker, timer, silence, answered = false, restarts = 0;
  let told = [];
  start();
  return engine;

  function start() {
    // Another address: a browser may make a request wait for one of the same address that never ends (sw.js knows both).
    const build = restarts ? `${site.build}&again=${restarts}` : site.build;
    worker = newWorker({ ...site, build, restarts, alone: restarts === RESTARTS, patience });
    worker.onmessage = (event) => {
      if (event.data?.msg === "Alive") return wait();
      answered = true;
      clearInterval(timer);
      told = [];
      engine.onmessage?.(event);
    };
    worker.onerror = (event) => {
      clearInterval(timer);
      engine.onerror?.(event);
    };
    for (const data of told) worker.postMessage(data);
    wait();
  }

  // Nobody waits for an engine that was told nothing. A machine that slept in between wakes to one tick that is late, not
  // to the whole time; and an engine whose files came slowly has them to come again, so that the next may take longer.
  function wait() {
    clearInterval(timer);
    if (answered || !told.length || !patience) return;
    silence = 0;
    timer = setInterval(() => ++silence === TICKS * (restarts + 1) && silent(), patience / TICKS);
  }

  function silent() {
    clearInterval(timer);
    // It may have something to say of its end.
    worker.onmessage = null;
    worker.onerror = (event) => event.preventDefault();
    worker.terminate();
    if (restarts++ < RESTARTS) return start();
    const text = "It gave no answer, nor did two others that were started in its place. Reload the page.";
    engine.onmessage?.({ data: { job: 0, msg: { Panicked: { text } }, parts: [] } });
  }

  function postMessage(data) {
    const first = !told.length;
    if (!answered) told.push(data);
    worker.postMessage(data);
    if (first) wait();
  }

  function terminate() {
    clearInterval(timer);
    worker.terminate();
  }
}

// Browsers refuse a worker of another origin, and take a script of one's own that loads it. It tells the worker where
// its files are, and a worker from a blob: address inherits the page's Content-Security-Policy.
function newWorker(given) {
  const address = JSON.stringify(`${given.base}engine_loader.js?${given.build}`);
  const code = `self.lorascope=${JSON.stringify(given)};importScripts(${address});`;
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(url);
  // The worker has begun to load it; freeing the address at once stops some browsers from doing so.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  return worker;
}
