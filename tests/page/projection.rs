//! Projection as a person does it: settings, a button, downloaded files that say what the page says.

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use serde_json::Value;

use crate::browser::{Browser, TempDir};
use crate::fixtures::{fixtures, folder, write_8b_adapter};
use crate::peft;
use crate::projections::{Golden, Run};
use crate::report::{array, assert_clean, number, numbers, only_adapter, text};

#[test]
fn every_answer_of_the_reference_on_webgpu() {
    every_answer_of_the_reference("webgpu");
}

#[test]
fn every_answer_of_the_reference_on_the_cpu() {
    every_answer_of_the_reference("cpu");
}

fn every_answer_of_the_reference(backend: &str) {
    let golden = Golden::read(&fixtures());
    let browser = open_projection(backend, "peft-lora");
    browser.set("projection-dtype", 0, "F32");
    let mut checked = BTreeSet::new();
    for run in golden.runs() {
        fill_in(&browser, &run);
        let projection = project(&browser);
        let (name, file) = browser.download("export-adapter");
        assert_eq!(name, "adapter_model.safetensors");
        let keys = golden.check(&run, &file, &projection);
        println!("{backend}: {} answers of {run:?}", keys.len());
        checked.extend(keys);
    }
    assert_eq!(checked, golden.keys());
    assert_eq!(browser.problems(), [""; 0]);
}

/// A page with an adapter, its projection in view.
fn open_projection(backend: &str, adapter: &str) -> Browser {
    let browser = Browser::start();
    browser.open(&format!("?backend={backend}"));
    browser.drop_paths(&[folder(adapter)]);
    browser.expect("done");
    browser.click("tab-projection");
    browser
}

fn fill_in(browser: &Browser, run: &Run) {
    while browser.count("projection-size-remove") > 0 {
        browser.click("projection-size-remove");
    }
    browser.set("projection-target", 0, if run.sizes.is_empty() { "same" } else { "by-hand" });
    browser.set("projection-method", 0, &run.method);
    if run.method == "svd" {
        browser.set("projection-rank", 0, &run.rank.map_or_else(String::new, |rank| rank.to_string()));
    }
    while browser.count("projection-size-remove") > 0 {
        browser.click("projection-size-remove");
    }
    for (nth, (module, [out, inn])) in run.sizes.iter().enumerate() {
        browser.click("projection-size-add");
        browser.set("projection-size-of", nth, "module");
        browser.until("the row takes a name", || browser.count("projection-size-module") as usize > nth);
        browser.set("projection-size-module", nth, module);
        browser.set("projection-size-out", nth, &out.to_string());
        browser.set("projection-size-in", nth, &inn.to_string());
    }
}

/// Spreads the layers, once the plan has said that the target has fewer.
fn spread(browser: &Browser) {
    browser.until("the layers can be chosen", || browser.count("projection-layers") > 0);
    browser.set("projection-layers", 0, "spread");
}

/// Presses the button, and gives the report's part about the result.
fn project(browser: &Browser) -> Value {
    browser.click("project");
    browser.expect("done");
    assert_eq!(browser.texts("projection-problem"), [""; 0]);
    let report = browser.export_json();
    assert_clean(&report, "report");
    report["projection"].clone()
}

#[test]
fn a_resized_adapter_is_what_the_page_reported() {
    let browser = open_projection("cpu", "peft-patterns");
    browser.set("projection-rank", 0, "0.95");
    let projection = project(&browser);
    assert!(number(&projection["quality"], "energy_kept") >= 0.95);
    what_is_downloaded(&browser, &projection, &peft::fixture_model());
}

#[test]
fn a_projected_adapter_is_what_the_page_reported() {
    let target = TempDir::new("target");
    fs::write(target.path().join("config.json"), peft::smaller_model().to_string()).expect("a config on disk");
    let browser = open_projection("webgpu", "peft-rslora-attn");
    browser.drop_in_the_middle(&[target.path().join("config.json")]);
    browser.expect("done");
    // A target that comes to an adapter is chosen.
    let chosen = || browser.eval("return document.querySelector('[data-testid=projection-target]').value", vec![]);
    browser.until("the target is chosen", || chosen().as_str().is_some_and(|key| key.starts_with("item:")));
    spread(&browser);
    let projection = project(&browser);
    assert_eq!(text(&projection, "target"), "config.json");
    assert_eq!(text(&projection, "base_model"), "org/smaller");
    assert_eq!(array(&projection, "left_out").len(), 4, "two layers of q and v have no place");
    what_is_downloaded(&browser, &projection, &peft::smaller_model());
}

