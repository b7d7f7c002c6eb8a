//! The same weights under the names, the orders and the shapes of several dialects.

use std::collections::BTreeMap;

use lorascope_format::bytes::MemorySource;
use nalgebra::DMatrix;
use safetensors::SafeTensors;
use serde_json::json;

use super::crafted::compared;
use super::dense::{bound, cosine, matrix, near};
use super::figures::pairs;
use crate::common::gguf::{self, Kind};
use crate::common::{fixture, fixtures};
use crate::dialect::{File, Tensor};
use crate::started::backends;

const LAYERS: usize = 3;
/// PEFT's and llama.cpp's names, outputs and inputs.
const MODULES: [(&str, &str, [usize; 2]); 3] = [
    ("self_attn.q_proj", "attn_q", [64, 48]),
    ("self_attn.v_proj", "attn_v", [24, 48]),
    ("mlp.down_proj", "ffn_down", [48, 80]),
];

fn settings(path: &str, settings: serde_json::Value) -> MemorySource {
    MemorySource::new(path, settings.to_string().into_bytes())
}

/// One adapter of rank 4 and alpha 8 as PEFT, as kohya's scripts and as llama.cpp's converter write it.
fn three_dialects() -> Vec<MemorySource> {
    let (mut peft, mut kohya) = (File::new(1), File::new(1));
    let mut gguf = Vec::new();
    for layer in 0..LAYERS {
        for (ours, theirs, [out, inn]) in MODULES {
            let (a, b) = (peft.draw(&[4, inn]), peft.draw(&[out, 4]));
            let path = format!("model.layers.{layer}.{ours}");
            let flat = format!("lora_unet_{}", path.replace('.', "_"));
            peft.put(&format!("base_model.model.{path}.lora_A.weight"), &a);
            peft.put(&format!("base_model.model.{path}.lora_B.weight"), &b);
            kohya.scalar(&format!("{flat}.alpha"), 8.0);
            kohya.put_as(&format!("{flat}.lora_down.weight"), "BF16", &a);
            kohya.put(&format!("{flat}.lora_up.weight"), &b);
            for (tensor, part, kind) in [(&a, "lora_a", Kind::F32), (&b, "lora_b", Kind::F16)] {
                let numbers: Vec<f32> = tensor.numbers.iter().map(|&x| x as f32).collect();
                let shape: Vec<u64> = tensor.shape.iter().map(|&d| d as u64).collect();
                gguf.push(gguf::tensor(&format!("blk.{layer}.{theirs}.weight.{part}"), kind, &shape, &numbers));
            }
        }
    }
    vec![
        peft.at("peft/adapter_model.safetensors"),
        settings("peft/adapter_config.json", json!({ "peft_type": "LORA", "r": 4, "lora_alpha": 8 })),
        kohya.at("kohya.safetensors"),
        MemorySource::new("llama.gguf", gguf::adapter(8.0, gguf)),
    ]
}

#[test]
fn one_adapter_in_three_dialects_is_one_adapter() {
    for choice in backends() {
        let bench = compared(choice, three_dialects());
        let pairs = pairs(&bench);
        assert_eq!(pairs.len(), 3);
        for ([a, b], pair) in &pairs {
            let what = format!("{choice:?}: {a}, {b}");
            let count = (LAYERS * MODULES.len()) as u32;
            assert_eq!(pair.figures.counts, [count, 0, 0, 0], "{what}: {:?} {:?}", pair.only_a, pair.only_b);
            for figure in [pair.figures.cosine, pair.figures.shared_cosine, pair.figures.interference] {
                near(figure.unwrap(), 1.0, 1e-9, &what);
            }
            for overlap in pair.figures.overlap.unwrap() {
                near(overlap, 1.0, 1e-9, &what);
            }
            let is_flat = |label: &str| label.contains("kohya");
            for module in &pair.modules {
                assert_eq!(module.other_name.is_some(), is_flat(a) != is_flat(b), "{what}: {module:?}");
            }
        }
    }
}

