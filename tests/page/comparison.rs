//! Adapters beside each other as a person sees them: the matrix, a pair, the directions of one module.

use std::path::PathBuf;

use serde_json::Value;

use crate::browser::Browser;
use crate::fixtures::folder;
use crate::report::{array, assert_clean, number, text};

const STEPS: [&str; 4] = ["checkpoint-30", "checkpoint-60", "checkpoint-90", "checkpoint-120"];

#[test]
fn four_states_of_a_training_on_webgpu() {
    four_states_of_a_training("webgpu");
}

#[test]
fn four_states_of_a_training_on_the_cpu() {
    four_states_of_a_training("cpu");
}

fn four_states_of_a_training(backend: &str) {
    let browser = Browser::start();
    browser.open(&format!("?backend={backend}"));
    let paths: Vec<PathBuf> = STEPS.map(|step| folder(&format!("peft-lora-trajectory/{step}"))).into();
    browser.drop_paths(&paths);
    browser.expect("done");
    browser.click("tab-compare");
    browser.until("the matrix is whole", || browser.count("compare-cell") == 16);
    browser.until("the first pair’s modules are listed", || browser.count("compare-row") > 0);
    let report = browser.export_json();
    assert_clean(&report, "report");
    let comparison = &report["comparison"];
    assert_eq!(array(comparison, "pairs").len(), 6);

    // Every cell is what the report says, from both sides of the diagonal.
    let cells = cells(&browser);
    let cosine = |a: &str, b: &str| {
        let found = cells.iter().find(|(one, other, _)| one == a && other == b);
        found.unwrap_or_else(|| panic!("{a} beside {b} is not in {cells:?}")).2
    };
    for a in STEPS {
        assert_eq!(cosine(a, a), 1.0);
        for b in STEPS.into_iter().filter(|b| *b != a) {
            let expected = number(pair(comparison, a, b), "cosine");
            assert!(expected.abs() > 0.1, "states of one training are alike: {a} {b} {expected}");
            assert!((cosine(a, b) - expected).abs() < 1e-12, "{a} {b}: {} for {expected}", cosine(a, b));
            assert_eq!(cosine(a, b), cosine(b, a));
        }
    }

    // A pair that is clicked, on the lower side: its modules and no others.
    browser.click_css("[data-testid=compare-cell][data-a=checkpoint-120][data-b=checkpoint-30]");
    let wanted = pair(comparison, "checkpoint-30", "checkpoint-120");
    browser.until("the rows are those of the pair", || rows(&browser) == modules(wanted));
    let names = browser.texts("compare-pair")[0].clone();
    assert!(names.contains("checkpoint-30") && names.contains("checkpoint-120"), "{names}");

    // A module that is clicked: how its first directions lie within each other.
    let name = modules(wanted)[3].0.clone();
    browser.click_css(&format!("[data-testid=compare-row][data-module='{name}']"));
    browser.until("the directions are those of the module", || {
        browser.texts("compare-module").first().is_some_and(|text| text.contains(&name))
            && browser.exists("[data-testid=overlap-grid]")
    });
    let at = |attribute: &str| {
        let script = "return document.querySelector('[data-testid=overlap-grid]').getAttribute(arguments[0])";
        browser.eval(script, vec![attribute.into()])
    };
    assert_eq!((at("aria-rowcount"), at("aria-colcount")), ("8".into(), "8".into()), "rank 8 beside rank 8");
    let said = || browser.texts("compare-module")[0].clone();
    browser.until("the first cell is read out", || said().contains("φ(1, 1) = "));
    // All 8 directions of both: Σcos² of the angles between the two output spaces, which is the module's overlap.
    press(&browser, "[data-testid=overlap-grid]", "End", true);
    let report = pair(comparison, "checkpoint-30", "checkpoint-120");
    let overlap = array(report, "modules").iter().find(|m| text(m, "name") == name).expect("the module");
    let overlap = crate::report::numbers(overlap, "overlap");
    browser.until("the last cell is read out", || said().contains(&format!("φ(8, 8) = {:.3}", overlap[0])));
    browser.eval("document.querySelectorAll('[data-testid=overlap-side] button')[1].click()", vec![]);
    browser.until("the other side is read out", || said().contains(&format!("φ(8, 8) = {:.3}", overlap[1])));
    assert_eq!(browser.problems(), [""; 0]);
}

