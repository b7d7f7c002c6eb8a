// Lorascope for other pages: `import { analyze } from "https://…/lorascope.js"`.
//
// The files are read and computed in a worker on the machine of whoever looks at your page; this module sends nothing
// anywhere. It fetches its own parts (watchdog.js, engine_loader.js, engine.js, engine_bg.wasm, reader.js, helper.js) from the folder
// in which it lies. From another origin that host must send `Access-Control-Allow-Origin`, as GitHub Pages does, and a
// Content-Security-Policy of your page must allow, HOST being that origin:
// `script-src HOST 'wasm-unsafe-eval'; connect-src HOST; worker-src blob:`.

/** The version of this interface. It moves when a page that was written for the old one would break. */
export const version = 1;

/**
 * @typedef {File | { name: string, file: Blob }} Input  `name` is the path relative to what the person chose:
 *   a configuration belongs to the weights in its own folder.
 * @typedef {{ text: string, done: number, total: number }} Progress  What is being done, and bytes of tensors done.
 * @typedef {object} Options
 * @property {"auto" | "webgpu" | "cpu"} [backend]  "auto", which is WebGPU where there is a hardware adapter.
 * @property {(progress: Progress) => void} [onProgress]
 * @property {AbortSignal} [signal]  Ends the work; the promise rejects with the signal's reason.
 */

/** Nothing could be analysed: `problems` says why, one text per problem, each for a person. */
export class LorascopeError extends Error {
  /** @param {string[]} problems */
  constructor(problems) {
    super(problems.join("\n") || "Nothing could be analysed.");
    this.name = "LorascopeError";
    this.problems = problems;
  }
}

/**
 * Analyses adapters. Several calls may run at once; each has an engine of its own.
 *
 * @param {Iterable<Input>} files  An adapter's weights and its configuration, as chosen or dropped by a person.
 * @param {Options} [options]
 * @returns {Promise<object>}  The report: what “Export JSON” saves on Lorascope's own page (its schema version is
 *   `report.lorascope`), and in `report.warnings`, where there are any, a text for each file that could not be used.
 */
export async function analyze(files, { backend = "auto", onProgress, signal } = {}) {
  signal?.throwIfAborted();
  if (!["auto", "webgpu", "cpu"].includes(backend)) throw new TypeError(`no backend is called ${backend}`);
  const inputs = Array.from(files, (input) => {
    const blob = input instanceof Blob ? input : input.file;
    const name = input instanceof Blob ? input.webkitRelativePath || input.name : input.name;
    if (!(blob instanceof Blob) || !name) throw new TypeError("analyze takes Files, or objects of a name and a file");
    return { name, file: blob instanceof File ? blob : new File([blob], name) };
  });

  let worker, stop;
  try {
    worker = await start();
    signal?.throwIfAborted();
    return await new Promise((resolve, reject) => {
      const fail = (...problems) => reject(new LorascopeError(problems));
      const warnings = [];
      const answers = {
        Started: () => send({ Load: { paths: inputs.map((input) => input.name) } }, inputs.map((input) => input.file)),
        NoBackend: ({ text }) => fail(text),
        Panicked: ({ text }) => fail(`The engine stopped: ${text}`),
        Progress: (progress) => onProgress?.(progress),
        Finished: ({ outcome, problems }) => {
          const texts = problems.map((problem) => problem.text);
          if (outcome !== "Done") return fail(...texts);
          warnings.push(...texts);
          send("Report");
        },
        Report: ({ report }) => {
          if (report.adapters.length === 0) return fail("There is no adapter among the files.", ...warnings);
          resolve(warnings.length ? { ...report, warnings } : report);
        },
      };
      let job = 0;
      const send = (msg, parts = []) => worker.postMessage({ job: ++job, msg, parts });
      stop = () => reject(signal.reason);
      signal?.addEventListener("abort", stop);
      worker.onmessage = ({ data: { msg } }) => {
        // A message is its kind alone, or an object of its kind and what comes with it.
        const [[kind, content]] = typeof msg === "string" ? [[msg, {}]] : Object.entries(msg);
        try {
          answers[kind]?.(content);
        } catch (error) {
          reject(error);
        }
      };
      worker.onerror = (event) => {
        event.preventDefault();
        fail(event.message || `The engine could not be loaded from ${new URL(".", import.meta.url)}`);
      };
      send({ Start: { backend } });
    });
  } finally {
    worker?.terminate();
    signal?.removeEventListener("abort", stop);
  }
}

// The build puts its name here: as the query of these files it keeps caches from mixing builds.
const build = "unfinished";

/** The engine, watched: see watchdog.js. */
async function start() {
  const base = new URL(".", import.meta.url).href;
  const { startEngine } = await import(`${base}watchdog.js?${build}`);
  return startEngine({ base, build });
}
