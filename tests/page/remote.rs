//! Adapters by address, from servers that behave well and badly.

mod server;

use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::{Browser, PLACE};
use crate::fixtures::folder;
use crate::report::{array, assert_clean, numbers, only_adapter, text};
use server::Remote;

const WEIGHTS: &str = "adapter_model.safetensors";

fn open(browser: &Browser, addresses: &[String]) {
    let query: String = addresses.iter().map(|address| format!("&url={address}")).collect();
    browser.open(&format!("url.html?backend=cpu{query}"));
}

fn sigma(adapter: &Value) -> Vec<Vec<f64>> {
    array(adapter, "modules").iter().map(|module| numbers(module, "singular_values")).collect()
}

fn search(browser: &Browser) -> String {
    browser.eval("return location.search", vec![]).as_str().expect("a text").to_owned()
}

#[test]
fn every_good_server_gives_what_a_drop_gives() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    let dropped = browser.export_json();
    let wanted = sigma(only_adapter(&dropped));

    let (server, other) = (Remote::start(), Remote::start());
    server.leads_to(&other);
    for mode in ["plain", "whole", "hidden", "slow", "once", "busy", "moved", "changing"] {
        server.forget();
        open(&browser, &[server.at(&format!("{mode}/peft-lora/{WEIGHTS}"))]);
        browser.expect("done");
        let report = browser.export_json();
        assert_clean(&report, mode);
        assert_eq!(sigma(only_adapter(&report)), wanted, "{mode}");
        assert_eq!(text(only_adapter(&report), "label"), "peft-lora");
        let source = |report| text(&array(only_adapter(report), "modules")[0], "scale_source").to_owned();
        assert_eq!(source(&report), source(&dropped), "{mode}: the configuration came too");
        let whole = browser.texts("warning").iter().any(|text| text.contains("ignores ranges"));
        assert_eq!(whole, mode == "whole", "{mode}: {:?}", browser.texts("warning"));
        assert_eq!(browser.texts("error"), [""; 0], "{mode}");

        let log = server.log();
        let asked = |range| log.iter().position(|r| r.path.ends_with(WEIGHTS) && r.range == Some(range));
        let (head, config) = (asked((0, 262_143)), log.iter().position(|r| r.path.ends_with("adapter_config.json")));
        let rest = log.iter().position(|r| r.range.is_some_and(|(first, _)| first > 0));
        assert!(head.is_some() && head < config, "{mode}: the header comes first: {log:?}");
        assert!(rest.is_none_or(|rest| config < Some(rest)), "{mode}: weights come last: {log:?}");
        // No preflight, and nothing that would ask for one or tell who asks.
        assert!(log.iter().all(|r| r.method == "GET" && r.range.is_some()), "{mode}: {log:?}");
        for request in &log {
            let told = ["cookie", "referer", "authorization", "if-none-match", "if-range"];
            assert!(!request.headers.iter().any(|name| told.contains(&name.as_str())), "{mode}: {request:?}");
        }
    }
    // The address that redirects is asked every time, never the one it led to by itself.
    let paths = |server: &Remote| server.log().iter().filter(|r| r.path.ends_with(WEIGHTS)).count();
    assert_eq!(paths(&other), 2);
}

