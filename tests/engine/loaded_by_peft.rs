//! Written adapters, loaded by the real PEFT library and applied. Where Python does not have it, the tests say so and
//! still read back with our own reader what they wrote.

use std::fs;
use std::path::PathBuf;

use crate::peft::{apply, fixture_model, refusal};
use crate::written::{Source, new_factors, write};
use lorascope_engine::export::{Base, NewModule, adapter_config, layout, new_adapter};
use lorascope_engine::projection::Plan;
use lorascope_format::adapter::PeftConfig;
use lorascope_format::bytes::MemorySource;
use lorascope_format::checkpoint::Stored;
use lorascope_protocol::projection::OutputType;
use lorascope_protocol::report::NotAnalyzed;
use serde_json::{Map, Value, json};

/// A folder with a written adapter, gone at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn new(name: &str, file: &[u8], config: &Map<String, Value>) -> Self {
        let path = std::env::temp_dir().join(format!("lorascope-peft-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("adapter_model.safetensors"), file).unwrap();
        fs::write(path.join("adapter_config.json"), Value::Object(config.clone()).to_string()).unwrap();
        Self(path)
    }
}

/// Writes the cut factors of `plan`, reads them back, and compares the update of every module with PEFT's.
fn write_and_apply(
    name: &str,
    source: &Source,
    config: Option<&PeftConfig>,
    plan: &Plan,
    dtype: Option<OutputType>,
    model: &Value,
) {
    let layout = layout(&source.adapter, &source.header, plan, dtype).unwrap();
    let file = source.write(plan, &layout);
    let config = adapter_config(config, plan, &layout).unwrap();
    let written = Source::of(MemorySource::new(name, file.clone()), PeftConfig::read(&config.object));
    assert_eq!(written.adapter.modules.len(), plan.rows.len(), "{name}: {:?}", written.adapter.warnings);
    assert!(!written.adapter.warnings.iter().any(|w| w.contains("another rank")), "{:?}", written.adapter.warnings);
    let folder = Folder::new(name, &file, &config.object);
    let Some(applied) = apply(&folder.0, model) else { return };
    assert_eq!(applied.as_object().unwrap().len(), plan.rows.len(), "{name}: modules that PEFT applies");
    for row in &plan.rows {
        let of = |key: &str| &applied[row.name.as_str()][key];
        assert_eq!(of("shape"), &json!(row.shape), "{}", row.name);
        assert_eq!(of("rank"), &json!(row.rank), "{}", row.name);
        let scaling = of("scaling").as_f64().unwrap();
        assert!((scaling - row.scale).abs() <= 1e-14 * row.scale.abs(), "{}: {scaling} for {}", row.name, row.scale);
        let module = written.module(&row.name);
        let [left, right] = module.pair().unwrap().map(|factor| written.factor(factor).map(f64::from));
        let delta = left * right.transpose() * row.scale;
        let (norm, theirs) = (delta.norm(), of("frobenius").as_f64().unwrap());
        assert!((norm - theirs).abs() <= 1e-10 * norm, "{}: ‖ΔW‖ {theirs} for {norm}", row.name);
        let sigma = delta.singular_values();
        let theirs: Vec<f64> = serde_json::from_value(of("singular_values").clone()).unwrap();
        assert_eq!(theirs.len(), sigma.len());
        for (ours, theirs) in sigma.iter().zip(theirs) {
            assert!((ours - theirs).abs() <= 1e-10 * sigma[0], "{}: σ {theirs} for {ours}", row.name);
        }
    }
}

#[test]
fn the_same_adapter_written_again() {
    for folder in ["peft-lora", "peft-rslora-attn", "peft-patterns", "peft-embed-saved"] {
        let source = Source::open(folder);
        write_and_apply(folder, &source, Some(&source.config), &source.same(), None, &fixture_model());
    }
}

#[test]
fn mixed_ranks_keep_every_scale() {
    for (folder, dtype) in
        [("peft-lora", None), ("peft-rslora-attn", Some(OutputType::Bf16)), ("peft-patterns", Some(OutputType::F16))]
    {
        let source = Source::open(folder);
        let mut plan = source.same();
        for (n, row) in plan.rows.iter_mut().enumerate() {
            row.rank = row.rank.min([4, 8, 4, 3, 1][n % 5]);
        }
        write_and_apply(&format!("{folder}-mixed"), &source, Some(&source.config), &plan, dtype, &fixture_model());
    }
}

