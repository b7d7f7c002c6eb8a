//! Workers that never answer: each is replaced once, after that the page works without it, and says so. Nothing that
//! was dropped meanwhile is lost.

use std::time::Duration;

use serde_json::Value;

use crate::browser::{Browser, TempDir, Times};
use crate::fixtures::{folder, write_8b_adapter};
use crate::report::{array, assert_clean, only_adapter, text};
use crate::spectra::check_figures;

/// Twice the patience with the engine's own workers, and a little more.
const BOTH_GIVEN_UP: Duration = Duration::from_secs(12);

/// Nothing went wrong but what was withheld, of whose end a browser may speak.
fn assert_quiet(browser: &Browser, withheld: &str) {
    let others: Vec<String> = browser.problems().into_iter().filter(|text| !text.contains(withheld)).collect();
    assert_eq!(others, [""; 0]);
}

fn reason(report: &Value) -> &str {
    text(&report["engine"], "reason")
}

/// A browser in which only the page asks for the page's files, and so only it waits for what is withheld.
fn browser() -> Browser {
    let browser = Browser::start();
    browser.before_the_page("delete Navigator.prototype.serviceWorker");
    browser
}

/// Drops an adapter before the engine has said anything, and gives the report.
fn dropped_at_once(browser: &Browser, query: &str) -> Value {
    browser.visit(&format!("{}/{query}", browser.server()));
    browser.until("the page is there", || browser.exists("[data-testid=drop-zone]"));
    assert!(!browser.exists("[data-testid=backend][data-backend]"), "the engine is not there yet");
    browser.drop_paths(&[folder("peft-lora")]);
    assert_eq!(browser.settled(), "done", "{:#?}\n{}", browser.requests(), browser.situation());
    let report = browser.export_json();
    assert_clean(&report, "report");
    check_figures(&report, "peft-lora");
    assert_eq!(browser.texts("error"), [""; 0]);
    report
}

#[test]
fn an_engine_that_gives_no_answer_is_started_anew() {
    for file in ["engine_loader.js", "engine.js"] {
        let browser = browser();
        browser.withhold(file, Times::First(1));
        let report = dropped_at_once(&browser, "?backend=cpu");
        assert!(reason(&report).ends_with("; the engine gave no answer and was started anew"), "{}", reason(&report));
        assert_quiet(&browser, file);
    }
}

#[test]
fn the_third_engine_works_without_workers_of_its_own() {
    let browser = browser();
    browser.withhold("engine_loader.js", Times::First(2));
    let report = dropped_at_once(&browser, "?backend=cpu");
    let said = "; the engine gave no answer twice and was started anew, without readers and helpers";
    assert!(reason(&report).ends_with(said), "{}", reason(&report));
    assert_eq!(report["engine"]["workers"], 1);
    let asked = |file: &str| browser.requests().iter().filter(|line| line.contains(file)).count();
    assert_eq!((asked("/helper.js"), asked("/reader.js")), (0, 0), "{:?}", browser.requests());
    assert_quiet(&browser, "engine_loader.js");
}

#[test]
fn helpers_that_give_no_answer_are_replaced_once() {
    let folder = TempDir::new("silent");
    write_8b_adapter(folder.path());
    let analysed = |times| {
        let browser = browser();
        browser.withhold("helper.js", times);
        browser.open("?backend=cpu");
        let cores = browser.eval("return navigator.hardwareConcurrency", vec![]).as_u64().unwrap_or_default();
        browser.drop_paths(&[folder.path().to_path_buf()]);
        browser.expect("done");
        let report = browser.export_json();
        assert_clean(&report, "report");
        assert_eq!(array(only_adapter(&report), "modules").len(), 224);
        assert_eq!(browser.texts("error"), [""; 0]);
        assert_quiet(&browser, "helper.js");
        (report, if cores < 2 { 0 } else { cores.min(8) })
    };
    let (replaced, helpers) = analysed(Times::First(1));
    let (without, _) = analysed(Times::Always);
    assert_eq!(without["engine"]["workers"], 1);
    assert_eq!(replaced["adapters"], without["adapters"]);
    if helpers > 0 {
        // Chromium asks once for what several want at the same time.
        assert!(reason(&replaced).contains(" gave no answer and w"), "{}", reason(&replaced));
        assert!(reason(&replaced).ends_with(" replaced"), "{}", reason(&replaced));
        assert_eq!(replaced["engine"]["workers"], helpers);
        let said = format!("; {helpers} helpers gave no answer twice, and the work is done without");
        assert!(reason(&without).contains(&said), "{}", reason(&without));
    }
}

#[test]
fn readers_that_give_no_answer_are_done_without() {
    let adapter = TempDir::new("silent");
    write_8b_adapter(adapter.path());
    let browser = browser();
    browser.withhold("reader.js", Times::Always);
    // An engine with a GPU has readers on every machine.
    browser.open("?backend=webgpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    std::thread::sleep(BOTH_GIVEN_UP);
    browser.drop_paths(&[adapter.path().to_path_buf()]);
    browser.expect("done");
    let report = browser.export_json();
    assert_clean(&report, "report");
    let said = "; 2 readers gave no answer twice, and the work is done without";
    assert!(reason(&report).ends_with(said), "{}", reason(&report));
    assert_eq!(array(&report, "adapters").len(), 2);
    assert_quiet(&browser, "reader.js");
}
