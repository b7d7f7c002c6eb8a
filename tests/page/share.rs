//! Sharing: a link opened elsewhere without the file, a saved report dropped again, the address and Back.

use std::fs;

use serde_json::{Value, json};

use crate::browser::{Browser, TempDir};
use crate::fixtures::{folder, write_8b_adapter};
use crate::report::{array, assert_clean, number, only_adapter, text};

/// What a short link has at most.
const SHORT: usize = 2_000;

/// What a person sees of an adapter, as texts and numbers.
#[derive(Debug, PartialEq)]
struct Seen {
    label: String,
    facts: Vec<String>,
    tags: Vec<String>,
    /// Names of the table's rows, in its order.
    rows: Vec<String>,
    domains: Vec<(String, f64)>,
    /// The cells of the heatmap's table: texts, and numbers where they are some.
    cells: Vec<String>,
    columns: Vec<Vec<String>>,
}

fn seen(browser: &Browser) -> Seen {
    let mut rows = 0;
    browser.until("no more rows of the table come", || {
        let before = std::mem::replace(&mut rows, browser.count("module-row"));
        std::thread::sleep(std::time::Duration::from_millis(200));
        rows > 0 && rows == before
    });
    let script = "const all = (selector) => [...document.querySelectorAll(selector)];
        const table = all('.heat-panel label').find((l) => l.textContent.includes('As a table')).querySelector('input');
        if (!table.checked) table.click();
        return new Promise((done) => setTimeout(() => {
            const seen = {
                label: document.querySelector('h1').textContent,
                facts: all('.identity dd').map((e) => e.textContent),
                tags: all('[data-testid=tag]').map((e) => e.dataset.tag),
                rows: all('[data-testid=module-row]').map((e) => e.dataset.module),
                domains: all('[data-testid=domain-score]').map((e) => [e.dataset.domain, Number(e.dataset.score)]),
                cells: all('.heat-panel table td').map((e) => e.textContent),
                columns: all('[data-testid=module-row]').map((r) => [...r.querySelectorAll('td')].map((e) => e.textContent)),
            };
            table.click();
            done(seen);
        }, 300))";
    let seen = browser.eval(script, vec![]);
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
    };
    let domain = |pair: &Value| (pair[0].as_str().expect("a key").to_owned(), pair[1].as_f64().expect("a score"));
    Seen {
        label: text(&seen, "label").to_owned(),
        facts: strings(&seen["facts"]),
        tags: strings(&seen["tags"]),
        rows: strings(&seen["rows"]),
        domains: array(&seen, "domains").iter().map(domain).collect(),
        cells: strings(&seen["cells"]),
        columns: array(&seen, "columns").iter().map(strings).collect(),
    }
}

/// Two texts are the same, or numbers that are as near as rounding in a link leaves them.
fn assert_near(a: &str, b: &str) {
    let parsed = |text: &str| {
        let bare: String = text.chars().filter(|c| !matches!(c, '%' | '\u{202f}' | '\u{a0}' | ' ' | ',')).collect();
        bare.replace('−', "-").parse::<f64>().ok()
    };
    match (parsed(a), parsed(b)) {
        // The last digit that is shown may differ by one.
        (Some(x), Some(y)) => assert!((x - y).abs() <= 0.004 * x.abs() + 0.1, "{a} became {b}"),
        _ => assert_eq!(a, b),
    }
}

fn assert_same(a: &Seen, b: &Seen) {
    assert_eq!((&a.label, &a.facts, &a.tags), (&b.label, &b.facts, &b.tags));
    assert_eq!(a.domains.len(), b.domains.len());
    for ((key, x), (other, y)) in a.domains.iter().zip(&b.domains) {
        assert_eq!(key, other);
        assert!((x - y).abs() <= 1e-3, "{key}: {x} became {y}");
    }
    let sorted = |rows: &[String]| {
        let mut rows = rows.to_vec();
        rows.sort();
        rows
    };
    assert!(!a.rows.is_empty() && !a.cells.is_empty());
    assert_eq!(sorted(&a.rows), sorted(&b.rows));
    assert_eq!(a.cells.len(), b.cells.len());
    a.cells.iter().zip(&b.cells).for_each(|(a, b)| assert_near(a, b));
    for (name, row) in a.rows.iter().zip(&a.columns) {
        let at = b.rows.iter().position(|other| other == name).expect("the same rows");
        row.iter().zip(&b.columns[at]).for_each(|(a, b)| assert_near(a, b));
    }
}

