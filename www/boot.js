// Starts the page and, beside it, the engine. An external file, because the content security policy forbids inline
// scripts.
const app = document.querySelector('meta[name="lorascope-app"]').dataset;

// This script waits for nothing, so that the engine starts while the styles are on their way; the page waits for all.
prepareEngine();
if (document.readyState === "loading") await new Promise((parsed) => addEventListener("DOMContentLoaded", parsed));
if (window.lorascopeSupported) {
  try {
    const { default: init } = await import(new URL(app.js, document.baseURI));
    await init({ module_or_path: new URL(app.wasm, document.baseURI) });
  } catch (error) {
    console.error(error);
    document.getElementById("boot")?.replaceChildren(
      "Lorascope’s own files could not be loaded. Reload the page; if that does not help, this copy of the site is incomplete. (" + error + ")");
  }
}

// The engine, for the page (src/source/worker.rs): first the one that loads and compiles while the page does. It says
// nothing until it is spoken to, unless it fails: then the page starts another one and hears why.
function startEngine() {
  const site = { base: new URL("./", document.baseURI).href, build: app.build };
  const script = JSON.stringify(`${site.base}engine_loader.js?${site.build}`);
  const code = `self.lorascope=${JSON.stringify(site)};importScripts(${script});`;
  return new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
}

function prepareEngine() {
  let waiting;
  globalThis.startWorker = () => {
    const engine = waiting ?? startEngine();
    waiting = undefined;
    return engine;
  };
  try {
    waiting = startEngine();
    waiting.onmessage = waiting.onerror = () => { waiting = undefined; };
  } catch (refused) {
    console.info("The engine waits for the page: " + refused);
  }
}

// Keeps the page's own files for when there is no network, once the first work is likely done: it fetches all of them.
// In a frame, in a private window or on an insecure host it may be refused; then the page needs its network, and
// nothing else changes.
setTimeout(async () => {
  try {
    await navigator.serviceWorker?.register(new URL("sw.js", document.baseURI));
  } catch (refused) {
    console.info("Lorascope is not kept for offline use: " + refused);
  }
}, 3000);
