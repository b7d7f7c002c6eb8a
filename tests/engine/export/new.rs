//! Adapters written from nothing but factors.

use lorascope_engine::export::{Base, NewAdapterError, NewModule, new_adapter};
use lorascope_format::adapter::PeftConfig;
use lorascope_format::bytes::MemorySource;
use lorascope_format::checkpoint::Stored;
use lorascope_protocol::projection::OutputType;
use serde_json::{Value, json};

use crate::written::{Source, new_factors, write};

fn module(path: &str, shape: [u64; 2], rank: u32, stored: Stored) -> NewModule {
    NewModule { path: path.to_owned(), shape, rank, stored, dtype: OutputType::F32 }
}

fn linear(path: &str, shape: [u64; 2], rank: u32) -> NewModule {
    module(path, shape, rank, Stored::Linear)
}

/// Writes the modules and reads them back: names, shapes, ranks, scales of 1 and the very products.
fn round(modules: &[NewModule], base: Base<'_>) -> Value {
    let (layout, config) = new_adapter(modules, base).unwrap();
    let factors = new_factors(modules);
    let file = write(&layout, &factors, &[]);
    assert!(safetensors::SafeTensors::deserialize(&file).is_ok());
    let read = PeftConfig::read(&config.object);
    assert!(read.warnings.is_empty() && PeftConfig::is_one(&config.object));
    let written = Source::of(MemorySource::new("new", file), read);
    assert!(written.adapter.warnings.is_empty(), "{:?}", written.adapter.warnings);
    assert_eq!(written.header.metadata["format"], "pt");
    assert_eq!(written.adapter.modules.len(), modules.len());
    for (new, [left, right]) in modules.iter().zip(&factors) {
        let module = written.module(&new.path);
        assert_eq!((module.shape, module.rank, module.scale), (new.shape, new.rank, 1.0), "{}", new.path);
        let [l, r] = module.pair().unwrap().map(|factor| written.factor(factor));
        assert_eq!(l * r.transpose(), left * right.transpose(), "{}", new.path);
    }
    Value::Object(config.object)
}

const LLAMA: &[&str] = &[
    "model.embed_tokens",
    "model.layers.0.self_attn.q_proj",
    "model.layers.0.mlp.up_proj",
    "model.layers.0.input_layernorm",
    "model.layers.1.self_attn.q_proj",
    "model.layers.1.mlp.up_proj",
    "model.layers.1.input_layernorm",
    "model.norm",
    "lm_head",
];

#[test]
fn linear_modules_of_different_ranks_and_an_embedding() {
    let mut modules = vec![
        module("model.embed_tokens", [40, 12], 3, Stored::Embedding),
        linear("model.layers.0.self_attn.q_proj", [16, 12], 4),
        linear("model.layers.0.mlp.up_proj", [20, 12], 2),
        linear("model.layers.1.self_attn.q_proj", [16, 12], 4),
        linear("model.layers.1.mlp.up_proj", [20, 12], 4),
        linear("lm_head", [40, 12], 4),
    ];
    let base = Base { name: Some("org/tiny"), paths: LLAMA, complete: true };
    let config = round(&modules, base);
    assert_eq!((&config["r"], &config["lora_alpha"]), (&json!(4), &json!(4)));
    assert_eq!(config["rank_pattern"], json!({ "^model\\.layers\\.0\\.mlp\\.up_proj": 2, "embed_tokens": 3 }));
    assert_eq!(config["alpha_pattern"], config["rank_pattern"]);
    assert_eq!(config["target_modules"], json!(["embed_tokens", "q_proj", "up_proj", "lm_head"]));
    assert_eq!((&config["peft_type"], &config["task_type"]), (&json!("LORA"), &json!("CAUSAL_LM")));
    assert_eq!((&config["base_model_name_or_path"], &config["fan_in_fan_out"]), (&json!("org/tiny"), &json!(false)));

    // Types may differ, and a model that is not all here is named path by path.
    modules[1].dtype = OutputType::Bf16;
    modules[2].dtype = OutputType::F16;
    modules.truncate(3);
    let config = round(&modules, Base { name: None, complete: false, ..base });
    assert_eq!(config["target_modules"], json!(["model.embed_tokens", LLAMA[1], LLAMA[2]]));
    assert_eq!(config["base_model_name_or_path"], Value::Null);
    let (_, config) = new_adapter(&modules, Base { name: None, ..base }).unwrap();
    assert!(config.warnings[0].contains("base_model_name_or_path"), "{:?}", config.warnings);
}