/// The link in the dialog, which is closed again by Escape.
pub fn shared_link(browser: &Browser) -> String {
    browser.click("share");
    let link = || {
        let script = "return document.querySelector('[data-testid=share-link]')?.value ?? ''";
        browser.eval(script, vec![]).as_str().unwrap_or_default().to_owned()
    };
    browser.until("there is a link", || !link().is_empty());
    let link = link();
    let focused = "return document.activeElement?.dataset.testid ?? ''";
    browser.until("the focus is on the link", || browser.eval(focused, vec![]) == "share-link");
    let named = "const d = document.querySelector('dialog.sharing');
        return document.getElementById(d.getAttribute('aria-labelledby')).textContent";
    assert_eq!(browser.eval(named, vec![]), "Share this profile");
    let whole = "const d = document.querySelector('dialog.sharing');
        return d.clientHeight > 200 && d.scrollHeight <= d.clientHeight + 1 && d.scrollWidth <= d.clientWidth + 1";
    assert_eq!(browser.eval(whole, vec![]), true, "all of the dialog is in view");
    browser.press_escape();
    browser.until("Escape closes the dialog", || !browser.exists("dialog.sharing[open]"));
    browser.until("the focus is back", || browser.eval(focused, vec![]) == "share");
    link
}

pub fn fragment(link: &str) -> &str {
    &link[link.find('#').expect("a fragment")..]
}

fn hash(browser: &Browser) -> String {
    browser.eval("return location.hash", vec![]).as_str().unwrap_or_default().to_owned()
}

fn open_link(browser: &Browser, fragment: &str) {
    browser.open(&format!("?backend=cpu{fragment}"));
    browser.until("the link is shown", || matches!(browser.state().as_str(), "done" | "error"));
}

#[test]
fn a_link_shows_the_same_in_a_fresh_browser_without_the_file() {
    let first = Browser::start();
    first.open("?backend=cpu");
    assert_eq!(first.count("share"), 0, "there is nothing to share yet");
    first.drop_paths(&[folder("peft-lora")]);
    first.expect("done");
    let link = shared_link(&first);
    println!("peft-lora: {} characters", link.len());
    assert!(link.len() <= SHORT, "{} characters", link.len());
    assert!(!link.contains("backend"), "{link}");
    let before = seen(&first);
    let report = first.export_json();
    assert_eq!(first.problems(), [""; 0]);
    drop(first);

    let second = Browser::start();
    open_link(&second, fragment(&link));
    second.until("the link is shown", || second.state() == "done");
    assert_same(&before, &seen(&second));
    assert!(second.texts("origin")[0].contains("shared link"));
    let again = second.export_json();
    assert_clean(&again, "report");
    let (a, b) = (only_adapter(&report), only_adapter(&again));
    for (x, y) in array(a, "modules").iter().zip(array(b, "modules")) {
        assert!((number(x, "frobenius") / number(y, "frobenius") - 1.0).abs() < 0.005);
    }
    // The address keeps it, and sharing gives the same link.
    assert_eq!(fragment(&shared_link(&second)), fragment(&link));
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(hash(&second), fragment(&link));
    // What needs tensors says so.
    second.click("tab-projection");
    second.until("projection says what it needs", || {
        second.texts("projection-excluded").iter().any(|text| text.contains("own file"))
    });
    // An adapter dropped beside it comes into view, and the link is no longer its address.
    second.drop_paths(&[folder("peft-patterns")]);
    second.expect("done");
    second.until("the payload is gone from the address", || !hash(&second).contains("p="));
    assert_eq!(second.count("item"), 2);
    second.click("remove");
    second.until("one is left", || second.count("item") == 1);
    second.clear();
    second.until("the address is bare", || hash(&second).is_empty());
    assert_eq!(second.problems(), [""; 0]);
}

