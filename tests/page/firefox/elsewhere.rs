//! Where a browser gives less: a fresh profile with nothing but a link, a narrow window, no network, a private window.

use super::CPU;
use crate::browser::{Browser, Gpu, Kind, Setting};
use crate::fixtures::files;
use crate::hosting::kept;
use crate::report::{array, assert_clean, number, only_adapter, text};

#[test]
fn a_link_in_a_fresh_profile_a_narrow_window_and_no_network() {
    let first = Browser::start_as(CPU);
    first.open("?backend=cpu");
    first.choose_files("[data-testid=file-input]", &files("peft-lora"));
    first.expect("done");
    let report = first.export_json();
    first.click("share");
    let link = || {
        let link = first.eval("return document.querySelector('[data-testid=share-link]')?.value ?? ''", vec![]);
        link.as_str().unwrap_or_default().to_owned()
    };
    first.until("there is a link", || !link().is_empty());
    let link = link();
    let fragment = &link[link.find('#').expect("a fragment")..];
    assert_eq!(first.problems(), [""; 0]);
    drop(first);

    let second = Browser::start_as(CPU);
    second.open(&format!("?backend=cpu{fragment}"));
    second.until("the link is shown", || second.state() == "done");
    let again = second.export_json();
    assert_clean(&again, "report");
    let (a, b) = (only_adapter(&report), only_adapter(&again));
    assert_eq!(text(a, "label"), text(b, "label"));
    assert_eq!(array(a, "modules").len(), array(b, "modules").len());
    for (x, y) in array(a, "modules").iter().zip(array(b, "modules")) {
        assert!((number(x, "frobenius") / number(y, "frobenius") - 1.0).abs() < 0.005, "{x} became {y}");
    }

    second.viewport(390, 844);
    assert!(!second.has_horizontal_overflow(), "the result is wider than a phone");
    second.click("clear");
    second.expect("idle");
    assert!(!second.has_horizontal_overflow(), "the start is wider than a phone");

    kept(&second);
    second.cut_network();
    second.open("?backend=cpu");
    second.choose_files("[data-testid=file-input]", &files("peft-lora"));
    second.expect("done");
    let offline = second.export_json();
    assert_eq!(only_adapter(&offline), a, "the figures without a network");
    assert!(!second.has_horizontal_overflow());
    assert_eq!(second.problems(), [""; 0]);
}

/// Storage and service workers may be refused there.
#[test]
fn private_windows_too() {
    let analysed = |kind: Kind, private: bool| {
        let browser = Browser::start_as(Setting { kind, gpu: Gpu::Absent, private });
        browser.open("");
        browser.click("sample");
        browser.expect("done");
        // The service worker is asked for after some seconds.
        let asked = "return new Promise((later) => setTimeout(() =>
            navigator.serviceWorker?.getRegistration().then((found) => later(String(found)), (no) => later(String(no)))
                ?? later('none'), 4000))";
        println!("{kind:?}, private {private}: service worker {}", browser.eval(asked, vec![]));
        let theme =
            "try { localStorage.setItem('tried', '1'); return 'kept' } catch (refused) { return String(refused) }";
        println!("{kind:?}, private {private}: storage {}", browser.eval(theme, vec![]));
        let report = browser.export_json();
        assert_clean(&report, "report");
        assert_eq!(browser.problems(), [""; 0]);
        report["adapters"].clone()
    };
    let open = analysed(Kind::Chromium, false);
    assert_eq!(analysed(Kind::Chromium, true), open);
    assert_eq!(analysed(Kind::Firefox, true), open);
}
