//! Adapters that PEFT, LyCORIS and diffusers wrote, against the updates that these libraries themselves apply.

use crate::common::{fixture, json};
use crate::dropped::{Dropped, drops, drops_on};
use crate::started::backends;
use lorascope_format::bytes::MemorySource;

/// The files of an adapter of PEFT's.
fn peft(folder: &str) -> Vec<MemorySource> {
    ["adapter_model.safetensors", "adapter_config.json"].map(|file| fixture(&format!("{folder}/{file}"))).to_vec()
}

/// The name in the report of a module of this dotted path.
type Naming = fn(&str) -> String;

fn as_it_is(path: &str) -> String {
    path.to_owned()
}

fn flat(path: &str) -> String {
    format!("lora_unet_{}", path.replace('.', "_"))
}

fn below_unet(path: &str) -> String {
    format!("unet.{path}")
}

/// The one adapter of the drops has exactly the expected modules, each with the expected measures, on both engines.
fn agrees(files: Vec<Vec<MemorySource>>, expected_file: &str, naming: Naming) {
    for choice in backends() {
        agrees_in(&drops_on(choice, files.clone()), expected_file, naming);
    }
}

fn agrees_in(dropped: &Dropped, expected_file: &str, naming: Naming) {
    let expected = json(&format!("expected/{expected_file}.json"));
    let tolerance = if expected.get("tolerance").is_some() { 1e-4 } else { 1e-5 };
    let expected = expected["modules"].as_object().unwrap();
    let modules = &dropped.adapter().modules;
    let mut names: Vec<&str> = modules.iter().map(|m| m.name.as_str()).collect();
    let mut wanted: Vec<String> = expected.keys().map(|path| naming(path)).collect();
    names.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(names, wanted, "{expected_file}");
    for (path, expected) in expected {
        let module = dropped.module(&naming(path));
        let what = format!("{expected_file}, {path}");
        let numbers =
            |key: &str| -> Vec<f64> { expected[key].as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect() };
        let (shape, sigma) = (numbers("shape"), numbers("singular_values"));
        let flattened = [shape[0], shape[1..].iter().product()];
        assert_eq!(module.shape.map(|side| side as f64), flattened, "{what}");
        if let Some(scaling) = expected.get("scaling").and_then(serde_json::Value::as_f64) {
            assert!((module.scale - scaling).abs() <= 1e-9, "{what}: the scale is {}, not {scaling}", module.scale);
        }
        let bound = tolerance * sigma[0];
        let norm = expected["frobenius"].as_f64().unwrap();
        assert!((module.frobenius - norm).abs() <= bound, "{what}: the norm is {}, not {norm}", module.frobenius);
        // Either list may leave out values that are zero up to rounding.
        for n in 0..sigma.len().max(module.singular_values.len()) {
            let [found, sigma] = [&module.singular_values, &sigma].map(|list| list.get(n).copied().unwrap_or(0.0));
            assert!((found - sigma).abs() <= bound, "{what}: σ{n} is {found}, not {sigma} within {bound:e}");
        }
    }
}

#[test]
fn lora_of_peft() {
    for folder in ["peft-lora", "peft-rslora-attn", "peft-patterns", "peft-embed-saved", "peft-pissa"] {
        agrees(vec![peft(folder)], folder, as_it_is);
    }
}

#[test]
fn a_trajectory_of_peft() {
    for step in [30, 60, 90, 120] {
        let folder = peft(&format!("peft-lora-trajectory/checkpoint-{step}"));
        agrees(vec![folder], &format!("peft-lora-trajectory-{step}"), as_it_is);
    }
}

/// PiSSA's factors are relative to a base that was changed at the start.
#[test]
fn pissa_is_warned_of() {
    drops(vec![peft("peft-pissa")]).warns("base");
}

#[test]
fn loha_of_peft() {
    agrees(vec![peft("peft-loha")], "peft-loha", as_it_is);
}

#[test]
fn lokr_of_peft() {
    agrees(vec![peft("peft-lokr")], "peft-lokr", as_it_is);
}

#[test]
fn dora_of_peft() {
    let base = || vec![fixture("llama-mini/base/model.safetensors")];
    agrees(vec![[peft("peft-dora"), base()].concat()], "peft-dora", as_it_is);
    agrees(vec![peft("peft-dora"), base()], "peft-dora", as_it_is);
    agrees(vec![base(), peft("peft-dora")], "peft-dora", as_it_is);
}

#[test]
fn dora_of_peft_without_its_base() {
    agrees(vec![peft("peft-dora")], "peft-dora-factors", as_it_is);
}

#[test]
fn diffusers_unet() {
    let file = fixture("diffusers-unet/pytorch_lora_weights.safetensors");
    agrees(vec![vec![file]], "diffusers-unet", below_unet);
}

/// Each is one file; DoRA's comes with its base.
fn lycoris(name: &str) {
    let file = || vec![fixture(&format!("{name}/adapter.safetensors"))];
    if name == "lycoris-dora" {
        let base = || vec![fixture("lycoris-dora/base_unet.safetensors")];
        agrees(vec![[file(), base()].concat()], name, flat);
        agrees(vec![file(), base()], name, flat);
    } else {
        agrees(vec![file()], name, flat);
    }
}

#[test]
fn locon_of_kohya() {
    lycoris("kohya-locon");
}

#[test]
fn locon_of_lycoris_with_tucker_cores() {
    lycoris("lycoris-tucker");
}

#[test]
fn loha_of_lycoris() {
    lycoris("lycoris-loha");
}

#[test]
fn lokr_of_lycoris() {
    lycoris("lycoris-lokr");
}

#[test]
fn dora_of_lycoris() {
    lycoris("lycoris-dora");
}
