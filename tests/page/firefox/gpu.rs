//! WebGPU in Firefox, on whatever adapter it finds: a software one will do.

use serde_json::Value;

use super::adapter_and_checkpoints;
use crate::browser::{Browser, Kind, Setting, TempDir};
use crate::report::{array, assert_clean, number, text};
use crate::spectra::check_figures;

/// Absolute, on every cosine.
const TOLERANCE: f64 = 1e-6;

#[test]
fn profile_and_alignment_on_webgpu() {
    let home = TempDir::new("chosen");
    let chosen = adapter_and_checkpoints(&home);
    let browser = Browser::start_as(Setting::new(Kind::Firefox));
    let analysed = |backend: &str| {
        browser.open(&format!("?backend={backend}"));
        browser.choose_files("[data-testid=file-input]", &chosen);
        browser.expect("done");
        let report = browser.export_json();
        assert_clean(&report, "report");
        assert_eq!(report["engine"]["backend"], backend, "{}", report["engine"]);
        println!("{}: {}", browser.version(), report["engine"]);
        check_figures(&report, "peft-lora");
        report
    };
    // The CPU's are Chromium's to the last digit, and those the reference's.
    let (gpu, cpu) = (analysed("webgpu"), analysed("cpu"));
    assert!(gpu["engine"]["dispatches"].as_u64() > Some(0), "{}", gpu["engine"]);
    let (gpu, cpu) = (array(&gpu, "alignment"), array(&cpu, "alignment"));
    assert_eq!(gpu.len(), cpu.len());
    assert!(!gpu.is_empty());
    for (on_gpu, on_cpu) in gpu.iter().zip(cpu) {
        near(on_gpu, on_cpu);
        assert_eq!(array(on_gpu, "modules").len(), array(on_cpu, "modules").len());
        for (on_gpu, on_cpu) in array(on_gpu, "modules").iter().zip(array(on_cpu, "modules")) {
            assert_eq!(text(on_gpu, "name"), text(on_cpu, "name"));
            near(on_gpu, on_cpu);
        }
    }
    assert_eq!(browser.problems(), [""; 0]);
}

fn near(a: &Value, b: &Value) {
    let (x, y) = (number(a, "cosine"), number(b, "cosine"));
    assert!((x - y).abs() <= TOLERANCE, "{x} and {y}: {a}");
}
