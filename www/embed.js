// The example of embedding: a file is chosen, its report is asked for, some of it is shown.
import { analyze } from "./lorascope.js";

const files = document.getElementById("files");
const stop = document.getElementById("stop");
const said = document.getElementById("said");
const result = document.getElementById("result");
const options = { backend: new URLSearchParams(location.search).get("backend") ?? "auto" };
let running;

files.addEventListener("change", async () => {
  running?.abort();
  const mine = (running = new AbortController());
  stop.disabled = false;
  result.replaceChildren();
  say("Reading …");
  try {
    const report = await analyze(files.files, { ...options, signal: mine.signal, onProgress: ({ text }) => say(text) });
    const warnings = [...(report.warnings ?? []), ...report.adapters.flatMap((adapter) => adapter.warnings)];
    say([`Computed on ${report.engine.backend === "cpu" ? "the CPU" : "the GPU"}.`, ...warnings].join("\n"));
    result.replaceChildren(...report.adapters.map(show));
  } catch (error) {
    if (mine === running) say(mine.signal.aborted ? "Stopped." : error.message, !mine.signal.aborted);
  }
  if (mine === running) stop.disabled = true;
});
stop.addEventListener("click", () => running?.abort());

function say(text, bad = false) {
  said.textContent = text;
  said.classList.toggle("bad", bad);
}

// Texts of the report come from files: they are set as text, never as markup.
function element(name, content = "", ...children) {
  const made = document.createElement(name);
  made.textContent = content;
  made.append(...children);
  return made;
}

function table(heads, rows) {
  const head = (text, scope) => Object.assign(element("th", text), { scope });
  const cell = (content) => (content instanceof Node ? element("td", "", content) : element("td", content));
  const cells = ([name, ...others]) => [head(name, "row"), ...others.map(cell)];
  const top = element("thead", "", element("tr", "", ...heads.map((text) => head(text, "col"))));
  return element("table", "", top, element("tbody", "", ...rows.map((row) => element("tr", "", ...cells(row)))));
}

function show(adapter) {
  const percent = (x) => `${(100 * x).toFixed(1)} %`;
  const share = (x, of) => Object.assign(element("meter"), { value: x, ariaLabel: of });
  const domains = Object.entries(adapter.domains.scores).map(([key, score]) => [key, percent(score), share(score, key)]);
  const strongest = [...adapter.modules].sort((a, b) => b.energy_share - a.energy_share).slice(0, 8);
  const modules = strongest.map((m) => [m.name, percent(m.energy_share), m.frobenius.toPrecision(4), m.effective_rank.toFixed(2)]);
  const { min, max } = adapter.rank;
  const about = `${adapter.format}, ${adapter.modules.length} modules, rank ${min === max ? min : `${min} to ${max}`}`;
  return element("section", "",
    element("h2", adapter.label),
    element("p", about),
    table([`Domain (${adapter.domains.scheme}, a heuristic)`, "Score", ""], domains),
    table(["The strongest modules", "Energy share", "‖ΔW‖", "Effective rank"], modules));
}
