//! Experts of a mixture, in every layout that people's files have.

use lorascope_format::bytes::MemorySource;
use lorascope_format::container::TensorEntry;
use lorascope_protocol::{BackendChoice, Question};
use nalgebra::DMatrix;
use pollster::block_on;
use serde_json::json;

use super::reported;
use crate::alignment::bench::bench;
use crate::common::gguf::{self, Kind};
use crate::common::header_of;
use crate::dialect::{File, Tensor, lora_config};
use crate::dropped::{Update, drop_with, drops};
use crate::numbers::Numbers;

const PEFT: [&str; 2] = ["adapter_model.safetensors", "adapter_config.json"];

/// Tinker: one side of the factors is shared by all experts.
#[test]
fn tinker_shared_outer() {
    let case = reported("tinker-shared-outer");
    case.drop_each(&PEFT, |dropped| {
        case.holds(dropped.adapter());
        let stored: u64 = header_of(&case.files(&PEFT)[0]).expect("a header").tensors.iter().map(elements).sum();
        assert_eq!(dropped.adapter().parameters, stored, "what experts share is counted once");
    });
}

fn elements(tensor: &TensorEntry) -> u64 {
    tensor.shape.iter().product()
}

/// Megatron-Bridge: `[E, r, in]` and `[out, r, E]`.
#[test]
fn megatron_stacked_3d() {
    let case = reported("megatron-stacked-3d");
    for form in ["stacked", "flat"] {
        case.drop_each(&[form], |dropped| case.holds(dropped.adapter()));
    }
    case.are_one(&["stacked", "flat"], 6);
}

/// llama.cpp's `ffn_*_exps`.
#[test]
fn gguf_moe_experts() {
    let case = reported("gguf-moe-experts");
    case.drop_each(&["qwen3moe-lora.gguf"], |dropped| case.holds(dropped.adapter()));
}

/// Unsloth's numbered lists.
#[test]
fn unsloth_expert_lists() {
    let case = reported("unsloth-expert-lists");
    case.drop_each(&PEFT, |dropped| case.holds(dropped.adapter()));
}

/// PEFT's two orientations of one update.
#[test]
fn moe_orientation() {
    let case = reported("moe-orientation");
    for version in ["peft-0.18", "peft-0.20"] {
        case.drop_each(&[version], |dropped| case.holds(dropped.adapter()));
        case.drop_each(&[version, "step-0", "step-100"], |dropped| {
            let aligned = &dropped.report.alignment[0];
            for wanted in case.expect["alignment"].as_array().expect("a list") {
                let name = format!("{}.{}", wanted["path"].as_str().expect("a path"), wanted["expert"]);
                let module = aligned.modules.iter().find(|module| module.name == name);
                let module = module.unwrap_or_else(|| panic!("no {name}: {:?}", aligned.unmatched));
                let figures = [module.figures.cosine, module.figures.update_norm].map(|x| x.expect("a number"));
                for (is, should) in figures.into_iter().zip([&wanted["cosine"], &wanted["update_norm"]]) {
                    let should = should.as_f64().expect("a number");
                    assert!((is - should).abs() <= 1e-5, "{name}: {is}, not {should}");
                }
            }
        });
    }
    // Which of the two lies as the base does, only the base could say.
    let mut bench = bench(BackendChoice::Cpu);
    bench.drop_files(case.files(&["peft-0.18", "peft-0.20"]));
    block_on(bench.session.ask(1, Question::Compare));
    let comparison = bench.session.report().comparison.expect("a comparison");
    let refused = &comparison.pairs[0].not_compared;
    assert_eq!(refused.len(), 4);
    assert!(refused.iter().all(|entry| entry.reason.contains("each other's transposes")), "{refused:?}");
}

/// The same layouts in other sizes, under other names, with more experts; the path says that a kernel is none.
#[test]
fn stacks_of_other_sizes() {
    for ([of_a, of_b], [out, r, inn], path) in [
        ([7, 7], [10, 2, 6], "model.layers.3.mlp.experts.up_proj"),
        ([1, 5], [6, 3, 10], "model.layers.3.mlp.experts.w2"),
        ([5, 1], [6, 3, 10], "model.layers.3.mlp.experts.w1"),
        ([2, 2], [4, 1, 3], "model.layers.3.block_sparse_moe.experts.w3"),
    ] {
        let mut file = File::new(300);
        let a = file.random(&format!("base_model.model.{path}.lora_A.weight"), &[of_a, r, inn]);
        let b = file.random(&format!("base_model.model.{path}.lora_B.weight"), &[of_b, out, r]);
        let part = |tensor: &Tensor, e: usize| tensor.part(e.min(tensor.shape[0] - 1));
        let expert = |e| Update::new(&format!("{path}.{e}"), 1.5, "adapter_config", part(&b, e) * part(&a, e));
        let updates: Vec<Update> = (0..of_a.max(of_b)).map(expert).collect();
        let dropped = drop_with(&file, lora_config(json!({ "r": r, "lora_alpha": 1.5 * r as f64 })));
        dropped.shows(&updates);
        let notes = dropped.adapter().modules.iter().filter_map(|module| module.note.as_deref());
        assert_eq!(notes.filter(|note| note.contains("one for all experts")).count() > 0, of_a != of_b, "{path}");
    }
}

