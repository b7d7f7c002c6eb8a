//! `cargo xtask test`: every check, in an order that fails early; and `check`, those that need nothing else.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::browser::{Browser, FLAGS};
use crate::firefox::Firefox;
use crate::proc::{self, Result};
use crate::{build, debian, tools};

/// A step's name for `--only`, its heading, and what it does.
type Step = (&'static str, &'static str, fn(&Setup) -> Result<()>);

const STEPS: [Step; 7] = [
    ("fmt", "Formatting", fmt),
    ("clippy", "Clippy, native and wasm32", clippy),
    ("native", "Native tests, the GPU's among them", native),
    ("kernels", "Kernels in a real browser", kernels),
    ("page", "Release build of the page", release),
    ("page", "The page in a real browser", page),
    ("firefox", "The page in Firefox", in_firefox),
];

/// What the steps need, found or installed when the first of them asks.
#[derive(Default)]
struct Setup {
    browser: OnceCell<Result<Browser>>,
    firefox: OnceCell<Result<Firefox>>,
}

impl Setup {
    fn browser(&self) -> Result<&Browser> {
        self.browser.get_or_init(Browser::ensure).as_ref().map_err(String::clone)
    }

    /// Or why there is none.
    fn firefox(&self) -> Result<&Firefox> {
        self.firefox.get_or_init(Firefox::ensure).as_ref().map_err(String::clone)
    }

    /// Why a step cannot be done here, where it is one that others can do without.
    fn lacks(&self, step: &str) -> Option<String> {
        if step == "firefox" { self.firefox().err() } else { None }
    }
}

/// The tests that need neither a browser nor a GPU, after formatting and clippy. Installs only parts of Rust.
pub fn check() -> Result<()> {
    tools::ensure_rust()?;
    let setup = Setup::default();
    fmt(&setup)?;
    clippy(&setup)?;
    let mut cargo = proc::cargo();
    cargo.args(["test", "--workspace", "--lib", "--bins"]);
    for name in ["format", "house", "protocol", "engine", "memory"] {
        cargo.args(["--test", name]);
    }
    // What runs on both backends runs on the CPU's, and what is about a GPU has the word in its name.
    proc::run(cargo.env("LORASCOPE_BACKENDS", "cpu").args(["--", "--skip", "gpu"]))?;
    println!("\nAll passed of what needs neither a browser nor a GPU. `cargo xtask test` runs the rest.");
    Ok(())
}

/// Runs the steps that `only` names, or all if it is empty, and stops at the first that fails.
pub fn test(only: &[String]) -> Result<()> {
    if let Some(unknown) = only.iter().find(|name| STEPS.iter().all(|step| step.0 != name.as_str())) {
        let mut names = STEPS.map(|step| step.0).to_vec();
        names.dedup();
        return Err(format!("There is no step `{unknown}`. The steps: {}", names.join(", ")));
    }
    let mut times: Vec<(&str, Duration)> = Vec::new();
    let mut timed = |heading: &'static str, step: &mut dyn FnMut() -> Result<()>| {
        println!("\n── {heading}");
        let start = Instant::now();
        let result = step();
        println!("── {heading}: {:.1} s", start.elapsed().as_secs_f64());
        times.push((heading, start.elapsed()));
        result.map_err(|text| format!("{text}\nThe step that failed: {heading}."))
    };
    tools::ensure_rust()?;
    let setup = Setup::default();
    let mut left_out = Vec::new();
    for (name, heading, step) in STEPS {
        if !only.is_empty() && only.iter().all(|wanted| wanted != name) {
            continue;
        }
        match setup.lacks(name) {
            Some(why) if only.is_empty() => left_out.push(format!("{heading}: {why}")),
            Some(why) => return Err(format!("{heading}: {why}")),
            None => timed(heading, &mut || step(&setup))?,
        }
    }
    println!("\n{} passed.", if left_out.is_empty() { "All" } else { "All that could be run" });
    for (heading, time) in &times {
        println!("{:>8.1} s  {heading}", time.as_secs_f64());
    }
    let total: Duration = times.iter().map(|(_, time)| *time).sum();
    println!("{:>8.1} s  in all", total.as_secs_f64());
    for what in left_out {
        println!("Left out: {what}.");
    }
    Ok(())
}

fn fmt(_: &Setup) -> Result<()> {
    proc::run(proc::cargo().args(["fmt", "--all", "--check"]))
}

fn clippy(_: &Setup) -> Result<()> {
    let strict = ["--", "-D", "warnings"];
    proc::run(proc::cargo().args(["clippy", "--workspace", "--all-targets"]).args(strict))?;
    // Benches are native only.
    let native = ["--exclude", "xtask", "--exclude", "lorascope"];
    let wasm = ["clippy", "--workspace", "--target", tools::WASM, "--lib", "--bins", "--tests"];
    proc::run(proc::cargo().args(wasm).args(native).args(strict))
}

/// Every test but those of the page, which need the page built.
fn native(_: &Setup) -> Result<()> {
    debian::ensure_vulkan()?;
    let mut cargo = proc::cargo();
    cargo.args(["test", "--workspace", "--lib", "--bins"]);
    for name in integration_tests()?.iter().filter(|name| *name != "page") {
        cargo.args(["--test", name]);
    }
    proc::run(&mut cargo)?;
    proc::run(proc::cargo().args(["test", "--workspace", "--doc"]))
}