#[test]
fn an_8b_adapter_shares_its_measures_in_two_thousand_characters() {
    let folder_8b = TempDir::new("8b");
    write_8b_adapter(folder_8b.path());
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder_8b.path().to_path_buf()]);
    browser.expect("done");
    let link = shared_link(&browser);
    println!("8B: {} characters", link.len());
    assert!(link.len() <= SHORT, "{} characters", link.len());
    let before = seen(&browser);
    browser.clear();
    // Put into the open page.
    browser.eval("location.hash = arguments[0]", vec![json!(fragment(&link))]);
    browser.until("the link is shown", || browser.state() == "done" && browser.count("item") == 1);
    assert_same(&before, &seen(&browser));
    assert_eq!(browser.count("unlisted"), 1, "a sentence stands in place of the spectrum");
    assert!(!browser.texts("spectrum")[0].contains("NaN"));
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn a_damaged_link_is_one_error_and_the_page_goes_on() {
    let links = fs::read_to_string(folder("../links/v1-peft-lora.txt")).expect("a kept link");
    let good = format!("#p={}", links.trim());
    let browser = Browser::start();
    open_link(&browser, &good[..good.len() - 9]);
    assert_eq!(browser.state(), "error");
    let errors = browser.texts("error");
    assert!(errors.len() == 1 && errors[0].contains("damaged"), "{errors:?}");
    assert_eq!(browser.count("module-row"), 0);
    browser.eval("location.hash = arguments[0]", vec![json!(good)]);
    browser.until("the whole link is shown", || browser.state() == "done");
    assert_eq!(browser.count("error"), 0);
    browser.until("every module has its row", || browser.count("module-row") == 42);
    // A broken view still opens the data.
    browser.clear();
    browser.until("the address is bare", || hash(&browser).is_empty());
    browser.eval("location.hash = arguments[0]", vec![json!(format!("{good}&tab=%%%&measure=<b>&module=&&="))]);
    browser.until("the data is shown", || browser.state() == "done" && browser.count("module-row") == 42);
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn a_saved_report_dropped_shows_the_same() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    let before = seen(&browser);
    let report = browser.export_json();
    browser.clear();
    let place = TempDir::new("saved");
    let path = place.path().join("lorascope.json");
    fs::write(&path, report.to_string()).expect("room on the disk");
    browser.drop_paths(&[path]);
    browser.expect("done");
    assert_same(&before, &seen(&browser));
    assert!(browser.export_json()["adapters"] == report["adapters"], "other numbers came back");
    assert!(browser.exists("[data-testid=spectrum] svg"), "the spectrum is drawn again");
    let damaged = place.path().join("damaged.json");
    fs::write(&damaged, &report.to_string()[..2000]).expect("room on the disk");
    browser.clear();
    browser.drop_paths(&[damaged]);
    browser.expect("error");
    assert!(browser.texts("error")[0].contains("damaged.json"));
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn the_address_holds_the_view_and_back_goes_to_the_last_tab() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    let query = || browser.eval("return location.search", vec![]);
    assert_eq!(hash(&browser), "", "the first view is bare");
    browser.click("tab-alignment");
    browser.until("the tab is in the address", || hash(&browser) == "#tab=alignment");
    browser.click("tab-projection");
    browser.until("the tab is in the address", || hash(&browser) == "#tab=projection");
    browser.eval("history.back()", vec![]);
    let chosen = |tab: &str| browser.exists(&format!("[data-testid=tab-{tab}][aria-selected=true]"));
    browser.until("Back goes to the tab before", || chosen("alignment"));
    browser.eval("history.back()", vec![]);
    browser.until("and before that to the first one", || chosen("overview") && hash(&browser).is_empty());
    browser.set("heatmap-measure", 0, "stable-rank");
    browser.until("the measure is in the address", || hash(&browser) == "#measure=stable-rank");
    let module = "model.layers.3.mlp.up_proj";
    browser.click_css(&format!("[data-module='{module}']"));
    let wanted = format!("#measure=stable-rank&module={module}");
    browser.until("the module is in the address", || hash(&browser) == wanted);
    assert_eq!(query(), "?backend=cpu", "the query stays");
    let link = shared_link(&browser);
    assert!(link.ends_with(&wanted[1..]), "{link}");
    assert_eq!(browser.problems(), [""; 0]);

    let other = Browser::start();
    open_link(&other, fragment(&link));
    other.until("the link is shown", || other.state() == "done");
    let picked = "return document.querySelector('tr.picked')?.dataset.module ?? ''";
    other.until("its module is in view", || other.eval(picked, vec![]) == module);
    let measure = "return document.querySelector('[data-testid=heatmap-measure]').value";
    assert_eq!(other.eval(measure, vec![]), "stable-rank");
}
