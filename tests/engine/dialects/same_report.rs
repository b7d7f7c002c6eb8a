//! One adapter in PEFT's, MLX's and GGUF's form: the reports are the same.

use lorascope_format::bytes::MemorySource;
use lorascope_protocol::report::AdapterReport;
use nalgebra::DMatrix;
use serde_json::json;

use crate::common::gguf::{self, Kind};
use crate::common::mlx;
use crate::dialect::{File, Tensor, config, lora_config};
use crate::dropped::{Dropped, drop_with, drops};

/// A in rows of r, B `[out, r]`, of a module with its names in the model and in llama.cpp.
struct Module {
    path: &'static str,
    llama_cpp: &'static str,
    down: DMatrix<f64>,
    up: DMatrix<f64>,
}

const EMBEDDING: &str = "model.embed_tokens";

/// Rank 32, so that even Q8_0 can hold every factor, which begins each block with 127/128: its step is then 1/128,
/// and all numbers are multiples of that.
fn modules() -> Vec<Module> {
    let names = [
        ("model.layers.0.self_attn.q_proj", "blk.0.attn_q.weight", 96, 64),
        ("model.layers.0.self_attn.k_proj", "blk.0.attn_k.weight", 32, 64),
        ("model.layers.0.self_attn.v_proj", "blk.0.attn_v.weight", 32, 64),
        ("model.layers.1.self_attn.o_proj", "blk.1.attn_output.weight", 64, 96),
        ("model.layers.1.mlp.gate_proj", "blk.1.ffn_gate.weight", 128, 64),
        ("model.layers.1.mlp.up_proj", "blk.1.ffn_up.weight", 128, 64),
        ("model.layers.2.mlp.down_proj", "blk.2.ffn_down.weight", 64, 128),
        (EMBEDDING, "token_embd.weight", 160, 64),
        ("lm_head", "output.weight", 160, 64),
    ];
    let mut file = File::new(150);
    let mut factor = |shape: [usize; 2]| {
        let mut tensor = file.draw(&shape);
        tensor.numbers.iter_mut().step_by(32).for_each(|x| *x = 127.0 / 128.0);
        tensor.matrix()
    };
    let module = |(path, llama_cpp, out, inn)| {
        // The embedding's factors lie in llama.cpp's files as [vocab, r] and [dim, r].
        let down = if path == EMBEDDING { factor([out, 32]).transpose() } else { factor([32, inn]) };
        let up = if path == EMBEDDING { factor([inn, 32]) } else { factor([out, 32]) };
        Module { path, llama_cpp, down, up }
    };
    names.into_iter().map(module).collect()
}

fn numbers(matrix: &DMatrix<f64>) -> Vec<f32> {
    matrix.transpose().iter().map(|&x| x as f32).collect()
}

fn shape(matrix: &DMatrix<f64>) -> [u64; 2] {
    [matrix.nrows() as u64, matrix.ncols() as u64]
}

/// alpha 64 over rank 32.
fn as_peft() -> Dropped {
    let mut file = File::new(0);
    for Module { path, down, up, .. } in modules() {
        let [a, b] = if path == EMBEDDING {
            ["lora_embedding_A", "lora_embedding_B"]
        } else {
            ["lora_A.weight", "lora_B.weight"]
        };
        file.put(&format!("base_model.model.{path}.{a}"), &Tensor::of(&down));
        file.put(&format!("base_model.model.{path}.{b}"), &Tensor::of(&up));
    }
    drop_with(&file, lora_config(json!({ "r": 32, "lora_alpha": 64 })))
}

fn as_mlx(kind: Kind) -> Dropped {
    let tensor = |path: &str, end: &str, matrix: &DMatrix<f64>| {
        mlx::tensor(&format!("{path}.{end}"), kind, &shape(matrix), &numbers(matrix))
    };
    let pair = |Module { path, down, up, .. }: Module| {
        [tensor(path, "lora_a", &down.transpose()), tensor(path, "lora_b", &up.transpose())]
    };
    let tensors: Vec<_> = modules().into_iter().flat_map(pair).collect();
    let settings =
        json!({ "fine_tune_type": "lora", "num_layers": 16, "lora_parameters": { "rank": 32, "scale": 2.0 } });
    drops(vec![vec![MemorySource::new("adapters.safetensors", mlx::write(&tensors)), config(settings)]])
}

fn as_gguf(kind: Kind, more: Vec<gguf::Tensor>) -> Dropped {
    let tensor = |name: &str, end: &str, matrix: &DMatrix<f64>| {
        gguf::tensor(&format!("{name}.{end}"), kind, &shape(matrix), &numbers(matrix))
    };
    let pair = |Module { path, llama_cpp, down, up }: Module| {
        let down = if path == EMBEDDING { down.transpose() } else { down };
        [tensor(llama_cpp, "lora_a", &down), tensor(llama_cpp, "lora_b", &up)]
    };
    let mut tensors: Vec<_> = modules().into_iter().flat_map(pair).collect();
    tensors.extend(more);
    drops(vec![vec![MemorySource::new("adapter.gguf", gguf::adapter(64.0, tensors))]])
}

