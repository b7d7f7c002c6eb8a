//! Which engine computes, and what is said where the one asked for cannot be had.

use crate::browser::{Browser, Gpu};
use crate::fixtures::folder;

#[test]
fn webgpu_without_an_adapter_is_an_error_in_words() {
    let browser = Browser::start_with(Gpu::Absent);
    let adapter = "return navigator.gpu?.requestAdapter().then((adapter) => adapter !== null) ?? false";
    browser.open("?backend=webgpu");
    assert_eq!(browser.eval(adapter, vec![]), false, "this browser was meant to have no WebGPU adapter");
    assert_eq!(browser.state(), "error", "{}", browser.situation());
    let errors = browser.texts("error");
    assert!(errors.iter().any(|text| text.contains("WebGPU")), "{errors:?}");
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn without_a_gpu_the_page_computes_on_the_cpu_and_says_why() {
    let browser = Browser::start_with(Gpu::Absent);
    browser.open("");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    let report = browser.export_json();
    assert_eq!(report["engine"]["backend"], "cpu");
    let reason = report["engine"]["reason"].as_str().unwrap_or_default();
    assert!(reason.len() > 10, "the reason is no sentence: {reason:?}");
    assert_eq!(browser.problems(), [""; 0]);
}
