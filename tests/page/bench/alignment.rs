//! An alignment of two checkpoints beside a bare read of both, in alternation.

use std::path::PathBuf;

use xtask::bench::records;

use super::{Samples, bare_read, pages, painted};
use crate::browser::TempDir;
use crate::checkpoints::Model;

/// 1.44 GB each: both fit the system's file cache, so that the disk is not what is measured.
const MODEL: Model = Model { head: [32_000, 4096], layer: [14_336, 4096], layers: 10 };

#[test]
#[ignore = "a benchmark: cargo xtask bench"]
fn alignment_beside_a_bare_read() {
    let home = TempDir::new("bench");
    MODEL.write_adapter(&home.path().join("lora"));
    let checkpoints: Vec<PathBuf> =
        ["checkpoint-10", "checkpoint-20"].map(|name| home.path().join("run").join(name)).into();
    for (seed, folder) in (1..).zip(&checkpoints) {
        MODEL.write_filled(folder, seed);
    }
    let files: Vec<PathBuf> = checkpoints.iter().map(|folder| folder.join("model.safetensors")).collect();
    records::report("page/alignment/bytes", &[2.0 * MODEL.bytes() as f64]);
    let mut samples = Samples::default();
    for _ in 0..records::rounds() {
        for page in pages() {
            let browser = page.browser();
            browser.open("");
            samples.push(page.key("alignment/bare"), bare_read(&browser, &files));
            browser.drop_paths(&[home.path().join("lora")]);
            browser.expect("done");
            browser.drop_paths(&[home.path().join("run")]);
            samples.push(page.key("alignment/whole"), painted(&browser).since_action());
            assert_eq!(browser.export_json()["alignment"][0]["matched"], MODEL.layers + 1);
        }
    }
    samples.report();
}
