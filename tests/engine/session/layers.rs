use super::*;
use crate::dialect::{File, Tensor};
use lorascope_protocol::report::Report;
use serde_json::json;

/// The inputs of the fixtures' q_proj.
const HIDDEN: usize = 128;

fn config(layers: u32, hidden: usize) -> MemorySource {
    config_of(layers, hidden, 344)
}

fn config_of(layers: u32, hidden: usize, intermediate: usize) -> MemorySource {
    let text = json!({
        "model_type": "llama", "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": intermediate, "vocab_size": 256,
    });
    let text = text.to_string();
    MemorySource::new("base/config.json", text.into_bytes())
}

fn checkpoint(layers: u32) -> MemorySource {
    let mut file = File::new(5);
    let zeros = Tensor::new(&[HIDDEN, HIDDEN], vec![0.0; HIDDEN * HIDDEN]);
    (0..layers).for_each(|n| file.put(&format!("model.layers.{n}.self_attn.q_proj.weight"), &zeros));
    file.at("base/model.safetensors")
}

fn answers(report: &Report, wanted: &serde_json::Value, source: &str) {
    let adapter = &report.adapters[0];
    assert_eq!(u64::from(adapter.total_layers), wanted["total_layers"].as_u64().unwrap());
    assert!(adapter.total_layers_source.contains(source), "{}", adapter.total_layers_source);
    for (domain, score) in wanted["scores"].as_object().unwrap() {
        close(adapter.domains.scores[domain].as_f64().unwrap(), score.as_f64().unwrap(), 1e-6, domain);
    }
    let tags: Vec<&str> = wanted["tags"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
    assert_eq!(adapter.domains.tags, tags);
}

/// The reference counts the layers of the model: what it answers for adapters on the lower layers of deeper ones, and
/// of one with the very same (`golden/domain_profile_by_model.json` is `seed_aligner.py` run on such models).
#[test]
fn scores_go_by_the_models_layers() {
    let by_names = json("golden/domain_profile.json");
    for (layers, cases) in json("golden/domain_profile_by_model.json").as_object().unwrap() {
        let layers: u32 = layers.parse().unwrap();
        for case in ["peft-lora", "peft-patterns", "peft-rslora-attn", "peft-embed-saved", "peft-loha", "peft-lokr"] {
            let wanted = &cases[case];
            for (base, source) in
                [(config(layers, HIDDEN), "num_hidden_layers"), (checkpoint(layers), "the checkpoint base")]
            {
                let (mut session, messages) = start_plain();
                block_on(session.load([adapter(case), vec![base.clone()]].concat()));
                answers(&session.report(), wanted, source);
                // It goes, and comes again in a drop of its own.
                let label = if source.contains("checkpoint") { "base" } else { "base/config.json" };
                block_on(session.remove(item(&messages, label)));
                answers(&session.report(), &by_names[case], "in the modules' names");
                messages.borrow_mut().clear();
                block_on(session.load(vec![base]));
                answers(&session.report(), wanted, source);
                let sent = messages
                    .borrow()
                    .iter()
                    .filter(|message| matches!(message, ToPage::Result { head: Head::Adapter { .. }, .. }))
                    .count();
                assert_eq!(sent, 1, "the page is told at once");
            }
        }
    }
}

/// The fixtures with their own base, and a DoRA whose figures need it.
#[test]
fn scores_with_the_base_dropped_along() {
    let golden = json("golden/domain_profile.json");
    for case in ["peft-lora", "peft-patterns", "peft-dora", "peft-embed-saved"] {
        let (mut session, _) = start_plain();
        let base = fixture("llama-mini/base/model.safetensors");
        block_on(session.load([adapter(case), vec![base]].concat()));
        answers(&session.report(), &golden[case], "the checkpoint base");
    }
}

/// Another model's sizes are a target to project to, and a model with fewer layers than the adapter has is not its base.
#[test]
fn other_models_do_not_count() {
    let golden = json("golden/domain_profile.json");
    let wider = {
        let mut file = File::new(6);
        for (name, inputs) in [("q_proj", HIDDEN), ("k_proj", HIDDEN + 1)] {
            let outputs = if name == "q_proj" { HIDDEN } else { 64 };
            let zeros = Tensor::new(&[outputs, inputs], vec![0.0; outputs * inputs]);
            (0..12).for_each(|n| file.put(&format!("model.layers.{n}.self_attn.{name}.weight"), &zeros));
        }
        file.at("base/model.safetensors")
    };
    let others = [
        config(12, HIDDEN + 1),
        config_of(12, HIDDEN, 345),
        config(3, HIDDEN),
        config(0, HIDDEN),
        checkpoint(2),
        wider,
    ];
    for other in others {
        let (mut session, _) = start_plain();
        block_on(session.load([adapter("peft-lora"), vec![other]].concat()));
        answers(&session.report(), &golden["peft-lora"], "in the modules' names");
    }
}

/// A base that is only named counts where it is a listed one; a model that was made deeper has the layers it was given.
#[test]
fn named_and_replicated_bases() {
    for (settings, layers, source) in [
        (json!({ "base_model_name_or_path": "Qwen/Qwen3-4B" }), 36, "listed"),
        (json!({ "base_model_name_or_path": "someone/else" }), 6, "in the modules' names"),
        (
            json!({ "base_model_name_or_path": "Qwen/Qwen3-4B", "layer_replication": [[0, 5], [1, 6]] }),
            10,
            "layer_replication",
        ),
    ] {
        let (mut session, _) = start_plain();
        let mut settings = settings;
        for (key, value) in [("peft_type", json!("LORA")), ("r", json!(8)), ("lora_alpha", json!(16))] {
            settings[key] = value;
        }
        let config = MemorySource::new("peft-lora/adapter_config.json", settings.to_string().into_bytes());
        block_on(session.load(vec![weights("peft-lora").remove(0), config]));
        let report = session.report();
        let adapter = &report.adapters[0];
        assert_eq!(adapter.total_layers, layers, "{}", adapter.total_layers_source);
        assert!(adapter.total_layers_source.contains(source), "{}", adapter.total_layers_source);
    }
}
