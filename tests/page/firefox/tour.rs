//! The same tour of the page in both browsers: on the CPU engine every number and every byte is the same.

use serde_json::Value;

use super::{CPU, adapter_and_checkpoints};
use crate::browser::{Browser, Gpu, Kind, Setting, TempDir};
use crate::fixtures::{files, folder};
use crate::report::{array, assert_clean, number};
use crate::spectra::check_figures;

/// What a tour brings back.
struct Souvenirs {
    /// A report after each stage.
    reports: Vec<(&'static str, Value)>,
    resized: Vec<u8>,
}

#[test]
fn firefox_says_what_chromium_says() {
    let there = tour(Setting { gpu: Gpu::Absent, ..Setting::new(Kind::Chromium) });
    let here = tour(CPU);
    for ((stage, report), (_, other)) in here.reports.iter().zip(&there.reports) {
        assert_same(report, other, stage);
    }
    assert_eq!(here.reports.len(), there.reports.len());
    assert!(here.resized == there.resized, "the downloaded adapters are not the same bytes");
}

fn tour(setting: Setting) -> Souvenirs {
    let browser = Browser::start_as(setting);
    println!("{}", browser.version());
    browser.open("?backend=cpu");
    let mut reports = Vec::new();
    let mut keep = |stage: &'static str| {
        browser.expect("done");
        let mut report = browser.export_json();
        assert_clean(&report, stage);
        assert_eq!(report["engine"]["backend"], "cpu", "{stage}");
        report.as_object_mut().expect("an object").remove("engine");
        reports.push((stage, report));
        reports[reports.len() - 1].1.clone()
    };

    browser.click("sample");
    keep("sample");
    browser.until("the domains are drawn", || browser.count("domain-score") > 0);
    assert!(browser.count("module-row") > 0);

    browser.clear();
    let home = TempDir::new("chosen");
    browser.choose_files("[data-testid=file-input]", &adapter_and_checkpoints(&home));
    let report = keep("alignment");
    check_figures(&report, "peft-lora");
    assert!(number(&array(&report, "alignment")[0], "cosine").abs() > 1e-3, "{}", report["alignment"]);
    browser.click("tab-alignment");
    browser.until("the update is listed", || browser.count("alignment-row") > 0);

    browser.clear();
    browser.choose_files("[data-testid=file-input]", &files("peft-patterns"));
    browser.expect("done");
    browser.click("tab-projection");
    browser.set("projection-rank", 0, "0.95");
    browser.click("project");
    let report = keep("projection");
    let (name, resized) = browser.download("export-adapter");
    assert_eq!(name, "adapter_model.safetensors");
    assert_eq!(report["projection"]["file"]["bytes"], resized.len());

    browser.clear();
    let steps = ["checkpoint-30", "checkpoint-120"].map(|step| {
        let file = folder(&format!("peft-lora-trajectory/{step}/adapter_model.safetensors"));
        home.copy(&file, &format!("{step}.safetensors"))
    });
    browser.drop_paths(&steps);
    browser.expect("done");
    browser.click("tab-compare");
    browser.until("the pair’s modules are listed", || browser.count("compare-row") > 0);
    let report = keep("comparison");
    assert!(number(&array(&report["comparison"], "pairs")[0], "cosine") > 0.1, "{}", report["comparison"]);

    assert_eq!(browser.texts("error"), [""; 0]);
    assert_eq!(browser.problems(), [""; 0]);
    assert_eq!(browser.strangers(), [""; 0], "another machine was asked");
    Souvenirs { reports, resized }
}

/// Equal to the last digit; says where they part.
fn assert_same(a: &Value, b: &Value, path: &str) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{path}: {:?} and {:?}", a.keys(), b.keys());
            a.iter().zip(b.values()).for_each(|((key, a), b)| assert_same(a, b, &format!("{path}.{key}")));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{path}");
            a.iter().zip(b).enumerate().for_each(|(n, (a, b))| assert_same(a, b, &format!("{path}[{n}]")));
        }
        _ => assert_eq!(a, b, "{path}: Firefox and Chromium"),
    }
}
