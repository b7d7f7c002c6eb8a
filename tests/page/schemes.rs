//! Schemes that a person edits: the scores follow at once, and are the same once they were saved, dropped or shared.

use std::fs;
use std::time::Duration;

use lorascope_protocol::report::AdapterReport;
use lorascope_protocol::scheme::Scheme;
use serde_json::Value;

use crate::browser::{Browser, TempDir};
use crate::fixtures::folder;
use crate::report::{assert_clean, only_adapter, text};
use crate::share::{fragment, shared_link};

/// Labels and scores, as they are shown.
fn scores(browser: &Browser) -> Vec<(String, f64)> {
    let script = "return [...document.querySelectorAll('[data-testid=domain-score]')].map((e) =>
        [e.querySelector('.bar-name').textContent, Number(e.dataset.score)])";
    let scores: Vec<(String, f64)> = serde_json::from_value(browser.eval(script, vec![])).expect("labels and scores");
    assert!((scores.iter().map(|(_, score)| score).sum::<f64>() - 1.0).abs() < 1e-6, "{scores:?}");
    scores
}

fn assert_same(a: &[(String, f64)], b: &[(String, f64)], tolerance: f64) {
    assert_eq!(a.len(), b.len(), "{a:?}, {b:?}");
    for ((label, x), (other, y)) in a.iter().zip(b) {
        assert_eq!(label, other);
        assert!((x - y).abs() <= tolerance, "{label}: {x} became {y}");
    }
}

#[test]
fn an_edited_scheme_scores_the_same_wherever_it_goes() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    let built_in = scores(&browser);
    browser.click("scheme-edit");
    browser.until("the editor is there", || browser.exists("[data-testid=scheme-editor]"));
    assert_same(&built_in, &scores(&browser), 1e-12);
    assert_eq!(browser.count("scheme-weight"), 3 * 12, "a weight for every depth and kind, for each domain");
    // Early, middle and late attention, the first domain.
    for (row, weight) in [(1, "2.5"), (5, "0.25"), (9, "0")] {
        browser.set("scheme-weight", 3 * row, weight);
    }
    browser.click("scheme-add-domain");
    browser.until("there is a fourth domain", || browser.count("scheme-weight") == 4 * 12);
    browser.set("scheme-domain", 3, "<b>Mine</b>");
    (0..12).for_each(|row| browser.set("scheme-weight", 4 * row + 3, "1"));
    browser.set("scheme-name", 0, "Court files");
    browser.set("scheme-threshold", 0, "20");
    let edited = scores(&browser);
    assert_eq!(edited[3].0, "<b>Mine</b>", "a label is text");
    assert!(edited[..3].iter().zip(&built_in).all(|(a, b)| a.1 != b.1), "{edited:?}");
    // A weight that is none changes nothing, and is said.
    browser.type_into("scheme-weight", "-3");
    browser.until("the problem is said", || browser.count("scheme-problem") == 1);
    assert_same(&edited, &scores(&browser), 0.0);
    browser.set("scheme-weight", 0, "1.5");

    let report = browser.export_json();
    assert_clean(&report, "report");
    let adapter: AdapterReport = serde_json::from_value(only_adapter(&report).clone()).expect("an adapter's report");
    let own: &Scheme = adapter.domains.own.as_ref().expect("the scheme is in the report");
    assert_eq!((own.name.as_str(), own.tag_threshold), ("Court files", Some(0.2)));
    let expected = own.score_modules(&adapter.modules);
    for ((key, score), (_, shown)) in expected.scores.iter().zip(&edited) {
        assert!((score.as_f64().expect("a number") - shown).abs() < 1e-12, "{key}");
    }
    assert_eq!(browser.count("tag"), expected.tags.len() as u64);
    let link = shared_link(&browser);
    let (name, scheme) = browser.download("scheme-save");
    assert_eq!(name, "Court-files.scheme.json");
    assert_eq!(browser.problems(), [""; 0]);
    drop(browser);

    let home = TempDir::new("schemes");
    let (saved, saved_report) = (home.path().join(name), home.path().join("report.json"));
    fs::write(&saved, scheme).expect("room");
    fs::write(&saved_report, serde_json::to_vec(&report).expect("JSON")).expect("room");
    let other = Browser::start();
    other.open("?backend=cpu");
    // First the scheme, then what it scores; then the other way round.
    other.drop_paths(std::slice::from_ref(&saved));
    other.expect("done");
    assert!(other.texts("item")[0].contains("scores every adapter"), "{:?}", other.texts("item"));
    other.drop_paths(&[folder("peft-lora")]);
    other.expect("done");
    assert_same(&edited, &scores(&other), 1e-12);
    other.click_css("[data-testid=item][data-kind=scheme] [data-testid=remove]");
    other.until("it goes with its item", || scores(&other).len() == 3);
    assert_same(&built_in, &scores(&other), 1e-12);
    other.drop_paths(&[saved]);
    other.until("it is there again", || scores(&other).len() == 4);
    assert_same(&edited, &scores(&other), 1e-12);
    other.clear();
    other.drop_paths(&[saved_report]);
    other.expect("done");
    assert_same(&edited, &scores(&other), 1e-12);
    drop(other);

    let third = Browser::start();
    third.open(&format!("?backend=cpu{}", fragment(&link)));
    third.until("the link is shown", || third.state() == "done");
    assert_same(&edited, &scores(&third), 1e-6);
    // For the next adapter it can be chosen.
    third.drop_paths(&[folder("peft-rslora-attn")]);
    third.expect("done");
    assert_eq!(scores(&third).len(), 3, "what fits the model");
    third.set("scheme", 0, "own-1");
    third.until("the scheme of the link scores", || scores(&third).len() == 4);
    for (scheme, first) in [("by-block", "Attention"), ("legal-exam", "Statute recall"), ("own-1", "Statute recall")] {
        third.set("scheme", 0, scheme);
        let count = match scheme {
            "own-1" => 4,
            "by-block" => 1,
            _ => 3,
        };
        third.until(&format!("{scheme} scores"), || scores(&third).len() == count);
        assert_eq!(scores(&third)[0].0, first);
    }
    assert_eq!(third.problems(), [""; 0]);
}