#[test]
fn layers_of_gpt2_and_convolutions() {
    let gpt2 = [
        module("transformer.h.0.attn.c_attn", [12, 36], 3, Stored::Conv1D),
        module("transformer.h.0.attn.c_proj", [12, 12], 3, Stored::Conv1D),
    ];
    assert_eq!(round(&gpt2, Base::default())["fan_in_fan_out"], json!(true));
    let (layout, _) = new_adapter(&gpt2, Base::default()).unwrap();
    assert!(layout.rows[0].left.name.ends_with("c_attn.lora_A.weight") && layout.rows[0].left.transposed);

    let convs = [
        module("conv_in", [6, 36], 2, Stored::Convolution(vec![3, 3])),
        module("conv_out", [6, 4], 2, Stored::Convolution(vec![1, 1])),
    ];
    round(&convs, Base::default());
    let (layout, _) = new_adapter(&convs, Base::default()).unwrap();
    let file = write(&layout, &new_factors(&convs), &[]);
    let read = safetensors::SafeTensors::deserialize(&file).unwrap();
    let shape = |name: &str| read.tensor(&format!("base_model.model.{name}.weight")).unwrap().shape().to_vec();
    assert_eq!((shape("conv_in.lora_A"), shape("conv_in.lora_B")), (vec![2, 4, 3, 3], vec![6, 2, 1, 1]));
}

#[test]
fn the_task_is_named_only_where_it_is_sure() {
    let task = |paths: &[&str]| {
        let modules = [linear("model.layers.0.q", [4, 4], 1)];
        new_adapter(&modules, Base { paths, ..Base::default() }).unwrap().1.object["task_type"].clone()
    };
    assert_eq!(task(LLAMA), json!("CAUSAL_LM"));
    assert_eq!(task(&["gpt_neox.layers.0.q", "embed_out"]), json!("CAUSAL_LM"));
    for unsure in [
        &LLAMA[..8],
        &["lm_head", "visual.blocks.0.q", "model.layers.0.q"],
        &["lm_head", "encoder.block.0.q", "decoder.block.0.q"],
        &["lm_head.dense", "roberta.encoder.layer.0.q"],
        &[],
    ] {
        assert_eq!(task(unsure), Value::Null, "{unsure:?}");
    }
}

#[test]
fn what_cannot_be_written_is_said() {
    let said = |modules: &[NewModule]| new_adapter(modules, Base::default()).unwrap_err().to_string();
    assert_eq!(new_adapter(&[], Base::default()), Err(NewAdapterError::Empty));
    assert!(said(&[]).contains("nothing that can be extracted has changed"));
    assert!(said(&[linear("a.q", [4, 4], 0)]).contains("`a.q` would have rank 0"));
    let conv = |n, kernel| module("conv", [4, n], 1, Stored::Convolution(kernel));
    assert!(said(&[conv(10, vec![3, 3])]).contains("`conv` is a convolution with 9 weights for each input, and 10"));
    assert!(said(&[conv(10, vec![0])]).contains("no multiple"));
    assert!(said(&[conv(10, vec![u64::MAX, 2])]).contains("no multiple"));
    let twice = [linear("a.q", [4, 4], 1), linear("a.q", [4, 4], 1)];
    assert!(said(&twice).contains("same name"), "{}", said(&twice));
    assert!(said(&[linear("a.q", [u64::MAX, 4], 1)]).contains("too large"));
}
