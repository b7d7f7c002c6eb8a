//! Files that must be refused, warned of or survived, one after the other in a page that is never reloaded.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::browser::{Browser, TempDir};
use crate::fixtures::{fixtures, json_file, write_twenty_thousand_modules};
use crate::report::{array, assert_clean, number, only_adapter, text};

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
        println!("{backend}: {name}");
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
            ensure(clean_result(browser)? == 1, "the result is not just the one good module")
        }
        "accept" => {
            ensure(settled == "done", "there is no result")?;
            ensure(errors.is_empty(), "there is an error beside the result")?;
            // The config beside it says rank 2; its 20,000 modules have rank 1.
            let misfit = name == "twenty-thousand-modules.safetensors" && warnings.len() == 1;
            ensure(warnings.is_empty() || misfit && warnings[0].contains("another rank"), "there is a warning")?;
            clean_result(browser)?;
            particulars(browser, name);
            Ok(())
        }
        other => Err(format!("the manifest has a verdict `{other}`")),
    }
}

/// How many modules the report has, which is clean and has some.
fn clean_result(browser: &Browser) -> Result<usize, String> {
    let report = browser.export_json();
    assert_clean(&report, "report");
    let modules = array(only_adapter(&report), "modules").len();
    if modules > 0 { Ok(modules) } else { Err("the report has no module".to_owned()) }
}

/// What some files ask for beyond their verdict.
fn particulars(browser: &Browser, name: &str) {
    let report = browser.export_json();
    let adapter = only_adapter(&report);
    match name {
        "xss-name.safetensors" => {
            let script = "return [...document.images].some((i) => i.getAttribute('src') === 'x')
                || [...document.scripts].some((s) => s.textContent.includes('alert'))";
            assert_eq!(browser.eval(script, vec![]), false, "markup of the file became part of the page");
            let shown = "return document.querySelector('[data-testid=module-row]').dataset.module";
            assert_eq!(browser.eval(shown, vec![]), "<img src=x onerror=alert(1)>.layers.0.q_proj");
        }
        "all-zero.safetensors" => {
            assert_eq!(adapter["domains"]["evidence"], false);
            assert_eq!(adapter["energy"], 0.0);
            let scores = adapter["domains"]["scores"].as_object().expect("scores by domain");
            assert!(scores.len() == 3 && scores.values().all(|score| *score == 0.33), "{scores:?}");
            let said = browser.eval("return document.body.innerText", vec![]);
            assert!(said.as_str().is_some_and(|text| text.to_lowercase().contains("no evidence")), "{said}");
        }
        "twenty-thousand-modules.safetensors" => assert_eq!(array(adapter, "modules").len(), 20_000),
        "huge-values.safetensors" | "ok.safetensors" => {
            let wanted = norm(&fixtures().join("hostile").join(name));
            let got = number(&array(adapter, "modules")[0], "frobenius");
            assert!((got - wanted).abs() <= 1e-5 * wanted, "{name}: Frobenius norm {got}, not {wanted}");
        }
        _ => {}
    }
}

/// ‖s·B·A‖ of a file's only module in f64, with the scale 2 of the config beside it.
fn norm(file: &Path) -> f64 {
    let bytes = std::fs::read(file).expect("a fixture");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("a good file");
    let factor = |suffix: &str| {
        let (_, view) = tensors.iter().find(|(name, _)| name.contains(suffix)).expect("a factor");
        let values = view.data().chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        nalgebra::DMatrix::from_row_iterator(view.shape()[0], view.shape()[1], values)
    };
    2.0 * (factor("lora_B") * factor("lora_A")).norm()
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
