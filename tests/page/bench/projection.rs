//! Projections in the page, from the button to the written file.

use std::path::Path;

use xtask::bench::records;

use super::{Page, Samples, pages, painted};
use crate::browser::{Browser, TempDir};
use crate::fixtures::{write_8b_adapter_of_rank, write_adapter};
use crate::report::array;

/// Modules of one size, so that a time per module means something.
const SQUARES: u64 = 32;

#[test]
#[ignore = "a benchmark: cargo xtask bench"]
fn projections_from_the_button_to_the_file() {
    let home = TempDir::new("bench");
    let (whole, square) = (home.path().join("8b"), home.path().join("square"));
    write_8b_adapter_of_rank(&whole, 16);
    write_adapter(&square, &[("self_attn.q_proj", [4096, 4096])], SQUARES, 16);
    let mut samples = Samples::default();
    for _ in 0..records::rounds() {
        for page in pages() {
            let browser = opened(&page, &whole);
            browser.set("projection-target", 0, "model:meta-llama/Llama-3.2-1B");
            browser.until("the layers can be chosen", || browser.count("projection-layers") > 0);
            browser.set("projection-layers", 0, "spread");
            measure(&browser, &page.key("projection/8b"), &mut samples);

            let browser = opened(&page, &square);
            browser.set("projection-target", 0, "by-hand");
            // It begins with a row for the only role.
            browser.until("a size can be given", || browser.count("projection-size-out") > 0);
            browser.set("projection-size-out", 0, "2048");
            browser.set("projection-size-in", 0, "2048");
            measure(&browser, &page.key("projection/square"), &mut samples);
        }
    }
    samples.report();
}

/// A page with an adapter, its projection in view.
fn opened(page: &Page, adapter: &Path) -> Browser {
    let browser = page.browser();
    browser.open("");
    browser.drop_paths(&[adapter.to_path_buf()]);
    browser.expect("done");
    browser.click("tab-projection");
    browser
}

fn measure(browser: &Browser, key: &str, samples: &mut Samples) {
    browser.click("project");
    let times = painted(browser);
    assert_eq!(browser.texts("projection-problem"), [""; 0]);
    samples.push(format!("{key}/click"), times.since_action());
    let report = browser.export_json();
    let modules = array(&report["projection"], "modules");
    if key.ends_with("square") {
        assert!(modules.iter().all(|module| module["shape"] == serde_json::json!([2048, 2048])), "other sizes");
    }
    samples.push(format!("{key}/modules"), modules.len() as f64);
}