/// Two files of one U-Net: what diffusers wrote with dots and sd-scripts flat, B·A of all common modules dense.
#[test]
fn files_of_diffusers_and_of_kohya() {
    let read = |path: &str| std::fs::read(fixtures().join(path)).unwrap();
    let (diffusers, kohya) = ("diffusers-unet/pytorch_lora_weights.safetensors", "kohya-locon/adapter.safetensors");
    let (bytes, flat_bytes) = (read(diffusers), read(kohya));
    let (file, flat) = (SafeTensors::deserialize(&bytes).unwrap(), SafeTensors::deserialize(&flat_bytes).unwrap());
    let mut dense: BTreeMap<String, [DMatrix<f64>; 2]> = BTreeMap::new();
    for name in file.names() {
        let Some(path) = name.strip_suffix(".lora.down.weight") else { continue };
        let other = format!("lora_unet_{}", path.strip_prefix("unet.").unwrap().replace('.', "_"));
        if !flat.names().iter().any(|name| **name == format!("{other}.lora_down.weight")) {
            continue;
        }
        let product = matrix(&file, &format!("{path}.lora.up.weight")) * matrix(&file, name);
        let down = matrix(&flat, &format!("{other}.lora_down.weight"));
        let alpha = f32::from_le_bytes(*flat.tensor(&format!("{other}.alpha")).unwrap().data().first_chunk().unwrap());
        let scale = f64::from(alpha) / down.nrows() as f64;
        dense.insert(path.to_owned(), [product, matrix(&flat, &format!("{other}.lora_up.weight")) * down * scale]);
    }
    assert!(dense.len() > 20, "{}", dense.len());
    for choice in backends() {
        let bench = compared(choice, vec![fixture(diffusers), fixture(kohya)]);
        let [(_, pair)] = &pairs(&bench)[..] else { panic!("one pair") };
        assert_eq!((pair.modules.len(), &pair.only_a[..], &pair.not_compared[..]), (dense.len(), &[][..], &[][..]));
        for module in &pair.modules {
            let [a, b] = &dense[&module.name];
            // Only the direction: what scale diffusers applies, its own test says.
            near(module.cosine, cosine(a, b), bound(choice), &format!("{choice:?}: {}", module.name));
        }
        // kohya's has convolutions, which the other does not adapt.
        assert!(pair.only_b.iter().any(|name| name.contains("conv")), "{:?}", pair.only_b);
    }
}

/// A base that stores its weight as `[in, out]` turns the update; its sides are those of the outputs all the same.
#[test]
fn weights_that_are_stored_inputs_first() {
    let mut file = File::new(7);
    let (a, b) = (file.draw(&[4, 30]), file.draw(&[90, 4]));
    let path = "base_model.model.transformer.h.0.attn.c_attn";
    file.put(&format!("{path}.lora_A.weight"), &a);
    file.put(&format!("{path}.lora_B.weight"), &b);
    let config = |folder: &str, inputs_first: bool| {
        let text = json!({ "peft_type": "LORA", "r": 4, "lora_alpha": 4, "fan_in_fan_out": inputs_first });
        settings(&format!("{folder}/adapter_config.json"), text)
    };
    for choice in backends() {
        let mut files = Vec::new();
        for (folder, inputs_first) in [("one", true), ("two", false), ("three", true)] {
            files.extend([file.at(&format!("{folder}/adapter_model.safetensors")), config(folder, inputs_first)]);
        }
        let bench = compared(choice, files);
        let shapes: Vec<[u64; 2]> = bench.session.report().adapters.iter().map(|a| a.modules[0].shape).collect();
        assert!(shapes.contains(&[30, 90]) && shapes.contains(&[90, 30]), "{shapes:?}");
        for (labels, pair) in pairs(&bench) {
            let what = format!("{choice:?}: {labels:?}");
            assert_eq!(pair.figures.counts, [1, 0, 0, 0], "{what}: {:?}", pair.not_compared);
            near(pair.figures.cosine.unwrap(), 1.0, 1e-12, &what);
            let chance = pair.modules[0].chance.unwrap();
            near(chance[0], 4.0 / 90.0, 1e-12, &what);
            near(chance[1], 4.0 / 30.0, 1e-12, &what);
        }
    }
}

