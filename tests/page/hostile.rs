//! Files that must be refused, warned of or survived, one after the other in a page that is never reloaded.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::browser::{Browser, TempDir};
use crate::fixtures::{fixtures, json_file, write_twenty_thousand_modules};
use crate::report::{array, assert_clean, only_adapter, text};

#[test]
fn every_verdict_on_webgpu() {
    every_verdict("webgpu");
}

#[test]
fn every_verdict_on_the_cpu() {
    every_verdict("cpu");
}

fn every_verdict(backend: &str) {
    let made = TempDir::new("hostile");
    let browser = Browser::start();
    browser.open(&format!("?backend={backend}"));
    let manifest = json_file(&fixtures().join("hostile/manifest.json"));
    let manifest = manifest.as_object().expect("verdicts by file");
    assert!(manifest.len() > 50, "the manifest lists {} files", manifest.len());
    let mut failures = Vec::new();
    for (name, case) in manifest {
        browser.drop_paths(&[file(name, &made), config()]);
        let settled = browser.settled();
        if let Err(text) = verdict(&browser, name, case, &settled) {
            failures.push(format!("{name} ({}): {text}\n{}", case["because"], browser.situation()));
        }
        browser.clear();
        a_good_adapter_still_works(&browser, name);
    }
    let problems = browser.problems();
    assert!(failures.is_empty() && problems.is_empty(), "{}\nconsole: {problems:#?}", failures.join("\n"));
}

/// The manifest's verdict against the page's.
fn verdict(browser: &Browser, name: &str, case: &Value, settled: &str) -> Result<(), String> {
    let (errors, warnings) = (browser.texts("error"), browser.texts("warning"));
    let said = |texts: &[String]| {
        let pattern = regex_lite::Regex::new(&format!("(?i){}", text(case, "must_say"))).expect("a pattern");
        texts.iter().any(|text| pattern.is_match(text))
    };
    let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    match text(case, "verdict") {
        "refuse" => {
            ensure(settled == "error", "it is not refused")?;
            ensure(errors.len() == 1, "it does not end in one error")?;
            ensure(errors[0].contains(name), "the error does not name the file")?;
            ensure(said(&errors), "the error does not say what is wrong")
        }
        "warn" => {
            ensure(settled == "done", "there is no result")?;
            ensure(errors.is_empty(), "there is an error beside the result")?;
            ensure(said(&warnings), "no warning says what is wrong")?;
            clean_result(browser)
        }
        "accept" => {
            ensure(settled == "done", "there is no result")?;
            ensure(errors.is_empty(), "there is an error beside the result")?;
            ensure(warnings.is_empty(), "there is a warning")?;
            ensure(!browser.exists("img[src='x'], script:not([src])"), "markup of the file became part of the page")?;
            clean_result(browser)
        }
        other => Err(format!("the manifest has a verdict `{other}`")),
    }
}

fn clean_result(browser: &Browser) -> Result<(), String> {
    let report = browser.export_json();
    assert_clean(&report, "report");
    let modules = array(only_adapter(&report), "modules").len();
    if modules > 0 { Ok(()) } else { Err("the report has no module".to_owned()) }
}

fn a_good_adapter_still_works(browser: &Browser, after: &str) {
    browser.drop_paths(&[fixtures().join("hostile/ok.safetensors"), config()]);
    let settled = browser.settled();
    assert_eq!(settled, "done", "a good adapter after {after}\n{}", browser.situation());
    assert_eq!(browser.count("module-row"), 1, "a good adapter after {after}\n{}", browser.situation());
    browser.clear();
}

fn config() -> PathBuf {
    fixtures().join("hostile/adapter_config.json")
}

fn file(name: &str, made: &TempDir) -> PathBuf {
    if name != "twenty-thousand-modules.safetensors" {
        return fixtures().join("hostile").join(Path::new(name));
    }
    let path = made.path().join(name);
    write_twenty_thousand_modules(&path);
    path
}
