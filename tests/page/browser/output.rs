//! What a person sees and gets, and what the probe saw.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Browser, Kind};

/// Chromium's log in the profile's folder; it repeats every line that a console is told.
pub const CONSOLE: &str = "console.log";

/// What came from the engine so far.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    pub messages: usize,
    pub largest: u64,
    pub total: u64,
    /// Bytes in ArrayBuffers and typed arrays.
    pub binary: u64,
}

impl Browser {
    pub fn exists(&self, selector: &str) -> bool {
        self.count_css(selector) > 0
    }

    /// How many elements have this hook.
    pub fn count(&self, hook: &str) -> u64 {
        self.count_css(&format!("[data-testid={hook}]"))
    }

    pub fn count_css(&self, selector: &str) -> u64 {
        let count = self.eval("return document.querySelectorAll(arguments[0]).length", vec![json!(selector)]);
        count.as_u64().expect("a length")
    }

    /// The texts of all elements with this hook.
    pub fn texts(&self, hook: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(`[data-testid=${arguments[0]}]`)].map((e) => e.textContent)";
        strings(&self.eval(script, vec![json!(hook)]))
    }

    /// The exported report: the file that the button downloads, parsed.
    pub fn export_json(&self) -> Value {
        let (_, bytes) = self.download("export-json");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// The file that a button downloads: its name and its bytes.
    pub fn download(&self, hook: &str) -> (String, Vec<u8>) {
        self.download_css(&format!("[data-testid={hook}]"))
    }

    /// The same of the first element that matches.
    pub fn download_css(&self, selector: &str) -> (String, Vec<u8>) {
        self.click_css(selector);
        self.downloaded(selector)
    }

    /// The file that is being downloaded: its name and its bytes.
    pub fn downloaded(&self, what: &str) -> (String, Vec<u8>) {
        let mut found = None;
        let mut before = None;
        self.until(&format!("{what} has downloaded"), || {
            // Whole when it has its last name and no longer grows.
            let files = fs::read_dir(self.downloads.path()).expect("the folder of downloads");
            let files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
            let [file] = files.as_slice() else { return false };
            let len = fs::metadata(file).map_or(0, |data| data.len());
            let is_whole = len > 0 && before == Some((file.clone(), len));
            before = Some((file.clone(), len));
            if !is_whole || file.extension().is_none_or(|e| e == "crdownload" || e == "part" || e == "tmp") {
                return false;
            }
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            found = Some((name, fs::read(file).expect("a downloaded file can be read")));
            fs::remove_file(file).expect("a downloaded file can be removed");
            true
        });
        found.expect("a download")
    }

    pub fn traffic(&self) -> Traffic {
        let script = "let t = { messages: 0, largest: 0, total: 0, binary: 0 };
            for (const m of window.__probe.messages) {
                t.messages++; t.total += m.bytes; t.binary += m.binary; t.largest = Math.max(t.largest, m.bytes);
            }
            return t";
        let traffic = self.eval(script, vec![]);
        let number = |key: &str| traffic[key].as_u64().expect("a count");
        let messages = usize::try_from(number("messages")).expect("a small count");
        Traffic { messages, largest: number("largest"), total: number("total"), binary: number("binary") }
    }

    /// The longest task of the main thread in milliseconds; 0 where none passed 50.
    pub fn longest_task(&self) -> f64 {
        self.eval("return Math.max(0, ...window.__probe.longTasks)", vec![]).as_f64().expect("a duration")
    }

    /// Milliseconds from pressing Cancel to the state that followed; see `cancel_while_analyzing`.
    pub fn cancel_took(&self) -> f64 {
        let took = self.eval("return window.__probe.states.at(-1).at - window.__probe.cancelledAt", vec![]);
        took.as_f64().unwrap_or_else(|| panic!("Cancel was never pressed\n{}", self.situation()))
    }

    /// What went wrong unseen: errors on any console, exceptions, violated policies, dialogs.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = strings(&self.eval("return [...window.__probe.problems, ...window.__probe.alerts]", vec![]));
        let log = fs::read(self.profile.path().join(CONSOLE)).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let told = log.lines().filter(|line| line.contains(":CONSOLE") || line.contains("panicked at"));
        problems.extend(told.filter(|line| is_problem(line)).map(str::to_owned));
        problems.extend(self.driver.said().into_iter().filter(|line| is_problem_of_firefox(line)));
        problems
    }

    /// "Chrome/140.0.7339.185", headless or not.
    pub fn version(&self) -> String {
        if self.kind == Kind::Firefox {
            let version =
                self.client.capabilities().and_then(|all| Some(all.get("browserVersion")?.as_str()?.to_owned()));
            return format!("Firefox/{}", version.as_deref().unwrap_or("of an unknown version"));
        }
        let said = self.cdp("Browser.getVersion", json!({}));
        let product = said["product"].as_str().unwrap_or("an unknown browser");
        product.trim_start_matches("Headless").to_owned()
    }

    pub fn has_horizontal_overflow(&self) -> bool {
        let script = "return document.scrollingElement.scrollWidth > innerWidth";
        self.eval(script, vec![]).as_bool().expect("a comparison")
    }

    /// Writes `target/screenshots/<name>.png`.
    pub fn screenshot(&self, name: &str) {
        let png = self.wait(self.client.screenshot(), "screenshot");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        fs::create_dir_all(&folder).expect("a folder for screenshots");
        fs::write(folder.join(format!("{name}.png")), png).expect("a screenshot on disk");
    }
}

/// Of the lines that Firefox and its driver print, those of the page and its workers: Firefox's own scripts have errors
/// too. A console's texts are in quotes; what is no text the probe sees.
fn is_problem_of_firefox(line: &str) -> bool {
    let is_of_the_page = line.contains("http://127.0.0.1") || line.contains("blob:");
    line.contains("panicked")
        || line.starts_with("console.error: \"")
        || (line.starts_with("JavaScript error") && is_of_the_page)
}

fn is_problem(line: &str) -> bool {
    line.contains("panicked") || line.contains("ERROR:CONSOLE") || line.contains("Uncaught")
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