/// Kernels that multiply to the same size are still different.
#[test]
fn kernels_of_convolutions() {
    const CONV: &str = "lora_unet_down_blocks_0_resnets_0_conv1";
    let write = |seed: u64, kernels: [&[usize]; 2]| {
        let mut file = File::new(seed);
        let mut products = Vec::new();
        for (n, kernel) in kernels.into_iter().enumerate() {
            let name = format!("{CONV}{n}");
            let [down, up] = ["down", "up"].map(|part| format!("{name}.lora_{part}.weight"));
            products.push(file.pair(&down, &up, [16, 3, 8], kernel));
        }
        (file, products)
    };
    let ((a, of_a), (b, of_b)) = (write(1, [&[3, 3], &[3, 3]]), write(2, [&[3, 3], &[1, 9]]));
    for choice in backends() {
        let bench = compared(choice, vec![a.at("a.safetensors"), b.at("b.safetensors")]);
        let [(_, pair)] = &pairs(&bench)[..] else { panic!("one pair") };
        let ([module], [refused]) = (&pair.modules[..], &pair.not_compared[..]) else { panic!("{pair:?}") };
        near(module.cosine, cosine(&of_a[0], &of_b[0]), bound(choice), CONV);
        assert_eq!(refused.name, format!("{CONV}1"));
        assert_eq!(refused.reason, "its convolution's kernel is [3, 3] in a.safetensors and [1, 9] in b.safetensors");
    }
}

/// LoHa and LoKr have factors too, once their formulas are evaluated.
#[test]
fn formulas_are_compared_by_their_factors() {
    for choice in backends() {
        let files = ["lycoris-lokr", "lycoris-loha", "kohya-locon"]
            .map(|folder| fixture(&format!("{folder}/adapter.safetensors")));
        let bench = compared(choice, files.to_vec());
        for (labels, pair) in pairs(&bench) {
            assert!(pair.figures.counts[0] > 50, "{choice:?}: {labels:?}: {:?}", pair.figures);
            assert!(pair.figures.cosine.is_some_and(|cosine| cosine.abs() < 0.2), "{:?}", pair.figures);
        }
    }
    let mut file = File::new(9);
    let name = "lora_unet_down_blocks_0_attentions_0_proj_in";
    let halves = [("hada_w1_a", [20, 2]), ("hada_w1_b", [2, 30]), ("hada_w2_a", [20, 2]), ("hada_w2_b", [2, 30])];
    let parts = halves.map(|(part, shape)| file.random(&format!("{name}.{part}"), &shape).matrix());
    let mut plain = File::new(10);
    let product = plain.kohya(name, [20, 3, 30], None);
    let exact = (&parts[0] * &parts[1]).component_mul(&(&parts[2] * &parts[3]));
    for choice in backends() {
        let bench = compared(choice, vec![file.at("loha.safetensors"), plain.at("lora.safetensors")]);
        let [(_, pair)] = &pairs(&bench)[..] else { panic!("one pair") };
        near(pair.modules[0].cosine, cosine(&exact, &product), bound(choice), "LoHa");
    }
}

/// A tensor that both hold in other orders of its factors' columns is the same update.
#[test]
fn other_factors_of_one_product() {
    let mut file = File::new(11);
    let (a, b) = (file.draw(&[4, 40]).matrix(), file.draw(&[50, 4]).matrix());
    let mixing = DMatrix::from_row_slice(
        4,
        4,
        &[0.0, 2.0, 0.0, 0.0, 0.5, 0.0, 0.0, 1.0, 0.0, 0.0, -4.0, 0.0, 0.0, 1.0, 0.0, 3.0],
    );
    let inverse = mixing.clone().try_inverse().unwrap();
    let path = "base_model.model.model.layers.0.self_attn.q_proj";
    let write = |label: &str, b: &DMatrix<f64>, a: &DMatrix<f64>| {
        let mut file = File::new(0);
        file.put(&format!("{path}.lora_A.weight"), &Tensor::of(a));
        file.put(&format!("{path}.lora_B.weight"), &Tensor::of(b));
        file.at(&format!("{label}/adapter_model.safetensors"))
    };
    for choice in backends() {
        let bench = compared(choice, vec![write("one", &b, &a), write("two", &(&b * &mixing), &(&inverse * &a))]);
        let [(_, pair)] = &pairs(&bench)[..] else { panic!("one pair") };
        near(pair.figures.cosine.unwrap(), 1.0, 2e-7, "other factors");
        for overlap in pair.figures.overlap.unwrap() {
            near(overlap, 1.0, 1e-6, "other factors");
        }
    }
}