/// Names, places, shapes, ranks, scales and spectra.
fn are_the_same(one: &AdapterReport, other: &AdapterReport) {
    let sorted = |report: &AdapterReport| {
        let mut modules = report.modules.clone();
        modules.sort_by(|a, b| a.name.cmp(&b.name));
        modules
    };
    let (one_modules, other_modules) = (sorted(one), sorted(other));
    assert_eq!(one_modules.len(), other_modules.len());
    for (a, b) in one_modules.iter().zip(&other_modules) {
        assert_eq!(
            (&a.name, a.layer, &a.stack, &a.kind, &a.depth, &a.role, a.shape, a.rank, a.scale),
            (&b.name, b.layer, &b.stack, &b.kind, &b.depth, &b.role, b.shape, b.rank, b.scale)
        );
        let bound = 1e-6 * a.singular_values[0];
        assert_eq!(a.singular_values.len(), b.singular_values.len(), "{}", a.name);
        for (x, y) in a.singular_values.iter().zip(&b.singular_values) {
            assert!((x - y).abs() <= bound, "{}: {x} and {y}", a.name);
        }
        assert!((a.frobenius - b.frobenius).abs() <= bound, "{}", a.name);
        assert!((a.energy_share - b.energy_share).abs() <= 1e-6, "{}", a.name);
    }
    assert_eq!((one.total_layers, one.rank, one.parameters), (other.total_layers, other.rank, other.parameters));
    assert_eq!(one.domains.tags, other.domains.tags);
}

#[test]
fn mlx_and_peft_give_the_same_report() {
    let peft = as_peft();
    assert_eq!(peft.adapter().modules.len(), modules().len());
    for kind in [Kind::F32, Kind::F16, Kind::Bf16] {
        let mlx = as_mlx(kind);
        are_the_same(peft.adapter(), mlx.adapter());
        for module in &mlx.adapter().modules {
            assert!(module.scale_source.starts_with("MLX scale"), "{}", module.scale_source);
        }
    }
}

#[test]
fn gguf_and_peft_give_the_same_report() {
    let peft = as_peft();
    for kind in [Kind::F32, Kind::F16, Kind::Bf16, Kind::Q8_0] {
        let gguf = as_gguf(kind, Vec::new());
        are_the_same(peft.adapter(), gguf.adapter());
        for module in &gguf.adapter().modules {
            assert!(module.scale_source.starts_with("GGUF alpha/rank"), "{}", module.scale_source);
        }
    }
}

/// Norms stand in the file as they are: listed, and nothing else changes.
#[test]
fn norms_of_gguf_are_listed() {
    let names = ["blk.0.attn_norm.weight", "output_norm.weight"];
    let norms = names.map(|name| gguf::tensor(name, Kind::F32, &[64], &[0.5; 64]));
    let dropped = as_gguf(Kind::F16, norms.to_vec());
    are_the_same(as_peft().adapter(), dropped.adapter());
    let listed = &dropped.adapter().not_analyzed;
    for part in ["attn_norm|input_layernorm", "output_norm|model.norm"] {
        assert!(listed.iter().any(|l| part.split('|').any(|part| l.name.contains(part))), "{part}: {listed:?}");
    }
}

/// alpha 0, or none, means the rank.
#[test]
fn gguf_without_alpha() {
    let down = vec![0.5f32; 2 * 6];
    let up: Vec<f32> = (0..16).map(|n| n as f32).collect();
    let tensors = || {
        vec![
            gguf::tensor("blk.0.attn_q.weight.lora_a", Kind::F32, &[2, 6], &down),
            gguf::tensor("blk.0.attn_q.weight.lora_b", Kind::F32, &[8, 2], &up),
        ]
    };
    let values = gguf::adapter_values("llama", 0.0);
    let without: Vec<_> = values.iter().filter(|(key, _)| *key != "adapter.lora.alpha").cloned().collect();
    for values in [values, without] {
        let dropped = drops(vec![vec![MemorySource::new("adapter.gguf", gguf::file(&values, tensors()))]]);
        let module = dropped.module("model.layers.0.self_attn.q_proj");
        assert_eq!((module.scale, module.shape, module.rank), (1.0, [8, 6], 2));
    }
}

/// llama.cpp turns the rows of a Llama's q and k; other architectures keep theirs.
#[test]
fn a_llama_in_gguf_form_is_warned_of() {
    for (architecture, warned) in [("llama", true), ("qwen2", false)] {
        let tensor = |end: &str, shape: &[u64]| {
            gguf::tensor(
                &format!("blk.0.attn_q.weight.{end}"),
                Kind::F32,
                shape,
                &vec![0.5; shape.iter().product::<u64>() as usize],
            )
        };
        let bytes = gguf::file(
            &gguf::adapter_values(architecture, 8.0),
            vec![tensor("lora_a", &[2, 8]), tensor("lora_b", &[4, 2])],
        );
        let dropped = drops(vec![vec![MemorySource::new("lora.gguf", bytes)]]);
        let warnings = &dropped.adapter().warnings;
        assert_eq!(warnings.iter().any(|w| w.contains("order of its own")), warned, "{architecture}: {warnings:?}");
    }
}
