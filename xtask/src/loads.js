// Put into a copy of the page by `cargo xtask loads`: waits for the engine, has the bundled sample analysed, and tells
// the server, whose log is read, how far it came and when.
const tell = (step) => fetch(`told-${step}?${Math.round(performance.now())}`);
const hook = (name) => document.querySelector(`[data-testid=${name}]`);
const once = async (holds) => {
  while (!holds()) await new Promise((later) => setTimeout(later, 20));
};

const state = () => hook("status")?.dataset.state;
await once(() => hook("backend")?.dataset.backend || state() === "error");
await tell(state() === "error" ? "error" : "ready");
await once(() => hook("sample"));
hook("sample").click();
await once(() => ["done", "error"].includes(state()));
await tell(state());
