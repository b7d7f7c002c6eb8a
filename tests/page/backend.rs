//! Which engine computes, and what is said where the one asked for cannot be had.

use serde_json::json;

use crate::browser::{Browser, Gpu};
use crate::fixtures::folder;
use crate::report::{assert_clean, number, text};
use crate::spectra::check_figures;

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
    for kind in ["Started", "Result", "Finished"] {
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
        engine.dispatchEvent(new MessageEvent('message', { data: { job: 0, msg: { Progress: progress }, parts: [] } }));
        engine.dispatchEvent(new MessageEvent('message', { data: { job: 0, msg: { Panicked: { text: 'gone' } }, parts: [] } }));
        return new Promise((late) => setTimeout(late, 500))";
    browser.eval(script, vec![]);
    assert_eq!(browser.state(), "error", "{}", browser.situation());
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
}

/// Workers begin as a line of text in a blob; this puts another before it, after which a kernel is compiled from
/// another text.
const WRONG_GRAM: &str = "const inWorker = `
    const create = GPUDevice.prototype.createShaderModule;
    GPUDevice.prototype.createShaderModule = function (given) {
      const code = given.code.replace('TOTAL', 'BY');
      return create.call(this, { ...given, code });
    };`;
    window.Blob = new Proxy(Blob, {
      construct(Plain, [parts, options]) {
        const isWorker = typeof parts?.[0] === 'string' && parts[0].startsWith('self.lorascope=');
        return new Plain(isWorker ? [inWorker, ...parts] : parts, options);
      }
    });";

#[test]
fn a_gpu_that_agrees_with_the_cpu_is_said_to() {
    let browser = Browser::start();
    browser.open("?backend=webgpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    let report = browser.export_json();
    assert_clean(&report, "report");
    let check = &report["engine"]["check"];
    assert!(number(check, "samples") >= 1.0 && number(check, "largest") <= 1e-6, "{check}");
    browser.click_css("[data-testid=backend] summary");
    let said = browser.texts("gpu-check").join("");
    assert!(said.starts_with("GPU, checked against the CPU: "), "{said}");
    assert!(browser.texts("backend").join("").contains("checked"));
    assert!(!browser.exists("[data-testid=wrong-gpu]"));
    browser.screenshot("gpu-checked");
}

/// In all of the work, or only in sizes that nothing at the start has.
#[test]
fn a_gpu_that_computes_wrongly_is_not_believed() {
    let faults = [
        ("total += sum;", "total = sum;", "start"),
        (
            "partials[task.w + thread] = total;",
            "partials[task.w + thread] = select(total, 0.5 * total, view.rows == 128u);",
            "work",
        ),
    ];
    for (part, by, found_in) in faults {
        let browser = Browser::start();
        browser.before_the_page(&WRONG_GRAM.replace("TOTAL", part).replace("BY", by));
        browser.open("?backend=webgpu");
        browser.drop_paths(&[folder("peft-lora")]);
        browser.expect("done");
        let report = browser.export_json();
        check_figures(&report, "peft-lora");
        assert_eq!(report["engine"]["backend"], "cpu", "{}", report["engine"]);
        let wrong = &report["engine"]["check"]["wrong"];
        assert_eq!((&wrong["kernels"], &wrong["found_in"]), (&json!(["gram"]), &json!(found_in)), "{wrong}");
        let note = browser.texts("wrong-gpu").join("");
        for part in ["gram", "off by", text(wrong, "gpu")] {
            assert!(note.contains(part), "{part}: {note}");
        }
        assert_eq!(browser.texts("error"), [""; 0]);
        assert_eq!(browser.problems(), [""; 0]);
        browser.screenshot(&format!("gpu-wrong-{found_in}"));
    }
}
