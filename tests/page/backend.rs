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

/// The engine tries itself out on an adapter of its own: of that nothing may show, and nothing may be counted.
#[test]
fn before_the_first_file_only_the_engine_is_told_of() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    // The answer comes when all that the engine was busy with is over.
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    let kinds = browser.eval("return window.__probe.kinds", vec![]);
    let kinds: Vec<&str> = kinds.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    for kind in ["Started", "Adapter", "Finished"] {
        assert_eq!(kinds.iter().filter(|said| **said == kind).count(), 1, "{kind}: {kinds:?}");
    }
    assert_eq!(kinds.first(), Some(&"Started"), "{kinds:?}");
}

/// Progress is shown a little late: none of it may come after the engine is gone.
#[test]
fn an_engine_that_dies_in_the_midst_of_its_work_is_not_waited_for() {
    let browser = Browser::start();
    browser.before_the_page(
        "const Native = Worker; Worker = class extends Native { constructor(...args) { super(...args); window.engine = this; } };",
    );
    browser.open("?backend=cpu");
    let script = "const progress = { text: 'Analysing', done: 1, total: 2 };
        engine.dispatchEvent(new MessageEvent('message', { data: { msg: { Progress: progress }, parts: [] } }));
        engine.dispatchEvent(new MessageEvent('message', { data: { msg: { Panicked: { text: 'gone' } }, parts: [] } }));
        return new Promise((late) => setTimeout(late, 500))";
    browser.eval(script, vec![]);
    assert_eq!(browser.state(), "error", "{}", browser.situation());
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
}