/// The two files and the zip hold the same, their structure is PEFT's, and where Python has PEFT it loads them into a
/// model and applies the ΔW that the page reported.
fn what_is_downloaded(browser: &Browser, projection: &Value, model: &Value) {
    let (name, weights) = browser.download("export-adapter");
    assert_eq!(name, "adapter_model.safetensors");
    let (name, config) = browser.download("export-config");
    assert_eq!(name, "adapter_config.json");
    let (name, zip) = browser.download("export-zip");
    assert!(name.ends_with(".zip"), "{name}");
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(zip)).expect("a zip");
    for (name, wanted) in [("adapter_model.safetensors", &weights), ("adapter_config.json", &config)] {
        let mut bytes = Vec::new();
        let mut member = zip.by_name(name).expect("both files are in it");
        std::io::Read::read_to_end(&mut member, &mut bytes).expect("its checksum is right");
        assert_eq!(&bytes, wanted, "{name}");
    }
    let tensors = safetensors::SafeTensors::deserialize(&weights).expect("a safetensors file");
    assert_eq!(projection["file"]["bytes"], weights.len());
    let modules = array(projection, "modules");
    assert_eq!(tensors.len(), 2 * modules.len());
    for module in modules {
        let name = format!("base_model.model.{}", text(module, "name"));
        let side = |n: usize| module["shape"][n].as_u64().expect("a size") as usize;
        let rank = number(module, "rank") as usize;
        let shape = |factor| tensors.tensor(&format!("{name}.{factor}.weight")).expect("a factor").shape().to_vec();
        assert_eq!((shape("lora_A"), shape("lora_B")), (vec![rank, side(1)], vec![side(0), rank]), "{name}");
    }
    let folder = TempDir::new("adapter");
    fs::write(folder.path().join("adapter_model.safetensors"), &weights).expect("a file on disk");
    fs::write(folder.path().join("adapter_config.json"), &config).expect("a file on disk");

    // Dropped on a fresh page, the files say the same.
    let again = Browser::start();
    again.open("?backend=cpu");
    again.drop_paths(&[folder.path().to_path_buf()]);
    again.expect("done");
    let report = again.export_json();
    let read = array(only_adapter(&report), "modules");
    assert_eq!(read.len(), modules.len());
    let applied = peft::apply(folder.path(), model);
    for module in modules {
        let name = text(module, "name");
        let sigma = numbers(module, "singular_values");
        let bound = 1e-6 * sigma[0];
        let same = |what: &str, values: &[f64]| {
            assert_eq!(values.len(), sigma.len(), "{name} {what}");
            for (a, b) in values.iter().zip(&sigma) {
                assert!((a - b).abs() <= bound, "{name}: σ is {a} {what}, the page reported {b}");
            }
        };
        let here = read.iter().find(|m| text(m, "name") == name).expect("the module");
        same("here", &numbers(here, "singular_values"));
        assert!((number(here, "scale") - number(module, "scale")).abs() <= 1e-12, "{name}");
        if let Some(applied) = applied.as_ref().map(|applied| &applied[name]) {
            same("in PEFT", &numbers(applied, "singular_values")[..sigma.len()]);
            assert!((number(applied, "frobenius") - number(module, "frobenius")).abs() <= bound, "{name}");
        }
    }
}

#[test]
fn an_8b_adapter_goes_to_the_sizes_of_a_1b_model() {
    let folder_8b = TempDir::new("8b");
    write_8b_adapter(folder_8b.path());
    for backend in ["cpu", "webgpu"] {
        let browser = Browser::start();
        browser.open(&format!("?backend={backend}"));
        browser.drop_paths(&[folder_8b.path().to_path_buf()]);
        browser.expect("done");
        browser.click("tab-projection");
        browser.set("projection-target", 0, "model:meta-llama/Llama-3.2-1B");
        spread(&browser);
        let start = Instant::now();
        browser.click("project");
        browser.expect("done");
        println!("8B to 1B on {backend}: {:.1} s from the button to the file", start.elapsed().as_secs_f64());
        println!("8B to 1B on {backend}: longest main-thread task {:.0} ms (0: none over 50)", browser.longest_task());
        let traffic = browser.traffic();
        assert_eq!(traffic.binary, 0, "bytes of tensors came to the page");
        assert!(traffic.largest <= 512 * 1024, "{traffic:?}");
        let projection = browser.export_json()["projection"].clone();
        // 16 of 32 layers have a place.
        assert_eq!((array(&projection, "modules").len(), array(&projection, "left_out").len()), (112, 112));
        assert_eq!(text(&projection, "base_model"), "meta-llama/Llama-3.2-1B");
        let (_, file) = browser.download("export-adapter");
        let tensors = safetensors::SafeTensors::deserialize(&file).expect("a safetensors file");
        let k = tensors.tensor("base_model.model.model.layers.15.self_attn.k_proj.lora_B.weight").expect("a factor");
        assert_eq!((k.shape(), k.dtype()), (&[512, 16][..], safetensors::Dtype::BF16));
        assert_eq!(browser.problems(), [""; 0]);
    }
}

#[test]
fn what_cannot_be_done_is_said_beside_the_button() {
    let target = TempDir::new("targets");
    let write = |name: &str, content: &[u8]| {
        let folder = target.path().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join(if name == "other" { "model.safetensors" } else { "config.json" });
        fs::write(&file, content).expect("a file on disk");
        file
    };
    let header = r#"{"wte.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}"#;
    let checkpoint = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat();
    let cases = [
        (write("lacking", br#"{"model_type":"llama","hidden_size":64}"#), "num_attention_heads"),
        (write("other", &checkpoint), "wte"),
    ];
    let browser = open_projection("cpu", "peft-lora");
    let problem = || browser.texts("projection-problem").join(" ");
    for (file, says) in cases {
        browser.drop_in_the_middle(&[file]);
        browser.expect("done");
        let script = "return [...document.querySelectorAll('[data-testid=projection-target] option')]
            .map((o) => o.value).filter((v) => v.startsWith('item:')).at(-1) ?? ''";
        let key = browser.eval(script, vec![]);
        browser.set("projection-target", 0, key.as_str().expect("a key"));
        browser.until(&format!("it says {says}"), || problem().contains(says));
    }
    browser.set("projection-target", 0, "by-hand");
    browser.click("projection-size-add");
    browser.set("projection-size-of", 0, "role:q");
    for (size, says) in [("0", "from 1 up"), ("1000000000", "1,048,576"), ("wide", "whole number")] {
        browser.set("projection-size-out", 0, size);
        browser.until(&format!("{size} is refused"), || problem().contains(says));
    }
    browser.set("projection-target", 0, "same");
    browser.until("nothing is wrong any more", || browser.count("projection-problem") == 0);
    project(&browser);
    assert_eq!(browser.count("error"), 0);
    assert_eq!(browser.problems(), [""; 0]);
}
