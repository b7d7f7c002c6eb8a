// The service worker: after a first visit the page opens without a network. The build puts BUILD, the build's name,
// and FILES, all its files, before these lines. It keeps nothing but these: no adapter, no download. Of the samples it
// keeps those that were asked for.
//
// Hosts share an origin between projects, so the cache's name holds the folder, and only caches of this folder go.
const PREFIX = `lorascope:${new URL(registration.scope).pathname}:`;
const CACHE = PREFIX + BUILD;
// Worker files have the build's name as their query; see src/engine/source/worker.rs.
const WORKER_FILES = ["watchdog.js", "engine_loader.js", "engine.js", "engine_bg.wasm", "reader.js", "helper.js"];
// Some hosts leave the ending out.
const PAGES = {
  "": "index.html", "index": "index.html", "index.html": "index.html", "url": "url.html", "url.html": "url.html",
};
const PATIENCE_MS = 3000;
const SAMPLES = "sample/";

const address = (file) => {
  const url = new URL(file.split("/").map(encodeURIComponent).join("/"), registration.scope);
  if (WORKER_FILES.includes(file)) url.search = BUILD;
  return url.href;
};

self.addEventListener("install", (event) => {
  const now = FILES.filter((file) => !file.startsWith(SAMPLES));
  event.waitUntil(caches.open(CACHE).then((cache) => Promise.all(now.map((file) => keep(cache, file)))));
});

async function keep(cache, file) {
  const response = await fetch(address(file), { cache: "no-cache" });
  if (!response.ok) throw new Error(`${file}: ${response.status}`);
  // A host that leads index.html to its folder: browsers take no redirected answer for a page, but its content.
  await cache.put(address(file), response.redirected ? new Response(response.body, response) : response);
}

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith(PREFIX) && name !== CACHE;
  const gone = caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name))));
  event.waitUntil(gone.then(() => clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || !url.href.startsWith(registration.scope)) return;
  const page = PAGES[url.pathname.slice(new URL(registration.scope).pathname.length)];
  if (request.mode === "navigate" && page) event.respondWith(newest(request, address(page)));
  else event.respondWith(kept(request));
});

// An entry page: from the network, so that a new build shows; the one that is kept where the network is gone or slow.
async function newest(request, kept) {
  const known = await (await caches.open(CACHE)).match(kept);
  const network = fetch(request);
  if (!known) return network;
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, known));
  const online = network.then((response) => (response.ok ? response : known), () => known);
  return Promise.race([online, late]);
}

// Every other file: its name or its query says which build it is of. One that is asked for again has more in its query.
async function kept(request) {
  const cache = await caches.open(CACHE);
  const known = await cache.match(request.url.replace(/&again.*$/, ""));
  if (known) return known;
  const is_sample = FILES.some((file) => file.startsWith(SAMPLES) && address(file) === request.url);
  // Its name does not say which build it is of: what the browser has of it may be of the last one.
  const response = await fetch(request, is_sample ? { cache: "no-cache" } : {});
  // A full disk only means that it is asked for again.
  if (is_sample && response.ok) await cache.put(request, response.clone()).catch(() => {});
  return response;
}
