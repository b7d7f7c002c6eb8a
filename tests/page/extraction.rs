//! Extraction as a person does it: checkpoints without an adapter, a rank, a button, a file that does what the page
//! says.

use std::fs;

use crate::browser::{Browser, TempDir};
use crate::fixtures::folder;
use crate::report::{array, assert_clean, number, text};

#[test]
fn a_lora_out_of_two_checkpoints_on_webgpu() {
    a_lora_out_of_two_checkpoints("webgpu");
}

#[test]
fn a_lora_out_of_two_checkpoints_on_the_cpu() {
    a_lora_out_of_two_checkpoints("cpu");
}

fn a_lora_out_of_two_checkpoints(backend: &str) {
    let browser = Browser::start();
    browser.open(&format!("?backend={backend}"));
    let checkpoints = ["base", "step-120"].map(|name| folder("llama-mini").join(name));
    browser.drop_paths(&checkpoints);
    browser.expect("done");
    browser.until("the panel is there", || browser.count("extract-panel") == 1);
    browser.set("extract-rank", 0, "8");
    browser.set("extract-dtype", 0, "F32");
    browser.click("extract");
    browser.expect("done");
    assert_eq!(browser.texts("extract-problem"), [""; 0]);
    let report = browser.export_json();
    assert_clean(&report, "report");
    let extraction = &report["extraction"];
    assert_eq!((text(extraction, "from"), text(extraction, "to")), ("base", "step-120"));
    let modules = array(extraction, "modules");
    assert_eq!(modules.len(), 42);
    browser.until("every module has its row", || browser.count("extracted-row") == 42);

    let (name, weights) = browser.download("extract-adapter");
    assert_eq!((name.as_str(), &extraction["file"]["bytes"]), ("adapter_model.safetensors", &weights.len().into()));
    let (name, config) = browser.download("extract-config");
    assert_eq!(name, "adapter_config.json");
    let home = TempDir::new("extracted");
    fs::write(home.path().join("adapter_model.safetensors"), &weights).expect("a file on disk");
    fs::write(home.path().join("adapter_config.json"), &config).expect("a file on disk");

    // The best approximation B·A of X leaves ‖X‖² − ‖B·A‖², so that its cosine with X is √(1 − error²).
    browser.drop_in_the_middle(&[home.path().to_path_buf()]);
    browser.expect("done");
    let report = browser.export_json();
    assert_clean(&report, "report");
    let [row] = array(&report, "alignment") else { panic!("{:#}", report["alignment"]) };
    let aligned = array(row, "modules");
    assert_eq!(aligned.len(), modules.len());
    let near = |cosine: f64, error: f64, what: &str| {
        let wanted = (1.0 - error * error).sqrt();
        assert!((cosine - wanted).abs() <= 1e-5, "{what}: cosine {cosine}, the error promises {wanted}");
    };
    near(number(row, "cosine"), number(extraction, "error"), "the whole");
    for module in modules {
        let name = text(module, "name");
        let own = aligned.iter().find(|m| text(m, "name") == name).expect("the module");
        near(number(own, "cosine"), number(module, "error"), name);
        assert!(
            (number(own, "update_norm") - number(module, "update_norm")).abs() <= 1e-6 * number(own, "update_norm")
        );
    }
    assert_eq!(browser.problems(), [""; 0]);
}
