//! Sorting drops: what belongs together, what is quiet, what is said.

use crate::common::gguf::{self, Kind, Value};
use crate::common::{f32_file, fixture, fixtures, hostile, hostile_manifest};
use lorascope_engine::intake::{Sorted, sort_drop};
use lorascope_format::bytes::{ByteSource, MemorySource};
use regex_lite::Regex;

fn sort(files: Vec<MemorySource>) -> Sorted<MemorySource> {
    pollster::block_on(sort_drop(files))
}

fn text(path: &str, text: &str) -> MemorySource {
    MemorySource::new(path, text.as_bytes().to_vec())
}

/// A small PEFT adapter under this path.
fn weights(path: &str) -> MemorySource {
    let tensors: &[(&str, &[u64])] = &[
        ("base_model.model.layers.0.q_proj.lora_A.weight", &[2, 8]),
        ("base_model.model.layers.0.q_proj.lora_B.weight", &[4, 2]),
    ];
    MemorySource::new(path, f32_file(tensors))
}

fn checkpoint(path: &str) -> MemorySource {
    MemorySource::new(path, f32_file(&[("model.layers.0.q_proj.weight", &[4, 8])]))
}

const CONFIG: &str = r#"{"peft_type":"LORA","r":2,"lora_alpha":4}"#;

