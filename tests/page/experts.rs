//! Experts on the heatmap: one row for each of their parameters, until they are opened.

use crate::browser::Browser;
use crate::fixtures::folder;
use crate::report::{array, only_adapter, text};

#[test]
fn experts_share_a_row_until_they_are_opened() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    assert!(!browser.exists("[data-testid=heatmap-experts]"), "there are no experts to open");
    browser.clear();
    browser.drop_paths(&[folder("reports/unsloth-expert-lists")]);
    browser.expect("done");
    let report = browser.export_json();
    let names: Vec<&str> = array(only_adapter(&report), "modules").iter().map(|m| text(m, "name")).collect();
    let experts = names.iter().filter(|name| name.contains("experts.")).count();
    assert!(experts > 4, "{names:?}");
    let rows = || {
        let script = "const table = [...document.querySelectorAll('.heat-panel label')]
                .find((l) => l.textContent.includes('As a table')).querySelector('input');
            table.click();
            return new Promise((done) => setTimeout(() => {
                const rows = [...document.querySelectorAll('.heat-table tbody th')].map((e) => e.title);
                table.click();
                done(rows);
            }, 100))";
        let rows: Vec<String> = serde_json::from_value(browser.eval(script, vec![])).expect("a list of texts");
        rows
    };
    let closed = rows();
    let shared = |rows: &[String]| rows.iter().filter(|row| row.matches('*').count() == 2).count();
    assert!(shared(&closed) >= 1 && closed.iter().all(|row| !row.contains("experts.0")), "{closed:?}");
    browser.eval("document.querySelector('[data-testid=heatmap]').focus()", vec![]);
    browser.screenshot("experts-closed");
    browser.click("heatmap-experts");
    browser.until("every expert has a row", || rows().len() > closed.len());
    assert_eq!(shared(&rows()), 0);
    browser.screenshot("experts-open");
    browser.click("heatmap-experts");
    browser.until("they share one again", || rows() == closed);
    assert_eq!(browser.problems(), [""; 0]);
}
