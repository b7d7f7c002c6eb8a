//! A comparison of three adapters of an 8B model, from its tab to the matrix.

use xtask::bench::records;

use super::{Samples, pages, painted};
use crate::browser::TempDir;
use crate::fixtures::write_8b_adapter_of_rank;
use crate::report::array;

const NAMES: [&str; 3] = ["first", "second", "third"];

#[test]
#[ignore = "a benchmark: cargo xtask bench"]
fn comparison_of_three_adapters() {
    let home = TempDir::new("bench");
    let folders = NAMES.map(|name| home.path().join(name));
    for folder in &folders {
        write_8b_adapter_of_rank(folder, 16);
    }
    let mut samples = Samples::default();
    for _ in 0..records::rounds() {
        for page in pages() {
            let browser = page.browser();
            browser.open("");
            browser.drop_paths(&folders);
            browser.expect("done");
            browser.click("tab-compare");
            samples.push(page.key("comparison/click"), painted(&browser).since_action());
            let report = browser.export_json();
            let pairs = array(&report["comparison"], "pairs");
            let modules: usize = pairs.iter().map(|pair| array(pair, "modules").len()).sum();
            samples.push(page.key("comparison/modules"), modules as f64);
        }
    }
    samples.report();
}