#[test]
fn folders_keep_weights_and_configurations_together() {
    let sorted = sort(vec![
        text("runs/b/adapter_config.json", r#"{"peft_type":"LORA","r":2,"lora_alpha":8}"#),
        weights("runs/a/adapter_model.safetensors"),
        text("runs/a/adapter_config.json", CONFIG),
        weights("runs/b/adapter_model.safetensors"),
        weights("runs/b/second.safetensors"),
        weights("alone.safetensors"),
    ]);
    let found: Vec<_> = sorted
        .adapters
        .iter()
        .map(|a| (a.label.as_str(), a.config.as_ref().map(|c| (c.path.as_str(), c.config.lora_alpha))))
        .collect();
    assert_eq!(
        found,
        [
            ("alone.safetensors", None),
            ("a", Some(("runs/a/adapter_config.json", Some(4.0)))),
            ("b", Some(("runs/b/adapter_config.json", Some(8.0)))),
            ("second.safetensors", Some(("runs/b/adapter_config.json", Some(8.0)))),
        ]
    );
    assert!(sorted.problems.is_empty() && sorted.configs.is_empty() && sorted.companions.is_empty());
}

/// Browsers give a folder's files in any order; the checkpoints of a run come by their numbers.
#[test]
fn adapters_come_in_natural_order() {
    let steps = [120, 30, 90, 60];
    let files = steps.map(|step| weights(&format!("run/checkpoint-{step}/adapter_model.safetensors")));
    let labels: Vec<String> = sort(files.to_vec()).adapters.into_iter().map(|a| a.label).collect();
    assert_eq!(labels, ["checkpoint-30", "checkpoint-60", "checkpoint-90", "checkpoint-120"]);
}

#[test]
fn labels_are_told_apart() {
    let labels = |paths: &[&str]| -> Vec<String> {
        sort(paths.iter().map(|p| weights(p)).collect()).adapters.into_iter().map(|a| a.label).collect()
    };
    assert_eq!(
        labels(&[
            "a/checkpoint-30/adapter_model.safetensors",
            "b/checkpoint-30/adapter_model.safetensors",
            "c/x.safetensors"
        ]),
        ["a/checkpoint-30", "b/checkpoint-30", "x.safetensors"]
    );
    assert_eq!(labels(&["a/x.safetensors", "b/x.safetensors"]), ["a/x.safetensors", "b/x.safetensors"]);
    assert_eq!(
        labels(&["p/a/c/adapter_model.safetensors", "q/a/c/adapter_model.safetensors"]),
        ["p/a/c/adapter_model.safetensors", "q/a/c/adapter_model.safetensors"]
    );
    assert_eq!(
        labels(&["x.safetensors", "x.safetensors", "x.safetensors"]),
        ["x.safetensors", "x.safetensors (2)", "x.safetensors (3)"]
    );
    assert_eq!(labels(&["adapter_model.safetensors"]), ["adapter_model.safetensors"]);
    assert_eq!(labels(&["run/pytorch_lora_weights.safetensors"]), ["run"]);
}

#[test]
fn a_training_folder_is_quiet() {
    let quiet = [
        "optimizer.pt",
        "scheduler.pt",
        "rng_state.pth",
        "rng_state_3.pth",
        "training_args.bin",
        "trainer_state.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "tokenizer.model",
        "special_tokens_map.json",
        "vocab.json",
        "merges.txt",
        "chat_template.jinja",
        "README.md",
        "notes.txt",
        ".gitattributes",
        ".git/config",
        "__MACOSX/._adapter_model.safetensors",
        "generation_config.json",
        "config.json",
        "model.safetensors.index.json",
        "events.out.tfevents.17",
        "preview.png",
    ];
    let mut files: Vec<_> = quiet.iter().map(|name| text(&format!("run/{name}"), "whatever is in it")).collect();
    files.push(weights("run/adapter_model.safetensors"));
    files.push(text("run/adapter_config.json", CONFIG));
    let sorted = sort(files);
    assert_eq!(sorted.problems, Vec::<String>::new());
    assert_eq!(sorted.companions.len(), quiet.len());
    assert!(sorted.adapters[0].config.is_some());
}

#[test]
fn content_counts_and_not_the_name() {
    let sorted = sort(vec![
        text("a/config.json", CONFIG),
        weights("a/renamed.bin"),
        checkpoint("b/adapter_model.safetensors"),
        text("b/adapter_config.json", r#"{"fine_tune_type":"lora","lora_parameters":{"rank":8}}"#),
        text("c/index.json", r#"{"metadata":{},"weight_map":{}}"#),
    ]);
    assert_eq!(sorted.adapters[0].config.as_ref().map(|c| c.path.as_str()), Some("a/config.json"));
    assert_eq!(sorted.adapters[0].label, "renamed.bin");
    assert_eq!(sorted.checkpoints[0].label, "b");
    assert_eq!(sorted.companions, ["c/index.json", "b/adapter_config.json"]);
    assert_eq!(sorted.problems, Vec::<String>::new());
}

#[test]
fn what_cannot_be_used_is_said() {
    for (file, says) in [
        (MemorySource::new("run/adapter_model.bin", &b"PK\x03\x04\x00\x00\x08\x08 and so on"[..]), "safetensors"),
        (MemorySource::new("run/x.gguf", &b"GGUF\x03\0\0\0 and so on"[..]), "this GGUF file cannot be read"),
        (MemorySource::new("run/x.part", &b"GGUF\x03\0\0\0 and so on"[..]), "this GGUF file cannot be read"),
        (MemorySource::new("run/x.safetensors", f32_file(&[("emb_params", &[2, 8])])), "textual-inversion"),
        (MemorySource::new("run/x.safetensors", f32_file(&[])), "no tensors"),
        (text("run/adapter_config.json", "{"), "not valid JSON"),
        (text("run/adapter_config.json", "{}"), "peft_type"),
        (text("run/other.json", "{}"), "not a JSON file that Lorascope knows"),
        (text("run/song.mp3", "la la la la"), "not a file that Lorascope knows"),
    ] {
        let path = file.path().to_owned();
        // Beside a good adapter elsewhere, which is kept.
        let sorted = sort(vec![file, weights("good/adapter_model.safetensors")]);
        let [problem] = sorted.problems.as_slice() else { panic!("{path}: {:?}", sorted.problems) };
        assert!(problem.starts_with(&path) && problem.contains(says), "{problem}");
        assert_eq!(sorted.adapters.len(), 1);
    }
}

/// llama.cpp keeps whole models, and adapters of other kinds, in the same container.
#[test]
fn gguf_files_without_lora_are_told_apart() {
    let model = |name| gguf::tensor(name, Kind::F16, &[4, 8], &[0.5; 32]);
    let values = [("general.architecture", Value::text("qwen3")), ("general.type", Value::text("model"))];
    let control = [("general.type", Value::text("adapter")), ("adapter.type", Value::text("control"))];
    for (bytes, says) in [
        (gguf::file(&values, vec![model("blk.0.attn_q.weight")]), "a whole model in GGUF form (architecture `qwen3`)"),
        (gguf::file(&[], vec![model("blk.0.attn_q.weight")]), "a whole model in GGUF form, not an adapter"),
        (gguf::file(&[], vec![]), "a whole model in GGUF form"),
        (gguf::file(&control, vec![model("direction.1")]), "an adapter of the type `control` without a LoRA factor"),
    ] {
        let sorted = sort(vec![MemorySource::new("run/x.gguf", bytes)]);
        let [problem] = sorted.problems.as_slice() else { panic!("{:?}", sorted.problems) };
        assert!(problem.starts_with("run/x.gguf: this ") && problem.contains(says), "{problem}");
        assert!(problem.contains("Drop a LoRA adapter"), "{problem}");
        assert!(sorted.adapters.is_empty() && sorted.checkpoints.is_empty());
    }
}

#[test]
fn lone_checkpoints_and_configurations_wait() {
    let sorted =
        sort(vec![checkpoint("base/model-00001-of-00002.safetensors"), text("lone/adapter_config.json", CONFIG)]);
    assert_eq!(sorted.checkpoints[0].label, "base");
    assert!(
        sorted.checkpoints[0]
            .waiting()
            .starts_with("base/model-00001-of-00002.safetensors: this is a model checkpoint")
    );
    assert!(sorted.configs[0].waiting().contains("weights are missing"));
    assert!(sorted.problems.is_empty());
}

#[test]
fn a_large_json_is_not_read() {
    let big = format!(r#"{{"peft_type":"LORA","x":"{}"}}"#, "x".repeat(5 << 20));
    let sorted = sort(vec![text("a/tokenizer.json", &big), text("a/adapter_config.json", &big)]);
    assert_eq!((sorted.companions.len(), sorted.configs.len(), sorted.problems.len()), (1, 0, 1));
}

#[test]
fn fixture_folders() {
    for folder in ["peft-lora", "peft-rslora-attn", "peft-patterns", "peft-embed-saved"] {
        let names = std::fs::read_dir(fixtures().join(folder)).unwrap().map(|e| e.unwrap().file_name());
        let files = names.map(|name| fixture(&format!("{folder}/{}", name.to_str().unwrap()))).collect();
        let sorted = sort(files);
        assert_eq!((sorted.adapters.len(), sorted.adapters[0].label.as_str()), (1, folder));
        assert!(sorted.adapters[0].config.is_some() && sorted.problems.is_empty());
    }
}

/// The corpus's files whose verdict only the tensors' values give.
const DECIDED_BY_VALUES: &[&str] = &["nan-and-ok.safetensors", "inf-and-ok.safetensors", "nan-only.safetensors"];

#[test]
fn the_hostile_corpus_ends_as_its_manifest_says() {
    for (name, verdict, must_say) in hostile_manifest() {
        let sorted = sort(vec![hostile(&name), fixture_config()]);
        let mut errors = sorted.problems.clone();
        errors.extend(sorted.checkpoints.iter().map(|c| c.waiting()));
        let mut warnings = Vec::new();
        let mut modules = 0;
        for file in &sorted.adapters {
            match lorascope_format::adapter::read(&file.header, file.config.as_ref().map(|c| &c.config)) {
                Ok(adapter) => {
                    modules += adapter.modules.len();
                    warnings.extend(adapter.warnings);
                }
                Err(error) => errors.push(format!("{}: {error}", file.source.path())),
            }
        }
        let matches = |text: &String| must_say.as_ref().is_some_and(|must| Regex::new(must).unwrap().is_match(text));
        if DECIDED_BY_VALUES.contains(&name.as_str()) {
            assert!(modules > 0 && errors.is_empty() && warnings.is_empty(), "{name}: {errors:?} {warnings:?}");
        } else if verdict == "refuse" {
            assert!(modules == 0 && errors.len() == 1, "{name}: {errors:?}");
            assert!(errors[0].starts_with(&name) && matches(&errors[0]), "{}", errors[0]);
        } else if verdict == "warn" {
            assert!(modules > 0 && errors.is_empty(), "{name}: {errors:?}");
            assert!(warnings.len() == 1 && matches(&warnings[0]), "{name}: {warnings:?}");
        } else {
            assert!(modules > 0 && errors.is_empty(), "{name}: {errors:?}");
            // Its configuration says rank 2, its 20,000 modules have rank 1.
            let rank = usize::from(name == "twenty-thousand-modules.safetensors");
            assert!(
                warnings.len() == rank && warnings.iter().all(|w| w.contains("another rank")),
                "{name}: {warnings:?}"
            );
        }
    }
}

fn fixture_config() -> MemorySource {
    hostile("adapter_config.json")
}
