//! For everyone: by keyboard alone, and without a serious finding of axe-core (Deque, 4.14.1, MPL-2.0, as published on
//! npm) on any screen, light and dark.

use serde_json::Value;

use crate::browser::Browser;
use crate::fixtures::folder;

const TAB: char = '\u{E004}';
const ENTER: char = '\u{E007}';
const ESCAPE: char = '\u{E00C}';
const HOME: char = '\u{E011}';
const RIGHT: char = '\u{E014}';
const DOWN: char = '\u{E015}';
const UP: char = '\u{E013}';

const AXE: &str = include_str!("axe/axe-4.14.1.min.js");

#[test]
fn axe_finds_nothing_serious() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    each_theme(&browser, "start");
    browser.drop_paths(&[folder("hostile/no-lora.safetensors")]);
    browser.expect("error");
    each_theme(&browser, "error");
    browser.drop_paths(&[folder("peft-lora"), folder("llama-mini/base")]);
    browser.expect("done");
    browser.click("scheme-edit");
    for tab in browser_tabs(&browser) {
        browser.click(&tab);
        each_theme(&browser, &tab);
    }
    browser.drop_paths(&[folder("peft-lora-trajectory/checkpoint-60")]);
    browser.expect("done");
    browser.click("tab-compare");
    browser.until("the two are compared", || browser.exists("[data-testid=overlap-grid]"));
    each_theme(&browser, "two adapters beside each other");
    browser.click("share");
    browser.until("the link is there", || browser.exists("[data-testid=share-link]"));
    each_theme(&browser, "the link");
    browser.press(ESCAPE);
    browser.press('?');
    each_theme(&browser, "the list of keys");
    // It does find what is wrong.
    browser.eval("document.querySelector('dialog[open]').append(new Image())", vec![]);
    assert!(serious(&browser)["told"].as_array().is_some_and(|told| !told.is_empty()));
    browser.open("url.html?backend=cpu");
    each_theme(&browser, "the page that loads by address");
}

/// The hooks of the tabs that are there.
fn browser_tabs(browser: &Browser) -> Vec<String> {
    let script = "return [...document.querySelectorAll('[role=tab]')].map((tab) => tab.dataset.testid)";
    let tabs = browser.eval(script, vec![]);
    let tabs: Vec<String> =
        tabs.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    assert!(tabs.len() >= 3, "{tabs:?}");
    tabs
}

fn each_theme(browser: &Browser, screen: &str) {
    for theme in ["light", "dark"] {
        browser.prefer(theme);
        // Colours change in transitions, which begin with the next frame.
        let moving = "getComputedStyle(document.body).color;
            return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
                done(document.getAnimations().length))))";
        browser.until("the colours have changed", || browser.eval(moving, vec![]) == 0);
        let found = serious(browser);
        assert!(found["passes"].as_u64() > Some(5), "axe looked at nothing: {found}");
        assert_eq!(found["told"], Value::Array(vec![]), "{screen}, {theme}: {found:#}");
    }
}

/// What axe says of the page as it is.
fn serious(browser: &Browser) -> Value {
    if browser.eval("return typeof axe", vec![]) != "object" {
        browser.eval(AXE, vec![]);
    }
    let run = "return axe.run(document, { resultTypes: ['violations'] }).then(({ violations, passes }) => {
        const told = violations.filter((v) => ['serious', 'critical'].includes(v.impact)).flatMap((v) =>
            v.nodes.map((n) => `${v.id}: ${v.help}: ${n.target.join(' ')}: ${n.failureSummary}`));
        return { told, passes: passes.length } })";
    browser.eval(run, vec![])
}

/// From the first screen to a module's spectrum and a saved report without a pointer.
#[test]
fn the_keyboard_is_enough() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    tab_to(&browser, "sample");
    browser.press(ENTER);
    browser.expect("done");
    tab_to(&browser, "tab-overview");
    for (key, tab) in [(RIGHT, "tab-alignment"), (HOME, "tab-overview")] {
        browser.press(key);
        browser.until(&format!("{tab} has the focus and is chosen"), || {
            let script = "const e = document.activeElement; return e.getAttribute('aria-selected') === 'true' && e.dataset.testid";
            browser.eval(script, vec![]) == tab
        });
    }
    tab_to(&browser, "heatmap");
    let picked = || browser.texts("spectrum").concat();
    let before = picked();
    for key in [HOME, RIGHT, DOWN, ENTER] {
        browser.press(key);
    }
    browser.until("another module is in view", || picked() != before);
    tab_back_to(&browser, "export-json");
    browser.press(ENTER);
    let (_, json) = browser.downloaded("the report");
    assert!(serde_json::from_slice::<Value>(&json).is_ok());
    browser.press('?');
    browser.until("the list of keys is open", || browser.exists("dialog[open]"));
    browser.press(ESCAPE);
    browser.until("it is closed again", || !browser.exists("dialog[open]"));
    assert_eq!(focused(&browser), "export-json", "the focus goes back to where it was");
}