/// One tab stop in the matrix; arrows lead over the diagonal, Enter brings a pair into view.
#[test]
fn the_matrix_is_reached_by_keys_and_follows_what_is_there() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora-trajectory/checkpoint-30")]);
    browser.expect("done");
    browser.click("tab-compare");
    browser.until("it says what to drop", || {
        browser.texts("compare-missing").first().is_some_and(|text| text.contains("Drop a second adapter"))
    });
    assert_eq!(browser.count("compare-cell"), 0);

    // The tab stays in view while more is dropped: the comparison comes by itself.
    browser.drop_paths(
        &STEPS[1..3].iter().map(|step| folder(&format!("peft-lora-trajectory/{step}"))).collect::<Vec<_>>(),
    );
    browser.until("three are compared", || browser.count("compare-cell") == 9);
    let stops = browser.count_css("[data-testid=compare-cell][tabindex='0']");
    assert_eq!(stops, 1, "tab stops in the matrix");
    browser.eval("document.querySelector('[data-testid=compare-cell][tabindex=\"0\"]').focus()", vec![]);
    let focused = || {
        let script = "const e = document.activeElement; return [e.dataset.a ?? '', e.dataset.b ?? ''].join(' ')";
        browser.eval(script, vec![]).as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(focused(), "checkpoint-30 checkpoint-60");
    press(&browser, "[data-testid=compare-cell]:focus", "ArrowDown", false);
    browser.until("over the diagonal", || focused() == "checkpoint-90 checkpoint-60");
    browser.eval("document.activeElement.click()", vec![]);
    browser.until("the pair is in view", || {
        browser.texts("compare-pair").first().is_some_and(|text| text.contains("checkpoint-90"))
    });
    assert_eq!(browser.count_css("[data-testid=compare-cell][aria-pressed=true]"), 2, "the pair’s two cells");

    // One goes: the matrix is that of the others.
    browser.click("remove");
    browser.until("two are left", || browser.count("compare-cell") == 4);
    let labels = cells(&browser).into_iter().map(|(a, _, _)| a).collect::<Vec<_>>();
    assert!(!labels.contains(&"checkpoint-30".to_owned()), "{labels:?}");
    assert_eq!(browser.problems(), [""; 0]);
}

/// Presses a key in the element that matches.
fn press(browser: &Browser, selector: &str, key: &str, control: bool) {
    let script = "document.querySelector(arguments[0]).dispatchEvent(new KeyboardEvent('keydown',
        { key: arguments[1], ctrlKey: arguments[2], bubbles: true, cancelable: true }))";
    browser.eval(script, vec![selector.into(), key.into(), control.into()]);
}

/// Both labels and the cosine of every cell.
fn cells(browser: &Browser) -> Vec<(String, String, f64)> {
    let script = "return [...document.querySelectorAll('[data-testid=compare-cell]')]
        .map((e) => [e.dataset.a, e.dataset.b, e.dataset.cosine])";
    let cells = browser.eval(script, vec![]);
    let text = |value: &Value| value.as_str().expect("an attribute").to_owned();
    let cell = |cell: &Value| (text(&cell[0]), text(&cell[1]), text(&cell[2]).parse().expect("a number"));
    cells.as_array().expect("an array").iter().map(cell).collect()
}

/// Name and cosine of every row.
fn rows(browser: &Browser) -> Vec<(String, f64)> {
    let script = "return [...document.querySelectorAll('[data-testid=compare-row]')]
        .map((e) => [e.dataset.module, Number(e.dataset.cosine)])";
    let rows = browser.eval(script, vec![]);
    let row = |row: &Value| (row[0].as_str().expect("a name").to_owned(), row[1].as_f64().expect("a number"));
    rows.as_array().expect("an array").iter().map(row).collect()
}

/// The same of a pair in the report.
fn modules(pair: &Value) -> Vec<(String, f64)> {
    array(pair, "modules").iter().map(|m| (text(m, "name").to_owned(), number(m, "cosine"))).collect()
}

/// A pair in the report, by its labels in any order.
fn pair<'a>(comparison: &'a Value, one: &str, other: &str) -> &'a Value {
    let labels = array(comparison, "adapters");
    let place = |label: &str| labels.iter().position(|l| l == label).expect("an adapter that is compared") as u64;
    let (one, other) = (place(one), place(other));
    let ends = [one.min(other), one.max(other)];
    let is_it = |pair: &&Value| [pair["a"].as_u64(), pair["b"].as_u64()] == ends.map(Some);
    array(comparison, "pairs").iter().find(is_it).expect("the pair")
}
