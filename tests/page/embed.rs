//! Other pages that ask for a report: the example page, and one of another origin.

use std::fs;

use serde_json::{Value, json};
use xtask::serve::Server;

use crate::browser::{Browser, TempDir};
use crate::fixtures::{files, folder};
use crate::report::{array, assert_clean, number, only_adapter, text};

#[test]
fn the_example_page_shows_the_reports_figures() {
    let browser = Browser::start();
    let report = report_of(&browser, "peft-lora");
    browser.visit(&format!("{}/embed.html?backend=cpu", browser.server()));
    browser.choose_files("#files", &files("peft-lora"));
    browser.until("the report is shown", || browser.exists("#result section"));
    let shown = browser.eval("return document.getElementById('result').innerText", vec![]);
    let shown = shown.as_str().expect("a text");
    let adapter = only_adapter(&report);
    for (domain, score) in adapter["domains"]["scores"].as_object().expect("scores") {
        let score = format!("{:.1} %", 100.0 * score.as_f64().expect("a score"));
        assert!(shown.contains(domain) && shown.contains(&score), "{domain} {score} is not in {shown}");
    }
    let modules = array(adapter, "modules");
    let strongest = modules.iter().max_by(|a, b| number(a, "energy_share").total_cmp(&number(b, "energy_share")));
    assert!(shown.contains(text(strongest.expect("modules"), "name")), "{shown}");

    // What cannot be read is said; the page goes on.
    let home = TempDir::new("embed");
    let broken = home.path().join("broken.safetensors");
    fs::write(&broken, b"this is no adapter").expect("room on the disk");
    // Further files would be added to the chosen ones.
    browser.eval("document.getElementById('files').value = ''", vec![]);
    browser.choose_files("#files", &[broken]);
    browser.until("the problem is said", || browser.exists("#said.bad"));
    let said = browser.eval("return document.getElementById('said').textContent", vec![]);
    assert!(said.as_str().is_some_and(|said| said.contains("broken.safetensors")), "{said}");
    assert!(!browser.has_horizontal_overflow());
    browser.viewport(390, 844);
    assert!(!browser.has_horizontal_overflow(), "on a phone");
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn a_report_is_the_one_that_the_page_exports() {
    let browser = Browser::start();
    let exported = report_of(&browser, "peft-lora");
    browser.visit(&format!("{}/embed.html", browser.server()));
    check_calls(&browser, &browser.server(), &exported);
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn a_page_of_another_origin_gets_the_report() {
    let browser = Browser::start();
    let exported = report_of(&browser, "peft-lora");
    let host = browser.server();
    let home = TempDir::new("origin");
    // The policy is the one that the module's head asks for.
    let page = format!(
        "<!doctype html><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
         script-src {host}/ 'wasm-unsafe-eval'; connect-src {host}/; worker-src blob:\"><link rel=icon href=\"data:,\">\
         <title>Another origin</title><input id=files type=file multiple>"
    );
    fs::write(home.path().join("index.html"), page).expect("room on the disk");
    let other = Server::start(home.path().to_path_buf(), 0).expect("a free port on 127.0.0.1");
    assert_ne!(other.address(), host);
    browser.visit(&other.address());
    check_calls(&browser, &host, &exported);
    assert_eq!(browser.problems(), [""; 0]);
}

/// The report that the page itself exports of these files, chosen one by one.
fn report_of(browser: &Browser, name: &str) -> Value {
    browser.open("?backend=cpu");
    browser.choose_files("[data-testid=file-input]", &files(name));
    browser.expect("done");
    browser.export_json()
}

/// Calls `analyze` in the page that is open, which has an input of the id `files`.
fn check_calls(browser: &Browser, host: &str, exported: &Value) {
    // Gathered below, not chosen for the example page's own script.
    browser.eval("document.getElementById('files').outerHTML = '<input id=given type=file multiple>'", vec![]);
    let mut paths = files("peft-lora");
    paths.push(folder("hostile").join("lfs-pointer.safetensors"));
    browser.choose_files("#given", &paths);
    let call = |body: &str| -> Value {
        let script = format!(
            "window.__answer = undefined;
            const kind = (error) => ({{ name: error.name, message: error.message, problems: error.problems ?? null }});
            (async () => {{
                const {{ analyze, version, LorascopeError }} = await import(arguments[0] + '/lorascope.js');
                const given = [...document.getElementById('given').files];
                const [weights, config, pointer] = given;
                const cpu = {{ backend: 'cpu' }};
                {body}
            }})().then((done) => window.__answer = {{ done }}, (error) => window.__answer = {{ failed: kind(error) }})"
        );
        browser.eval(&script, vec![json!(host)]);
        browser.until("the call has ended", || browser.eval("return window.__answer !== undefined", vec![]) == true);
        browser.eval("return window.__answer", vec![])
    };

    let answer = call("return [version, await analyze([weights, config], cpu)]");
    assert_eq!(answer["done"][0], 1, "{answer}");
    same(&answer["done"][1], exported, "report");
    assert_clean(&answer["done"][1], "report");

    // Objects of a name and a Blob; the progress; a file that is of no use is said beside the report.
    let answer = call(
        "const said = [];
        const blob = (file) => new Blob([file]);
        const all = [{ name: 'run/adapter_model.safetensors', file: blob(weights) },
            { name: 'run/adapter_config.json', file: blob(config) }, { name: 'pointer.safetensors', file: pointer }];
        const report = await analyze(all, { ...cpu, onProgress: (progress) => said.push(progress) });
        return { report, said }",
    );
    let report = &answer["done"]["report"];
    assert_eq!(text(only_adapter(report), "label"), "run", "{answer}");
    assert_eq!(number(only_adapter(report), "energy"), number(only_adapter(exported), "energy"));
    assert!(report["warnings"][0].as_str().is_some_and(|text| text.contains("pointer.safetensors")), "{report}");
    let said = array(&answer["done"], "said");
    assert!(said.iter().all(|one| one["total"].is_number() && one["text"].is_string()), "{said:?}");
    assert!(!said.is_empty(), "the progress is told");

    // Two at once, each with its own files.
    let answer = call("return Promise.all([analyze([weights, config], cpu), analyze([weights], cpu)])");
    same(&answer["done"][0], exported, "the first of two");
    assert_eq!(array(&answer["done"][1], "files").len(), 1);

    // Nothing can be analysed.
    let answer = call("return analyze([pointer], cpu)");
    let failed = &answer["failed"];
    assert_eq!(failed["name"], "LorascopeError", "{answer}");
    assert!(failed["problems"][0].as_str().is_some_and(|text| text.contains("lfs-pointer")), "{failed}");
    assert_eq!(failed["message"], failed["problems"][0]);
    let answer = call("return analyze([config], cpu)");
    assert_eq!(answer["failed"]["name"], "LorascopeError", "a configuration alone: {answer}");
    let answer = call("return analyze([weights, config], { backend: 'nonsense' })");
    assert_eq!(answer["failed"]["name"], "TypeError", "{answer}");
    let answer = call("return analyze(['a name'], cpu)");
    assert_eq!(answer["failed"]["name"], "TypeError", "{answer}");

    // Stopped before it began, and while it ran.
    let answer = call("return analyze([weights, config], { ...cpu, signal: AbortSignal.abort() })");
    assert_eq!(answer["failed"]["name"], "AbortError", "{answer}");
    let answer = call(
        "const stop = new AbortController();
        const running = analyze([weights, config], { ...cpu, signal: stop.signal });
        stop.abort();
        return running",
    );
    assert_eq!(answer["failed"]["name"], "AbortError", "{answer}");
}

/// The same values; a number is the same whether it was written as 2 or as 2.0.
fn same(got: &Value, wanted: &Value, path: &str) {
    match (got, wanted) {
        (Value::Number(a), Value::Number(b)) => {
            let bits = [a, b].map(|n| n.as_f64().map(f64::to_bits));
            assert_eq!(bits[0], bits[1], "{path}: {a} and {b}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{path}");
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| same(a, b, &format!("{path}[{i}]")));
        }
        (Value::Object(a), Value::Object(b)) => {
            let keys = |of: &serde_json::Map<String, Value>| {
                let mut keys: Vec<String> = of.keys().cloned().collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(a), keys(b), "{path}");
            a.iter().for_each(|(key, value)| same(value, &b[key], &format!("{path}.{key}")));
        }
        (a, b) => assert_eq!(a, b, "{path}"),
    }
}