#[test]
fn a_damaged_scheme_is_a_sentence_and_the_page_goes_on() {
    let home = TempDir::new("damaged-schemes");
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    let before = scores(&browser);
    for (name, scheme, said) in [
        ("no-domains", r#"{"lorascope_scheme":1,"name":"x","domains":[],"rules":[]}"#, "0 domains"),
        (
            "hostile",
            r#"{"lorascope_scheme":1,"name":"<img src=x onerror=alert(1)>","domains":[{"key":"a"}],"rules":[{"weights":{"a":1e999}}]}"#,
            "not valid JSON",
        ),
        ("newer", r#"{"lorascope_scheme":9}"#, "newer Lorascope"),
    ] {
        let path = home.path().join(format!("{name}.json"));
        fs::write(&path, scheme).expect("room");
        browser.drop_paths(&[path]);
        browser.until(&format!("{name} is refused"), || {
            browser.texts("error").iter().any(|error| error.contains(name) && error.contains(said))
        });
        assert_same(&before, &scores(&browser), 0.0);
    }
    // Text stays text.
    let path = home.path().join("markup.json");
    let scheme = r#"{"lorascope_scheme":1,"name":"<img src=x>","domains":[{"key":"<i>a</i>"}],"rules":[{"weights":{"<i>a</i>":1}}]}"#;
    fs::write(&path, scheme).expect("room");
    browser.drop_paths(&[path]);
    browser.until("it scores", || scores(&browser).len() == 1);
    assert!(!browser.exists("main img") && !browser.exists(".domains i"));
    let report: Value = browser.export_json();
    assert_eq!(text(&only_adapter(&report)["domains"], "scheme"), "<img src=x>");
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn the_editor_fits_a_phone() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    browser.click("scheme-edit");
    (0..3).for_each(|_| browser.click("scheme-add-domain"));
    browser.until("there are six domains", || browser.count("scheme-weight") == 6 * 12);
    for (width, height) in [(1280, 1600), (390, 844)] {
        browser.viewport(width, height);
        for theme in ["light", "dark"] {
            browser.prefer(theme);
            let script = "document.querySelector('.domains').scrollIntoView({ block: 'start', behavior: 'instant' })";
            browser.eval(script, vec![]);
            std::thread::sleep(Duration::from_millis(300));
            browser.screenshot(&format!("scheme-editor-{width}-{theme}"));
            assert!(!browser.has_horizontal_overflow(), "{width} px wide, {theme}");
        }
    }
    // Every field can be touched.
    let small = "return [...document.querySelectorAll('.scheme-editor input, .scheme-editor button')].filter((e) => {
        const box = e.getBoundingClientRect(); return box.height < 24 || box.width < 24 }).length";
    assert_eq!(browser.eval(small, vec![]), 0);
    assert_eq!(browser.problems(), [""; 0]);
}
