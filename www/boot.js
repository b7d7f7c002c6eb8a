// Starts the page and, beside it, the engine. An external file, because the content security policy forbids inline
// scripts.
const app = document.querySelector('meta[name="lorascope-app"]').dataset;

// This script waits for nothing but the few lines that start the engine beside it; the page waits for all.
const parsed = document.readyState === "loading" && new Promise((done) => addEventListener("DOMContentLoaded", done));
try {
  await prepareEngine();
  await parsed;
  if (window.lorascopeSupported) {
    const { default: init } = await import(new URL(app.js, document.baseURI));
    await init({ module_or_path: new URL(app.wasm, document.baseURI) });
  }
} catch (error) {
  await parsed;
  console.error(error);
  document.getElementById("boot")?.replaceChildren(
    "Lorascope’s own files could not be loaded. Reload the page; if that does not help, this copy of the site is incomplete. (" + error + ")");
}

// The engine, for the page (src/page/wire.rs): first the one that loads and compiles while the page does. It says
// nothing until it is spoken to, unless it fails: then the page starts another one and hears why.
async function prepareEngine() {
  const site = { base: new URL("./", document.baseURI).href, build: app.build };
  const { startEngine } = await import(`${site.base}watchdog.js?${site.build}`);
  const watched = new URLSearchParams(location.search).get("watchdog") !== "off";
  let waiting;
  globalThis.startWorker = () => {
    const engine = waiting ?? startEngine(site, watched);
    waiting = undefined;
    return engine;
  };
  try {
    waiting = startEngine(site, watched);
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