/// A narrower model of the same kind: hidden 96, intermediate 200, three heads, one for keys and values.
fn narrower(layers: u32) -> Value {
    json!({
        "model_type": "llama", "hidden_size": 96, "intermediate_size": 200, "num_attention_heads": 3,
        "num_key_value_heads": 1, "head_dim": 32, "num_hidden_layers": layers, "vocab_size": 300,
        "max_position_embeddings": 128, "tie_word_embeddings": false,
    })
}

fn narrow(plan: &mut Plan) {
    plan.same_model = false;
    plan.base_model = Some("org/narrower".to_owned());
    for row in &mut plan.rows {
        row.shape = match row.name.rsplit('.').next().unwrap() {
            "q_proj" | "o_proj" => [96, 96],
            "k_proj" | "v_proj" => [32, 96],
            "gate_proj" | "up_proj" => [200, 96],
            "down_proj" => [96, 200],
            "embed_tokens" => [300, 96],
            other => panic!("{other} has no size here"),
        };
        row.rank = row.rank.min(6);
    }
}

#[test]
fn another_model_with_as_many_layers() {
    let source = Source::open("peft-patterns");
    let mut plan = source.same();
    narrow(&mut plan);
    write_and_apply("narrow", &source, Some(&source.config), &plan, None, &narrower(6));
}

#[test]
fn another_model_with_fewer_layers() {
    for folder in ["peft-lora", "peft-embed-saved"] {
        let source = Source::open(folder);
        let mut plan = source.same();
        narrow(&mut plan);
        // 0, 2, 3, 5 to 0, 1, 2, 3.
        let place = [Some(0), None, Some(1), Some(2), None, Some(3)];
        plan.target_layers = Some(4);
        let rows = std::mem::take(&mut plan.rows);
        for mut row in rows {
            let Some(layer) = row.layer else {
                plan.rows.push(row);
                continue;
            };
            let Some(to) = place[layer as usize] else {
                let reason = "the target has fewer layers".to_owned();
                plan.unplaced.push(NotAnalyzed { name: row.source, reason });
                continue;
            };
            row.name = row.name.replace(&format!("layers.{layer}."), &format!("layers.{to}."));
            row.layer = Some(to);
            plan.rows.push(row);
        }
        let name = format!("{folder}-fewer");
        write_and_apply(&name, &source, Some(&source.config), &plan, Some(OutputType::F32), &narrower(4));
    }
}

#[test]
fn an_adapter_without_a_configuration() {
    let source = Source::open("peft-rslora-attn");
    let mut plan = source.same();
    for (n, row) in plan.rows.iter_mut().enumerate() {
        row.scale = [1.0, 0.7][n % 2];
        row.rank = [16, 5, 5][n % 3];
    }
    write_and_apply("bare", &source, None, &plan, None, &fixture_model());
}

/// GPT-2 stores its weights as `[in, out]`.
#[test]
fn weights_that_the_base_stores_the_other_way() {
    let mut tensors = Vec::new();
    for layer in 0..2u32 {
        for (name, outputs, inputs) in [("attn.c_attn", 96, 32), ("mlp.c_fc", 128, 32), ("mlp.c_proj", 32, 128)] {
            let path = format!("base_model.model.transformer.h.{layer}.{name}");
            tensors.push((format!("{path}.lora_A.weight"), vec![4, inputs]));
            tensors.push((format!("{path}.lora_B.weight"), vec![outputs, 4]));
        }
    }
    let described: Vec<(&str, &[u64])> =
        tensors.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    let mut bytes = crate::common::f32_file(&described);
    let body: u64 = tensors.iter().map(|(_, shape)| shape.iter().product::<u64>()).sum();
    let start = bytes.len() - 4 * body as usize;
    for (n, number) in bytes[start..].chunks_exact_mut(4).enumerate() {
        number.copy_from_slice(&((n as f32 * 0.37).sin() * 0.1).to_le_bytes());
    }
    let config = crate::common::config(
        r#"{"peft_type": "LORA", "r": 4, "lora_alpha": 6, "fan_in_fan_out": true,
            "target_modules": ["c_attn", "c_fc", "mlp.c_proj"]}"#,
    );
    let source = Source::of(MemorySource::new("gpt2", bytes), config);
    let mut plan = source.same();
    for row in &mut plan.rows {
        row.rank = 3;
    }
    let model = json!({
        "model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 64, "n_positions": 32,
        "bos_token_id": 0, "eos_token_id": 1,
    });
    write_and_apply("gpt2", &source, Some(&source.config), &plan, None, &model);
}

