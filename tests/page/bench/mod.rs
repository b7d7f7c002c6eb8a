//! The benchmarks of the page, which `cargo xtask bench` runs: they report, and assert nothing about time.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xtask::bench::records;

use crate::browser::{Browser, Gpu, PATIENCE, TempDir};
use crate::fixtures::{write_8b_adapter_of_rank, write_adapter};

mod alignment;
mod comparison;
mod extraction;
mod peers;
mod profile;
mod projection;

/// Bytes of one read, of which two are under way in a file.
const RANGE: u64 = 16 << 20;
/// What the page says it spent its time with, by the names of its `performance` entries.
const PHASES: [&str; 4] = ["read", "upload", "compute", "algebra"];

/// A page that is measured.
struct Page {
    /// What its records' keys begin with.
    key: &'static str,
    folder: PathBuf,
}

/// The page of this tree, and beside it the one in the folder that `LORASCOPE_BENCH_BEFORE` names: `dist/` of a tree that
/// this one is compared with. They take turns, so that both meet the same machine.
fn pages() -> Vec<Page> {
    let before = std::env::var_os("LORASCOPE_BENCH_BEFORE").filter(|folder| !folder.is_empty());
    let before = before.map(|folder| Page { key: "before", folder: folder.into() });
    [Page { key: "page", folder: xtask::build::dist() }].into_iter().chain(before).collect()
}

impl Page {
    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.key)
    }

    /// Without a GPU.
    fn browser(&self) -> Browser {
        Browser::start_in(self.folder.clone(), Gpu::Absent)
    }
}

/// Milliseconds since navigation, by the page's own clock.
struct Times {
    /// The drop or the click.
    acted: f64,
    /// The status says that it is done.
    done: f64,
    /// The engine's last message before that.
    message: f64,
    /// The first frame after it has been painted.
    drawn: f64,
}

impl Times {
    /// Seconds from the person's action to the painted result.
    fn since_action(&self) -> f64 {
        (self.drawn - self.acted) / 1e3
    }

    fn since_navigation(&self) -> f64 {
        self.drawn / 1e3
    }

    fn draw(&self) -> f64 {
        (self.drawn - self.message.min(self.done)) / 1e3
    }
}

/// Waits inside the page, so that nothing asks it questions while it works, until what the last action began is done
/// and painted.
fn painted(browser: &Browser) -> Times {
    let script = "const p = window.__probe;
        return new Promise((answer) => {
          // WebDriver gives a script half a minute.
          const end = performance.now() + 10000;
          const look = () => {
            const last = p.states.at(-1);
            const settled = p.states.length > p.mark && ['done', 'error'].includes(last.state);
            if (settled && last.drawn) {
              const message = p.messages.findLast((m) => m.at <= last.at)?.at ?? last.at;
              answer({ state: last.state, acted: p.acted, done: last.at, message, drawn: last.drawn });
            } else if (performance.now() > end) answer(null);
            else setTimeout(look, 10);
          };
          look();
        })";
    let begun = std::time::Instant::now();
    loop {
        let said = browser.eval(script, vec![]);
        if said["state"] == "done" {
            let number = |key: &str| said[key].as_f64().unwrap_or_else(|| panic!("no {key} in {said}"));
            let [acted, done, message, drawn] = ["acted", "done", "message", "drawn"].map(number);
            return Times { acted, done, message, drawn };
        }
        assert!(said.is_null() && begun.elapsed() < PATIENCE, "it is not done\n{}", browser.situation());
    }
}

/// A fresh browser without a GPU, the page in it, and an adapter dropped as soon as there is a place to drop it.
fn profiled(adapter: &Path) -> (Browser, Times) {
    let browser = Browser::start_with(Gpu::Absent);
    browser.visit(&format!("{}/", browser.server()));
    let script = "return new Promise((answer) => {
        const look = () => document.querySelector('[data-testid=drop-zone]') ? answer(true) : setTimeout(look, 1);
        look();
      })";
    browser.eval(script, vec![]);
    browser.drop_paths(&[adapter.to_path_buf()]);
    let times = painted(&browser);
    (browser, times)
}

