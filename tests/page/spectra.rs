//! Trained adapters: the exported report says what the library that wrote them applies.

use lorascope_engine::session::Session;
use lorascope_format::bytes::MemorySource;
use lorascope_kernels::Steady;
use lorascope_protocol::report::Counts;
use lorascope_protocol::{BackendChoice, ToPage};
use serde_json::Value;

use crate::browser::Browser;
use crate::fixtures::{TRAINED, files, fixtures, folder, json_file};
use crate::report::{array, assert_clean, number, numbers, only_adapter, strings, text};

#[test]
fn trained_adapters_on_webgpu() {
    trained_adapters("webgpu");
}

#[test]
fn trained_adapters_on_the_cpu() {
    trained_adapters("cpu");
}

/// Each adapter as a dropped folder, as two dropped files and through the file input, on a fresh page each time.
fn trained_adapters(backend: &str) {
    let browser = Browser::start();
    let query = format!("?backend={backend}");
    for name in TRAINED {
        let mut counts = Vec::new();
        for way in ["folder", "files", "input"] {
            browser.open(&query);
            match way {
                "folder" => browser.drop_paths(&[folder(name)]),
                "files" => browser.drop_paths(&files(name)),
                _ => browser.choose_files("[data-testid=file-input]", &files(name)),
            }
            browser.expect("done");
            let report = browser.export_json();
            println!("{name} by {way} on {backend}: {}", report["engine"]);
            check(&report, name, backend);
            if way == "folder" {
                check_names(&report, name);
            }
            check_page(&browser, &report, backend);
            counts.push(counts_of(&report["engine"]));
        }
        assert_eq!(counts[0], counts[1], "{name}: the same work has the same counts");
        assert_eq!(counts[0], counts[2], "{name}: the same work has the same counts");
    }
    assert_eq!(browser.problems(), [""; 0]);
}

/// The report against the golden files.
fn check(report: &Value, name: &str, backend: &str) {
    assert_clean(report, "report");
    assert_eq!(report["lorascope"], 1);
    assert_eq!(report["engine"]["backend"], backend);
    check_batch_plan(&report["engine"], backend, name);
    check_figures(report, name);
}

/// The only adapter's figures against the golden files.
pub fn check_figures(report: &Value, name: &str) {
    let adapter = only_adapter(report);
    let expected = json_file(&fixtures().join(format!("expected/{name}.json")));
    let expected = expected["modules"].as_object().expect("modules by name");
    let modules = array(adapter, "modules");
    let mut names: Vec<&str> = modules.iter().map(|module| text(module, "name")).collect();
    let mut wanted: Vec<&str> = expected.keys().map(String::as_str).collect();
    names.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(names, wanted, "{name}: exactly the modules that the library applies");
    for module in modules {
        check_module(module, &expected[text(module, "name")]);
    }
    check_domains(adapter, name);
}

fn check_module(module: &Value, expected: &Value) {
    let name = text(module, "name");
    assert_eq!(module["shape"], expected["shape"], "{name}");
    let scale = number(expected, "scaling");
    assert!((number(module, "scale") - scale).abs() <= 1e-12 * scale.abs(), "{name}: scale {}", module["scale"]);
    let (values, wanted) = (numbers(module, "singular_values"), numbers(expected, "singular_values"));
    assert_eq!(values.len(), wanted.len(), "{name}: {values:?}");
    let tolerance = 1e-5 * wanted[0];
    for (index, (value, wanted)) in values.iter().zip(&wanted).enumerate() {
        assert!((value - wanted).abs() <= tolerance, "{name}: σ{} is {value}, not {wanted}", index + 1);
    }
    let (norm, wanted) = (number(module, "frobenius"), number(expected, "frobenius"));
    assert!((norm - wanted).abs() <= tolerance, "{name}: Frobenius norm {norm}, not {wanted}");
}