/// The test programs: each is named after the folder of `tests/` that its `main.rs` lies in.
fn integration_tests() -> Result<Vec<String>> {
    let folder = proc::root().join("tests");
    let files = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let is_test = |path: &PathBuf| path.join("main.rs").is_file();
    let paths = files.flatten().map(|file| file.path()).filter(is_test);
    let mut names: Vec<String> = paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

/// The tests of `tests/kernels`, compiled to wasm, in headless Chromium with WebGPU.
fn kernels(setup: &Setup) -> Result<()> {
    let browser = setup.browser()?;
    let mut cargo = proc::cargo();
    cargo.args(["test", "--no-run", "--package", "lorascope-kernels", "--target", tools::WASM, "--test", "kernels"]);
    let wasm = built_test(cargo.arg("--message-format=json-render-diagnostics"))?;
    let folder = proc::target_dir().join("browser");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let chrome = quoted(&browser.chrome.to_string_lossy());
    let args = FLAGS.map(quoted).join(", ");
    let options = format!("{{\"goog:chromeOptions\": {{\"binary\": {chrome}, \"args\": [{args}]}}}}\n");
    let settings = folder.join("webdriver.json");
    std::fs::write(&settings, options).map_err(|e| format!("{}: {e}", settings.display()))?;
    let mut runner = proc::command(tools::ensure_wasm_bindgen()?.join("wasm-bindgen-test-runner"));
    runner.current_dir(&folder).env("CHROMEDRIVER", &browser.driver).arg(&wasm);
    // Seconds for all tests together: a software adapter is slow.
    runner.env("WASM_BINDGEN_TEST_TIMEOUT", "1800").env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60");
    let said = proc::run_and_keep(&mut runner)?;
    if has_passed(&said) { Ok(()) } else { Err("Not one kernel was tested in the browser.".to_owned()) }
}

/// A program without tests ends well too.
fn has_passed(said: &str) -> bool {
    said.lines().any(|line| line.starts_with("test result: ok.") && !line.contains(" 0 passed"))
}

/// Builds, and gives the program that Cargo says it made.
fn built_test(cargo: &mut Command) -> Result<PathBuf> {
    println!("$ cargo test --no-run --target {} --test kernels", tools::WASM);
    let output =
        cargo.stderr(std::process::Stdio::inherit()).output().map_err(|e| format!("Cargo does not start: {e}"))?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let made = executable(&messages).ok_or("Cargo built no test `kernels`.".to_owned());
    if output.status.success() { made } else { Err(format!("The kernels' tests do not build ({}).", output.status)) }
}

/// The `executable` of the test `kernels` among Cargo's JSON messages, one a line; others are of what it needs.
fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut ours = messages.filter(|message| {
        let target = &message["target"];
        target["name"] == "kernels"
            && target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "test"))
    });
    ours.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

fn release(_: &Setup) -> Result<()> {
    build::page(build::Kind::Release)
}

/// Two browsers at a time, so that one starts while the other computes; but what measures memory over many collections
/// has the machine for itself.
fn page(setup: &Setup) -> Result<()> {
    let browser = setup.browser()?;
    heard(page_tests(browser).args(["--show-output", "--test-threads=2", "--skip", "firefox::", "--skip", "many::"]))?;
    heard(page_tests(browser).args(["--show-output", "many::"]))
}

/// The tests of `tests/page/firefox`, which drive both browsers.
fn in_firefox(setup: &Setup) -> Result<()> {
    let firefox = setup.firefox()?;
    let mut tests = page_tests(setup.browser()?);
    tests.args(["--show-output", "--test-threads=1", "firefox::"]);
    heard(tests.env("FIREFOX", &firefox.firefox).env("GECKODRIVER", &firefox.driver))
}

fn heard(tests: &mut Command) -> Result<()> {
    let (well, said) = proc::run_and_hear(tests)?;
    // What failed is said once more at the very end, where one looks: the figures of the others are long.
    well.map_err(|text| format!("{text}\n{}", failures(&said)))?;
    if has_passed(&said) { Ok(()) } else { Err("Not one test of the page was run.".to_owned()) }
}

/// The part of a test program's output that says what failed and why.
fn failures(said: &str) -> &str {
    const HEAD: &str = "\nfailures:\n";
    said.find(HEAD).map_or("", |at| &said[at..])
}

/// The tests of the built page; arguments that follow go to the test program.
pub(crate) fn page_tests(browser: &Browser) -> Command {
    let mut cargo = proc::cargo();
    cargo.env("CHROME", &browser.chrome).env("CHROMEDRIVER", &browser.driver);
    cargo.args(["test", "--workspace", "--test", "page", "--"]);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_among_the_tests() {
        assert!(integration_tests().unwrap().contains(&"page".to_owned()));
    }

    #[test]
    fn only_what_failed_is_repeated() {
        let said =
            "successes:\n\n---- a stdout ----\n12 ms\n\nfailures:\n\n---- b stdout ----\nwhy\n\nfailures:\n    b\n";
        assert_eq!(failures(said), "\nfailures:\n\n---- b stdout ----\nwhy\n\nfailures:\n    b\n");
        assert_eq!(failures("successes:\n    a\n"), "");
    }

    #[test]
    fn cargo_messages_give_the_test_and_not_the_programs_beside_it() {
        let message = |kind: &str, name: &str, file: &str| {
            format!(
                r#"{{"target":{{"kind":["{kind}"],"name":"{name}"}},"executable":"C:\\t\\{file}.wasm","fresh":true}}"#
            )
        };
        let messages = [message("bin", "engine", "engine"), message("test", "kernels", "k"), message("bin", "x", "x")];
        assert_eq!(executable(&messages.join("\n")), Some(PathBuf::from(r"C:\t\k.wasm")));
        assert_eq!(executable(&message("bin", "engine", "engine")), None);
    }
}
