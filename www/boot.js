// Starts the page and, beside it, the engine. An external file, because the content security policy forbids inline
// scripts.
const app = document.querySelector('meta[name="lorascope-app"]').dataset;

if (window.lorascopeSupported) {
  startEngine();
  try {
    const { default: init } = await import(new URL(app.js, document.baseURI));
    await init({ module_or_path: new URL(app.wasm, document.baseURI) });
  } catch (error) {
    console.error(error);
    document.getElementById("boot")?.replaceChildren(
      "Lorascope’s own files could not be loaded. Reload the page; if that does not help, this copy of the site is incomplete. (" + error + ")");
  }
}

// The engine's worker loads and compiles while the page does, which takes it over (src/view/wire.rs). It says nothing
// until it is spoken to, unless it fails: then the page starts another one and hears why.
function startEngine() {
  try {
    const base = new URL("./", document.baseURI).href;
    const site = JSON.stringify({ base, build: app.build });
    const script = JSON.stringify(`${base}engine_loader.js?${app.build}`);
    const code = new Blob([`self.lorascope=${site};importScripts(${script});`], { type: "text/javascript" });
    const engine = new Worker(URL.createObjectURL(code));
    engine.onmessage = engine.onerror = () => { window.lorascopeEngine = undefined; };
    window.lorascopeEngine = engine;
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