#[test]
fn bad_servers_are_told_in_words_and_can_be_tried_again() {
    let browser = Browser::start();
    let server = Remote::start();
    for (path, words) in [
        ("nocors/peft-lora", "does not let other pages read its files"),
        ("plain/nowhere/x", "has no such file (404)"),
        ("closed/peft-lora", "without a login (401)"),
        ("html/peft-lora", "a web page (HTML)"),
        ("always/peft-lora", "the connection broke off after"),
    ] {
        let name = if path.ends_with('x') { "absent.safetensors" } else { WEIGHTS };
        let address = server.at(&format!("{path}/{name}"));
        open(&browser, std::slice::from_ref(&address));
        browser.expect("error");
        let errors = browser.texts("error");
        assert!(
            errors.len() == 1 && errors[0].starts_with(&address) && errors[0].contains(words),
            "{path}: {errors:?}"
        );
        assert_eq!(browser.count("retry"), 1);
        assert!(search(&browser).contains(&address), "a reload tries again: {}", search(&browser));
    }
    open(&browser, &["nothing".to_owned(), "ftp://example.org/a".to_owned()]);
    browser.expect("error");
    let errors = browser.texts("error");
    assert!(errors.len() == 2 && errors[0].contains("nothing: not an address"), "{errors:?}");

    // The second time it is there.
    open(&browser, &[server.at(&format!("later/peft-lora/{WEIGHTS}"))]);
    browser.expect("error");
    browser.click("retry");
    browser.expect("done");
    assert_eq!(browser.count("error") + browser.count("retry"), 0);
    assert_eq!(text(only_adapter(&browser.export_json()), "label"), "peft-lora");
}

#[test]
fn the_header_shows_before_the_weights_and_cancel_stops_the_requests() {
    let browser = Browser::start();
    let server = Remote::start();
    open(&browser, &[server.at(&format!("held/peft-lora/{WEIGHTS}"))]);
    browser.until("the header is shown", || browser.count("outline") == 1);
    assert_eq!(browser.state(), "loading");
    let outline = browser.texts("outline")[0].clone();
    for word in ["peft-lora", "measuring", "PEFT LoRA", "Rank", "Shapes", "×"] {
        assert!(outline.contains(word), "{word} is not in: {outline}");
    }
    assert_eq!(browser.count("module-row"), 0);
    let progress = "return document.querySelector('[data-testid=progress]')?.textContent ?? ''";
    let says = || browser.eval(progress, vec![]).as_str().is_some_and(|text| text.contains("from 127.0.0.1"));
    browser.until("the progress says what is loading", says);

    browser.click("cancel");
    browser.expect("idle");
    assert_eq!(browser.count("outline"), 0);
    let asked = server.log().len();
    server.release();
    browser.until("the connection is closed", || server.left() > 0);
    let sent = server.sent();
    assert!(sent < 440_000, "{sent}: it was cancelled in the middle");
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!((server.sent(), server.log().len()), (sent, asked), "nothing is asked for or sent any more");

    // The page goes on as before.
    browser.drop_in_the_middle(&[folder("peft-lora")]);
    browser.expect("done");
    browser.until("the header gives way to the analysis", || browser.count("outline") == 0);
}

#[test]
fn repositories_and_several_addresses_load_as_one() {
    let browser = Browser::start();
    let server = Remote::start();
    let first = server.at(&format!("org/peft-lora/resolve/main/{WEIGHTS}"));
    let second = server.at("org/peft-rslora-attn/tree/main");
    open(&browser, &[first.clone(), second.clone()]);
    browser.expect("done");
    let report = browser.export_json();
    let labels: Vec<&str> = array(&report, "adapters").iter().map(|adapter| text(adapter, "label")).collect();
    assert_eq!(labels, ["peft-lora", "peft-rslora-attn"]);
    let names: Vec<&str> = array(&report, "files").iter().map(|file| text(file, "name")).collect();
    assert!(names.contains(&"org/peft-lora/adapter_config.json"), "{names:?}");
    for adapter in array(&report, "adapters") {
        let source = text(&array(adapter, "modules")[0], "scale_source");
        assert!(source.contains("alpha"), "its configuration came too: {source}");
    }
    assert_eq!(search(&browser), format!("?backend=cpu&url={first}&url={second}"));

    // What is removed does not come back with a reload; what is cleared neither.
    browser.click("remove");
    browser.until("the address bar has one address", || search(&browser) == format!("?backend=cpu&url={second}"));
    browser.clear();
    browser.until("the address bar has none", || search(&browser) == "?backend=cpu");

    // A repository whose list has to be asked.
    browser.type_into("address", &server.at("org/listed/tree/main"));
    browser.click("load-address");
    browser.expect("done");
    let report = browser.export_json();
    assert_eq!(text(only_adapter(&report), "label"), "deep");
    let log = server.log();
    assert!(log.iter().any(|r| r.path == "/api/models/org/listed/tree/main?recursive=true"), "{log:?}");
    assert!(search(&browser).ends_with("org/listed/tree/main"), "{}", search(&browser));
}