fn check_domains(adapter: &Value, name: &str) {
    let golden = &json_file(&fixtures().join("golden/domain_profile.json"))[name];
    assert_eq!(adapter["total_layers"], golden["total_layers"], "{name}");
    assert_eq!(adapter["total_layers"], 6, "{name}");
    let domains = &adapter["domains"];
    let scores = domains["scores"].as_object().expect("scores by domain");
    let wanted = golden["scores"].as_object().expect("scores by domain");
    assert!(scores.keys().eq(wanted.keys()), "{name}: {scores:?}");
    for (domain, wanted) in wanted {
        let (score, wanted) = (number(&domains["scores"], domain), wanted.as_f64().expect("a score"));
        assert!((score - wanted).abs() <= 1e-6, "{name}: {domain} is {score}, not {wanted}");
    }
    assert_eq!(domains["tags"], golden["tags"], "{name}");
    assert_eq!(domains["evidence"], true, "{name}");
}

/// What the engine did against what its batch plan says. On the CPU nothing went to a GPU; on WebGPU the browser's
/// engine did, to the byte, what the same session does natively, where `tests/engine/session/counts.rs` holds it to the plan.
fn check_batch_plan(engine: &Value, backend: &str, name: &str) {
    let [dispatches, read, uploaded, readbacks] = counts_of(engine);
    assert!(read > 0, "{engine}");
    if backend == "webgpu" {
        assert!(dispatches > 0 && uploaded > 0 && readbacks > 0, "{engine}");
        let native = native_counts(name);
        let native = [native.dispatches, native.bytes_read, native.bytes_uploaded, native.readbacks];
        assert_eq!([dispatches, read, uploaded, readbacks], native, "{name}");
    } else {
        assert_eq!([dispatches, uploaded, readbacks], [0, 0, 0], "{engine}");
    }
}

/// The counts of a native session on this machine's GPU adapter.
fn native_counts(name: &str) -> Counts {
    let sources = files(name).into_iter().map(|file| {
        let bytes = std::fs::read(&file).expect("a fixture");
        MemorySource::new(file.file_name().expect("a file").to_string_lossy(), bytes)
    });
    pollster::block_on(async {
        let emit = |_: ToPage| {};
        let session = Session::start(BackendChoice::WebGpu, String::new(), Steady, emit).await;
        let mut session = session.unwrap_or_else(|why| panic!("{why}"));
        session.load(sources.collect()).await;
        session.engine().counts
    })
}

fn counts_of(engine: &Value) -> [u64; 4] {
    ["dispatches", "bytes_read", "bytes_uploaded", "readbacks"]
        .map(|key| engine[key].as_u64().unwrap_or_else(|| panic!("`{key}` is no count: {engine}")))
}

/// A dropped folder gives the adapter its label and the files their paths.
fn check_names(report: &Value, name: &str) {
    assert_eq!(text(only_adapter(report), "label"), name);
    for file in files(name) {
        let relative = format!("{name}/{}", file.file_name().expect("a file").to_string_lossy());
        let bytes = std::fs::metadata(&file).expect("a fixture").len();
        let listed = array(report, "files").iter().any(|entry| entry["name"] == relative && entry["bytes"] == bytes);
        assert!(listed, "{relative} with {bytes} bytes is not among {}", report["files"]);
    }
}

/// The page shows what the report says.
fn check_page(browser: &Browser, report: &Value, backend: &str) {
    assert!(browser.exists(&format!("[data-testid=backend][data-backend={backend}]")), "{}", browser.situation());
    assert_eq!(browser.texts("error"), [""; 0]);
    let adapter = only_adapter(report);
    let modules = array(adapter, "modules");
    browser.until("every module has its row", || browser.count("module-row") == modules.len() as u64);
    for module in modules {
        let row = format!("[data-testid=module-row][data-module='{}']", text(module, "name"));
        assert_eq!(browser.count_css(&row), 1, "{row}");
    }
    let tags = browser.texts("tag");
    assert_eq!(tags.len(), strings(&adapter["domains"], "tags").len(), "{tags:?}");
    for (domain, score) in adapter["domains"]["scores"].as_object().expect("scores by domain") {
        let script = "return Number(document.querySelector(`[data-testid=domain-score][data-domain=${arguments[0]}]`)?.dataset.score)";
        let shown = browser.eval(script, vec![domain.as_str().into()]);
        let difference = shown.as_f64().zip(score.as_f64()).map(|(shown, score)| (shown - score).abs());
        assert!(difference.is_some_and(|d| d <= 1e-6), "{domain}: the page says {shown}, the report {score}");
    }
    for hook in ["heatmap", "spectrum"] {
        assert!(browser.exists(&format!("[data-testid={hook}]")), "no {hook}\n{}", browser.situation());
    }
}
