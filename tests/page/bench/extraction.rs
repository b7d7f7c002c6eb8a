//! An extraction from two checkpoints, from the button to the written file.

use xtask::bench::records;

use super::{Samples, pages, painted};
use crate::browser::TempDir;
use crate::checkpoints::Model;
use crate::report::array;

/// 1 GB each; the head is left out.
const MODEL: Model = Model { head: [16_000, 2048], layer: [8192, 2048], layers: 28 };

#[test]
#[ignore = "a benchmark: cargo xtask bench"]
fn extraction_from_two_checkpoints() {
    let home = TempDir::new("bench");
    let folders = ["before", "after"].map(|name| home.path().join(name));
    for (seed, folder) in (1..).zip(&folders) {
        MODEL.write_filled(folder, seed);
    }
    let mut samples = Samples::default();
    for _ in 0..records::rounds() {
        for page in pages() {
            let browser = page.browser();
            browser.open("");
            browser.drop_paths(&folders);
            browser.expect("done");
            browser.until("the panel is there", || browser.count("extract-panel") == 1);
            browser.set("extract-rank", 0, "8");
            browser.click("extract");
            samples.push(page.key("extraction/click"), painted(&browser).since_action());
            let report = browser.export_json();
            let modules = array(&report["extraction"], "modules").len();
            assert_eq!(modules as u64, MODEL.layers);
            samples.push(page.key("extraction/modules"), modules as f64);
        }
    }
    samples.report();
}