/// Seconds that the engine spent with a phase of the last job; `None` where the page does not say.
fn phase(browser: &Browser, name: &str) -> Option<f64> {
    let script = "return performance.getEntriesByName(arguments[0], 'measure').at(-1)?.duration ?? null";
    browser.eval(script, vec![json!(name)]).as_f64().map(|milliseconds| milliseconds / 1e3)
}

/// Seconds for reading files in ranges, as the engine reads them, and nothing else.
fn bare_read(browser: &Browser, files: &[PathBuf]) -> f64 {
    browser.eval(
        "const input = document.createElement('input'); input.type = 'file'; input.multiple = true; input.id = 'bare';
         document.body.append(input)",
        vec![],
    );
    browser.choose_files("#bare", files);
    let script = "const step = arguments[0], input = document.getElementById('bare'), files = [...input.files];
        window.__bare = null;
        (async () => {
          const start = performance.now();
          for (let at = 0; at < files[0].size; at += 2 * step) {
            const parts = files.flatMap((file) => [file.slice(at, at + step), file.slice(at + step, at + 2 * step)]);
            await Promise.all(parts.map((part) => part.arrayBuffer()));
          }
          window.__bare = (performance.now() - start) / 1000;
          input.remove();
        })()";
    browser.eval(script, vec![json!(RANGE)]);
    let mut seconds = None;
    browser.until("the bare read is done", || {
        seconds = browser.eval("return window.__bare", vec![]).as_f64();
        seconds.is_some()
    });
    seconds.expect("seconds")
}

/// An adapter of one small module, and those of 8B shapes at these ranks: each a key and a folder.
fn write_adapters(home: &TempDir, ranks: &[u64]) -> Vec<(String, PathBuf)> {
    let tiny = home.path().join("tiny");
    write_adapter(&tiny, &[("self_attn.q_proj", [64, 64])], 1, 4);
    let mut adapters = vec![("tiny".to_owned(), tiny)];
    for &rank in ranks {
        let folder = home.path().join(format!("rank-{rank}"));
        write_8b_adapter_of_rank(&folder, rank);
        adapters.push((rank.to_string(), folder));
    }
    for (_, folder) in &adapters {
        // Into the system's cache, so that the disk is not what is measured.
        drop(std::fs::read(weights(folder)).expect("a written file"));
    }
    adapters
}

fn weights(adapter: &Path) -> PathBuf {
    adapter.join("adapter_model.safetensors")
}

/// Which browser and which engine, and how many rounds.
fn report_facts(browser: &Browser) {
    records::fact("browser", &browser.version());
    records::fact("rounds", &records::rounds().to_string());
    let engine = &browser.export_json()["engine"];
    let backend = match engine["backend"].as_str() {
        Some("webgpu") => format!("GPU, {}", engine["adapter_name"].as_str().unwrap_or("of no name")),
        _ => "CPU".to_owned(),
    };
    let workers = engine["workers"].as_u64().unwrap_or(1);
    records::fact("engine", &format!("{backend}, {workers} worker{}", if workers == 1 { "" } else { "s" }));
}

/// Samples by key, in the order of the keys' first.
#[derive(Default)]
struct Samples(Vec<(String, Vec<f64>)>);

impl Samples {
    fn push(&mut self, key: String, value: f64) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, samples)) => samples.push(value),
            None => self.0.push((key, vec![value])),
        }
    }

    fn report(self) {
        for (key, samples) in self.0 {
            records::report(&key, &samples);
        }
    }
}

/// The report, where figures would mean nothing without it.
fn modules_of(browser: &Browser) -> usize {
    let report: Value = browser.export_json();
    crate::report::array(crate::report::only_adapter(&report), "modules").len()
}
