// Starts the page. An external file, because the content security policy forbids inline scripts.
const app = document.querySelector('meta[name="lorascope-app"]').dataset;

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

// Keeps the page's own files for when there is no network. In a frame, in a private window or on an insecure host it may
// be refused; then the page needs its network, and nothing else changes.
try {
  await navigator.serviceWorker?.register(new URL("sw.js", document.baseURI));
} catch (refused) {
  console.info("Lorascope is not kept for offline use: " + refused);
}
