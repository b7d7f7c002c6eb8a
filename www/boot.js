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