/// A scheme is copied, changed and saved without a pointer, and each field says what it is.
#[test]
fn a_scheme_is_edited_by_keys_alone() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    tab_to(&browser, "scheme-edit");
    let scores = || browser.texts("domain-score").concat();
    let before = scores();
    browser.press(ENTER);
    browser.until("the editor is there", || browser.exists("[data-testid=scheme-editor]"));
    browser.until("its name has the focus", || focused(&browser) == "scheme-name");
    tab_to(&browser, "scheme-weight");
    let named = "return document.activeElement.getAttribute('aria-label')";
    assert_eq!(browser.eval(named, vec![]), "Early layers, embeddings: weight for Statute recall");
    // On to attention, the next row of which the adapter has modules.
    (0..3).for_each(|_| browser.press(TAB));
    assert_eq!(browser.eval(named, vec![]), "Early layers, attention: weight for Statute recall");
    browser.press(UP);
    browser.until("the scores move with the weight", || scores() != before);
    let moved = scores();
    browser.press('9');
    browser.until("and with what is typed", || scores() != moved);
    // What is no value is said at once, and changes nothing.
    let typed = scores();
    tab_to(&browser, "scheme-threshold");
    (0..3).for_each(|_| browser.press('9'));
    let said = "return document.querySelector('[data-testid=scheme-problem]')?.getAttribute('role') ?? ''";
    browser.until("the problem is announced", || browser.eval(said, vec![]) == "alert");
    assert_eq!(scores(), typed);
    tab_back_to(&browser, "scheme-weight");
    tab_to(&browser, "scheme-save");
    browser.press(ENTER);
    let (name, json) = browser.downloaded("the scheme");
    assert_eq!(name, "Legal-exam-copy.scheme.json");
    assert!(serde_json::from_slice::<Value>(&json).is_ok_and(|json| json["lorascope_scheme"] == 1));
}

/// Everything that takes the focus shows it, nothing keeps it, and nothing that is hidden takes it.
#[test]
fn the_focus_is_seen_and_goes_all_the_way_round() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    for tab in browser_tabs(&browser) {
        browser.click(&tab);
        browser.eval("document.activeElement.blur(); scrollTo(0, 0)", vec![]);
        let mut seen = Vec::new();
        for _ in 0..400 {
            browser.press(TAB);
            let script = "const e = document.activeElement;
                if (!e || e === document.body) return null;
                const style = getComputedStyle(e), box = e.getBoundingClientRect();
                e.dataset.seen ??= String(Math.random());
                return { name: e.outerHTML.slice(0, 120), id: e.dataset.seen, shown: e.matches(':focus-visible') &&
                    (style.outlineStyle !== 'none' || style.boxShadow !== 'none'), size: box.width * box.height,
                    hidden: e.closest('[hidden], [aria-hidden=true]') !== null }";
            let now = browser.eval(script, vec![]);
            // Between the last and the first stop the browser's own bars have the focus.
            if now.is_null() {
                continue;
            }
            if seen.contains(&now["id"]) {
                break;
            }
            assert_eq!(now["shown"], true, "{tab}: its focus is not seen: {now}");
            assert_eq!(now["hidden"], false, "{tab}: hidden and focused: {now}");
            assert!(now["size"].as_f64() > Some(1.0), "{tab}: focused and nowhere: {now}");
            seen.push(now["id"].clone());
        }
        assert!((10..400).contains(&seen.len()), "{tab}: {} stops", seen.len());
    }
}

fn focused(browser: &Browser) -> String {
    let script = "return document.activeElement?.dataset.testid ?? ''";
    browser.eval(script, vec![]).as_str().unwrap_or_default().to_owned()
}

/// Presses Tab until this hook has the focus.
fn tab_to(browser: &Browser, hook: &str) {
    for _ in 0..300 {
        if focused(browser) == hook {
            return;
        }
        browser.press(TAB);
    }
    panic!("Tab never came to {hook}\n{}", browser.situation());
}

fn tab_back_to(browser: &Browser, hook: &str) {
    for _ in 0..300 {
        if focused(browser) == hook {
            return;
        }
        browser.press_with_shift(TAB);
    }
    panic!("Shift and Tab never came to {hook}\n{}", browser.situation());
}