/// `[E, r, in]` and `[out, r, E]`, the columns of an expert E apart.
#[test]
fn experts_last_of_other_sizes() {
    for [experts, out, r, inn] in [[5, 9, 3, 4], [2, 4, 2, 6], [8, 3, 1, 5]] {
        let path = "model.layers.1.mlp.experts.down_proj";
        let mut file = File::new(301);
        let a = file.random(&format!("base_model.model.{path}.lora_A.weight"), &[experts, r, inn]);
        let b = file.random(&format!("base_model.model.{path}.lora_B.weight"), &[out, r, experts]);
        let up = |e: usize| DMatrix::from_fn(out, r, |o, j| b.numbers[(o * r + j) * experts + e]);
        let expert = |e| Update::new(&format!("{path}.{e}"), 2.0, "adapter_config", up(e) * a.part(e));
        let updates: Vec<Update> = (0..experts).map(expert).collect();
        drop_with(&file, lora_config(json!({ "r": r, "lora_alpha": 2 * r }))).shows(&updates);
    }
}

/// Factors of three dimensions that fit no layout get a reason that names the layouts, not the rank.
#[test]
fn unknown_stacks_are_listed() {
    let path = "base_model.model.model.layers.0.mlp.experts.gate_proj";
    let mut file = File::new(302);
    file.peft("model.layers.0.self_attn.q_proj", [6, 2, 5]);
    file.random(&format!("{path}.lora_A.weight"), &[3, 4, 12]);
    file.random(&format!("{path}.lora_B.weight"), &[24, 5, 7]);
    let dropped = drop_with(&file, lora_config(json!({ "r": 2, "lora_alpha": 2 })));
    dropped.lists(&format!("{path}.lora_A.weight"), "experts of a mixture");
}

/// A one-dimensional convolution has a third dimension too.
#[test]
fn a_kernel_is_no_stack() {
    let mut file = File::new(303);
    let path = "model.layers.0.mixer.conv1d";
    let a = file.random(&format!("base_model.model.{path}.lora_A.weight"), &[4, 6, 3]).matrix();
    let b = file.random(&format!("base_model.model.{path}.lora_B.weight"), &[8, 4, 1]).matrix();
    let dropped = drop_with(&file, lora_config(json!({ "r": 4, "lora_alpha": 4 })));
    dropped.shows(&[Update::new(path, 1.0, "adapter_config", b * a)]);
}

/// llama.cpp's, with more experts.
#[test]
fn gguf_stacks_of_other_sizes() {
    let (experts, [out, r, inn]) = (6, [5, 2, 7]);
    let mut numbers = Numbers::new(304);
    let mut draw = |count: usize| -> Vec<f64> { (0..count).map(|_| numbers.seventh()).collect() };
    let (a, b) = (draw(experts * r * inn), draw(experts * out * r));
    let [a, b] = [Tensor::new(&[experts, r, inn], a), Tensor::new(&[experts, out, r], b)];
    let stored = |name: &str, tensor: &Tensor| {
        let shape: Vec<u64> = tensor.shape.iter().map(|&n| n as u64).collect();
        let numbers: Vec<f32> = tensor.numbers.iter().map(|&x| x as f32).collect();
        gguf::tensor(&format!("blk.4.ffn_up_exps.weight.{name}"), Kind::F32, &shape, &numbers)
    };
    let values = gguf::adapter_values("qwen3moe", 6.0);
    let bytes = gguf::file(&values, vec![stored("lora_a", &a), stored("lora_b", &b)]);
    let dropped = drops(vec![vec![MemorySource::new("some.gguf", bytes)]]);
    let name = |e: usize| format!("model.layers.4.mlp.experts.up_proj.{e}");
    let updates = (0..experts).map(|e| Update::new(&name(e), 3.0, "", b.part(e) * a.part(e)));
    dropped.shows(&updates.collect::<Vec<_>>());
}