#[test]
fn a_link_can_carry_the_address_and_is_computed_anew() {
    let browser = Browser::start();
    let server = Remote::start();
    open(&browser, &[server.at(&format!("plain/peft-lora/{WEIGHTS}"))]);
    browser.expect("done");
    let report = browser.export_json();
    browser.click("tab-projection");
    browser.click("share");
    browser.click("share-address");
    let mut link = String::new();
    browser.until("the link has the address", || {
        let value = browser.eval("return document.querySelector('[data-testid=share-link]').value", vec![]);
        link = value.as_str().expect("a text").to_owned();
        link.contains("url.html?url=")
    });
    assert!(!link.contains("backend"), "{link}");
    let other = Browser::start();
    other.visit(&link);
    other.until("it is computed anew", || other.state() == "done");
    assert_eq!(sigma(only_adapter(&other.export_json())), sigma(only_adapter(&report)));
    let chosen = "return document.querySelector('[data-testid=tab-projection]').getAttribute('aria-selected')";
    other.until("its view is there too", || other.eval(chosen, vec![]) == "true");
    assert_eq!(other.problems(), [""; 0]);
}

#[test]
fn the_strict_page_leads_to_the_one_that_may_connect() {
    let browser = Browser::start();
    let server = Remote::start();
    let address = server.at(&format!("plain/peft-lora/{WEIGHTS}"));
    browser.open(&format!("?backend=cpu&url={address}#kept"));
    let path = || browser.eval("return location.pathname + location.search + location.hash", vec![]);
    browser.until("the other page is there", || {
        path() == json!(format!("{PLACE}url.html?backend=cpu&url={address}#kept"))
    });
    browser.expect("done");
    assert_eq!(browser.count("entry-note"), 1);

    // Typed on the strict page; nothing is held.
    browser.open("?backend=cpu");
    assert_eq!(browser.count("entry-note"), 0);
    browser.type_into("address", "what is this");
    browser.click("load-address");
    let complains = || browser.eval("return document.querySelector('.address .complaint')?.textContent ?? ''", vec![]);
    browser.until("the field complains", || complains().as_str().is_some_and(|text| text.contains("not an address")));
    browser.type_into("address", &address);
    browser.click("load-address");
    browser.until("the other page is there", || path() == json!(format!("{PLACE}url.html?backend=cpu&url={address}")));
    browser.until("it has loaded", || browser.state() == "done");

    // Pasted onto the page, behind a result.
    let paste = "const data = new DataTransfer();
        data.setData('text/plain', arguments[0]);
        document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }))";
    let pasted = server.at(&format!("plain/peft-patterns/{WEIGHTS}"));
    browser.eval(paste, vec![json!(pasted)]);
    browser.until("two adapters are held", || browser.count("item") == 2 && browser.state() == "done");
    browser.open("?backend=cpu");
    browser.eval(paste, vec![json!(pasted)]);
    let value = "return document.querySelector('[data-testid=address]').value";
    browser.until("the field is filled", || browser.eval(value, vec![]) == json!(pasted));

    // With something dropped, the other page opens beside this one.
    browser.open("?backend=cpu");
    browser.drop_in_the_middle(&[folder("peft-lora")]);
    browser.expect("done");
    browser.eval("window.open = (...args) => { window.__opened = args; return null }", vec![]);
    browser.click("add-address");
    browser.until("the field is there", || browser.count("address") == 1);
    browser.type_into("address", "org/name@v1/lora.safetensors");
    browser.click("load-address");
    let opened = browser.eval("return window.__opened", vec![]);
    assert_eq!(opened, json!(["./url.html?backend=cpu&url=org/name@v1/lora.safetensors", "_blank", "noopener"]));
    assert_eq!(browser.count("item"), 1);
    assert_eq!(browser.problems(), [""; 0]);
}
