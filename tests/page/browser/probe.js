// Runs in every document before the page's own scripts (in Firefox once it is loaded), and watches: what the engine sends, what the console is
// told, what the status was, how long the main thread was busy.
(() => {
  if (window.__probe) return;
  const probe = { messages: [], problems: [], alerts: [], states: [], longTasks: [], kinds: [], mark: 0 };
  Object.defineProperty(window, "__probe", { value: probe });

  // Bytes that a structured clone of `root` carries. Files and Blobs pass by reference: they count nothing.
  const measure = (root) => {
    let bytes = 0, binary = 0;
    const stack = [root], seen = new Set();
    while (stack.length) {
      const value = stack.pop();
      if (typeof value === "string") bytes += value.length;
      else if (typeof value === "number" || typeof value === "bigint") bytes += 8;
      else if (typeof value === "boolean") bytes += 1;
      else if (value && typeof value === "object" && !seen.has(value)) {
        seen.add(value);
        if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)
            || (window.SharedArrayBuffer && value instanceof SharedArrayBuffer)) {
          bytes += value.byteLength;
          binary += value.byteLength;
        } else if (value instanceof Blob) continue;
        else if (value instanceof Map) for (const [k, v] of value) stack.push(k, v);
        else if (value instanceof Set || Array.isArray(value)) for (const v of value) stack.push(v);
        else for (const [k, v] of Object.entries(value)) { bytes += k.length; stack.push(v); }
      }
    }
    return { bytes, binary };
  };

  const Native = window.Worker;
  window.Worker = class Worker extends Native {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", (event) => {
        const at = performance.now();
        probe.messages.push({ at, ...measure(event.data) });
        const { msg } = event.data ?? {};
        if (msg && msg !== "Alive") probe.kinds.push(typeof msg === "string" ? msg : Object.keys(msg)[0]);
      });
      this.addEventListener("error", (event) => probe.problems.push(`worker error: ${event.message}`));
      this.addEventListener("messageerror", () => probe.problems.push("worker message that cannot be read"));
    }
  };

  const text = (value) => value instanceof Error ? `${value.name}: ${value.message}` : String(value);
  const error = console.error;
  console.error = (...args) => { probe.problems.push(`console.error: ${args.map(text).join(" ")}`); error.apply(console, args); };
  window.addEventListener("error", (event) => probe.problems.push(`uncaught: ${event.message || event.target?.tagName}`), true);
  window.addEventListener("unhandledrejection", (event) => probe.problems.push(`rejected: ${text(event.reason)}`));
  document.addEventListener("securitypolicyviolation", (event) => probe.problems.push(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  for (const name of ["alert", "confirm", "prompt"]) window[name] = (said) => { probe.alerts.push(String(said)); };

  const note = () => {
    const state = document.querySelector("[data-testid=status]")?.dataset.state;
    if (!state || state === probe.states.at(-1)?.state) return;
    const entry = { state, at: performance.now() };
    probe.states.push(entry);
    // A frame's callbacks run before it is painted: with the second, the first is on the screen.
    requestAnimationFrame(() => requestAnimationFrame(() => { entry.drawn = performance.now(); }));
  };
  new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-state"] });
  note();
  if (PerformanceObserver.supportedEntryTypes.includes("longtask")) new PerformanceObserver((list) => { for (const task of list.getEntries()) probe.longTasks.push(task.duration); })
    .observe({ type: "longtask", buffered: true });

  // When the person last dropped or pressed something.
  for (const name of ["drop", "click"]) {
    window.addEventListener(name, () => { probe.acted = performance.now(); }, true);
  }

  // Presses Cancel as soon as the page has been analysing for `after` milliseconds.
  probe.cancelWhileAnalyzing = (after) => {
    delete probe.cancelledAt;
    const timer = setInterval(() => {
      const last = probe.states.at(-1);
      const button = document.querySelector("[data-testid=cancel]");
      if (last?.state !== "analyzing" || performance.now() - last.at < after || !button) return;
      clearInterval(timer);
      probe.cancelledAt = performance.now();
      button.click();
    }, 5);
  };
})();
