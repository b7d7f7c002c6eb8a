// One more instance of the engine, for a share of the CPU's work. The first message is the engine's own compiled
// module; once it runs, it listens for tasks itself (src/engine/worker/helper.rs).
const { base, build } = self.lorascope;
self.lorascope.helps = true;
importScripts(`${base}engine.js?${build}`);
onmessage = ({ data: module }) => {
  onmessage = null;
  wasm_bindgen({ module_or_path: module }).then(() => postMessage("ready"), (error) => { setTimeout(() => { throw error; }); });
};