/// Writes a new adapter for all of `paths` that are in `modules`, and compares every update with PEFT's.
fn write_new_and_apply(name: &str, modules: &[NewModule], paths: &[&str], model: &Value) {
    let (layout, config) = new_adapter(modules, Base { name: Some("org/model"), paths, complete: true }).unwrap();
    let factors = new_factors(modules);
    let folder = Folder::new(name, &write(&layout, &factors, &[]), &config.object);
    let Some(applied) = apply(&folder.0, model) else { return };
    let mut found: Vec<&String> = applied.as_object().unwrap().keys().collect();
    let mut wanted: Vec<&String> = modules.iter().map(|module| &module.path).collect();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{name}: modules that PEFT applies");
    for (module, [left, right]) in modules.iter().zip(factors) {
        let theirs = &applied[module.path.as_str()];
        assert_eq!((&theirs["shape"], &theirs["rank"]), (&json!(module.shape), &json!(module.rank)), "{}", module.path);
        assert_eq!(theirs["scaling"], json!(1.0), "{}", module.path);
        let sigma = (left.map(f64::from) * right.map(f64::from).transpose()).singular_values();
        let theirs: Vec<f64> = serde_json::from_value(theirs["singular_values"].clone()).unwrap();
        assert_eq!(theirs.len(), sigma.len());
        for (ours, theirs) in sigma.iter().zip(theirs) {
            assert!((ours - theirs).abs() <= 1e-10 * sigma[0], "{}: σ {theirs} for {ours}", module.path);
        }
    }
}

#[test]
fn a_new_adapter_of_a_llama() {
    let mut paths = vec!["model.embed_tokens".to_owned(), "model.norm".to_owned(), "lm_head".to_owned()];
    let mut modules = Vec::new();
    let mut push = |path: &str, shape, rank, stored| {
        modules.push(NewModule { path: path.to_owned(), shape, rank, stored, dtype: OutputType::Bf16 });
    };
    push("model.embed_tokens", [256, 128], 5, Stored::Embedding);
    for layer in 0..6u32 {
        for (name, shape) in [
            ("self_attn.q_proj", [128, 128]),
            ("self_attn.k_proj", [64, 128]),
            ("self_attn.v_proj", [64, 128]),
            ("mlp.gate_proj", [344, 128]),
            ("mlp.down_proj", [128, 344]),
        ] {
            let path = format!("model.layers.{layer}.{name}");
            // One module of one layer did not change; others have ranks of their own.
            if (layer, name) != (2, "self_attn.k_proj") {
                push(&path, shape, if name == "mlp.down_proj" { 1 + layer } else { 4 }, Stored::Linear);
            }
            paths.push(path);
        }
        paths.extend(["self_attn.o_proj", "mlp.up_proj"].map(|name| format!("model.layers.{layer}.{name}")));
    }
    push("lm_head", [256, 128], 4, Stored::Linear);
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    write_new_and_apply("new-llama", &modules, &paths, &fixture_model());
}

#[test]
fn a_new_adapter_of_a_gpt2() {
    let modules: Vec<NewModule> = (0..2)
        .flat_map(|layer| {
            [("attn.c_attn", [32, 96]), ("attn.c_proj", [32, 32]), ("mlp.c_fc", [32, 128])].map(|(name, shape)| {
                let path = format!("transformer.h.{layer}.{name}");
                NewModule { path, shape, rank: 3, stored: Stored::Conv1D, dtype: OutputType::F32 }
            })
        })
        .collect();
    let mut paths: Vec<&str> = modules.iter().map(|module| module.path.as_str()).collect();
    // The other of two modules of one name is not to be found.
    paths.extend(["transformer.wte", "transformer.h.0.mlp.c_proj", "transformer.h.1.mlp.c_proj"]);
    let model = json!({
        "model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 64, "n_positions": 32,
        "bos_token_id": 0, "eos_token_id": 1,
    });
    write_new_and_apply("new-gpt2", &modules, &paths, &model);
}

/// The check itself: files that do not fit are refused.
#[test]
fn what_does_not_fit_is_refused() {
    let source = Source::open("peft-rslora-attn");
    let mut plan = source.same();
    let whole = layout(&source.adapter, &source.header, &plan, None).unwrap();
    let config = adapter_config(Some(&source.config), &plan, &whole).unwrap();
    let file = source.write(&plan, &whole);
    plan.rows.pop();
    let less = layout(&source.adapter, &source.header, &plan, None).unwrap();
    assert!(less.partial);
    let missing = Folder::new("missing", &source.write(&plan, &less), &config.object);
    let Some(said) = refusal(&missing.0, &fixture_model()) else { return };
    assert!(said.contains("missing"), "{said}");
    let named = adapter_config(Some(&source.config), &plan, &less).unwrap();
    let unexpected = Folder::new("unexpected", &file, &named.object);
    let said = refusal(&unexpected.0, &fixture_model()).unwrap();
    assert!(said.contains("unexpected"), "{said}");
}
