//! The benchmarks of the page, which `cargo xtask bench` runs: ratios of one run, in alternation, no test.

use std::path::PathBuf;

use serde_json::json;

use crate::browser::{Browser, TempDir};
use crate::checkpoints::{Model, RANK};

/// Rounds; the figures are medians.
const ROUNDS: usize = 5;
/// Bytes of one read, of which two are under way in either file, as an alignment of two checkpoints reads.
const RANGE: u64 = 16 << 20;
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
    let gigabytes = 2.0 * MODEL.bytes() as f64 / 1e9;
    let (mut bare, mut aligned) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let browser = Browser::start();
        browser.open("?backend=cpu");
        bare.push(bare_read(&browser, &files));
        browser.drop_paths(&[home.path().join("lora")]);
        browser.expect("done");
        browser.drop_paths(&[home.path().join("run")]);
        browser.expect("done");
        aligned.push(browser.last_work_took() / 1e3);
        assert_eq!(browser.export_json()["alignment"][0]["matched"], MODEL.layers + 1);
    }
    let (bare, aligned) = (median(&mut bare), median(&mut aligned));
    println!("two checkpoints, {gigabytes:.2} GB in all, an adapter of rank {RANK}, CPU engine, medians of {ROUNDS}:");
    println!(
        "  bare ranged read, two of {} MiB from both at a time: {bare:.2} s, {:.2} GB/s",
        RANGE >> 20,
        gigabytes / bare
    );
    println!("  whole alignment, from the drop to the figures: {aligned:.2} s, {:.2} GB/s", gigabytes / aligned);
    println!("  alignment beside the bare read: {:.2}", bare / aligned);
}

/// Seconds for reading both files in ranges, as the engine reads them, and nothing else.
fn bare_read(browser: &Browser, files: &[PathBuf]) -> f64 {
    browser.eval(
        "const input = document.createElement('input'); input.type = 'file'; input.multiple = true; input.id = 'bare';
         document.body.append(input)",
        vec![],
    );
    browser.choose_files("#bare", files);
    let script = "const step = arguments[0], input = document.getElementById('bare'), files = [...input.files];
        window.__bare = null;
        (async () => {
          const start = performance.now();
          for (let at = 0; at < files[0].size; at += 2 * step) {
            const parts = files.flatMap((file) => [file.slice(at, at + step), file.slice(at + step, at + 2 * step)]);
            await Promise.all(parts.map((part) => part.arrayBuffer()));
          }
          window.__bare = (performance.now() - start) / 1000;
          input.remove();
        })()";
    browser.eval(script, vec![json!(RANGE)]);
    let mut seconds = None;
    browser.until("the bare read is done", || {
        seconds = browser.eval("return window.__bare", vec![]).as_f64();
        seconds.is_some()
    });
    seconds.expect("seconds")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
