//! PEFT adapters: modules, shapes and scales against the writing library's own, and every odd file in words.

use std::collections::BTreeMap;

use crate::common::{config, f32_file, header_of, json, peft_fixture, read_f32};
use lorascope_format::adapter::{Adapter, AdapterError, Factor, Module, ScaleSource, keys, scale};
use lorascope_format::bytes::MemorySource;
use lorascope_format::container::{Header, TensorType};
use proptest::prelude::*;

/// Name and shape.
type Tensor = (&'static str, &'static [u64]);

/// The left (0) or right (1) factor of a module that stores both.
fn side(module: &Module, side: usize) -> &Factor {
    module.pair().unwrap()[side]
}

const FIXTURES: &[&str] = &["peft-lora", "peft-rslora-attn", "peft-patterns", "peft-embed-saved"];

#[test]
fn fixtures_have_the_modules_that_peft_applies() {
    for folder in FIXTURES {
        let adapter = peft_fixture(folder);
        let expected = json(&format!("expected/{folder}.json"));
        let expected = expected["modules"].as_object().unwrap();
        let mut found = BTreeMap::new();
        for module in &adapter.modules {
            let wanted = &expected[&module.name];
            assert_eq!(serde_json::json!(module.shape), wanted["shape"], "{folder} {}", module.name);
            assert_eq!(module.scale, wanted["scaling"].as_f64().unwrap(), "{folder} {}", module.name);
            assert_eq!([side(module, 0).rows, side(module, 1).rows], module.shape);
            assert_eq!([side(module, 0).cols, side(module, 1).cols], [u64::from(module.rank); 2]);
            assert_eq!(side(module, 0).tensor.byte_len(), side(module, 0).rows * side(module, 0).cols * 4);
            found.insert(module.name.clone(), ());
        }
        assert_eq!(found.len(), adapter.modules.len(), "{folder}: each module once");
        assert_eq!(found.len(), expected.len(), "{folder}: every module");
        assert_eq!(adapter.warnings, Vec::<String>::new(), "{folder}");
        assert!(!adapter.scale_assumed);
    }
}

#[test]
fn fixtures_say_where_the_scale_comes_from() {
    let sources = |folder: &str| -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for module in peft_fixture(folder).modules {
            *counts.entry(module.scale_source.to_string()).or_default() += 1;
        }
        counts
    };
    assert_eq!(sources("peft-lora"), [("adapter_config alpha/r".to_owned(), 42)].into());
    assert_eq!(sources("peft-rslora-attn"), [("rsLoRA alpha/√r".to_owned(), 12)].into());
    let patterns =
        [("adapter_config alpha/r".to_owned(), 36), ("adapter_config alpha/r (alpha_pattern)".to_owned(), 6)];
    assert_eq!(sources("peft-patterns"), patterns.into());
}

#[test]
fn an_embedding_is_stored_by_rows_of_the_vocabulary() {
    let adapter = peft_fixture("peft-embed-saved");
    let embedding = &adapter.modules[0];
    assert_eq!((embedding.name.as_str(), embedding.role.as_str()), ("model.embed_tokens", "embed"));
    assert_eq!((embedding.shape, embedding.layer), ([256, 128], None));
    assert!(side(embedding, 0).tensor.name.ends_with("lora_embedding_A") && side(embedding, 0).transposed);
    assert!(side(embedding, 1).tensor.name.ends_with("lora_embedding_B") && !side(embedding, 1).transposed);
    let listed: Vec<_> = adapter.not_analyzed.iter().map(|n| (n.name.as_str(), n.reason.as_str())).collect();
    assert_eq!(
        listed,
        [
            ("lm_head.weight", "a full tensor of modules_to_save, not an update"),
            ("model.embed_tokens.base_layer.weight", "a copy of the base model's tensor"),
        ]
    );
}

#[test]
fn modules_come_in_the_order_of_the_forward_pass() {
    let adapter = peft_fixture("peft-lora");
    let roles: Vec<_> = adapter.modules.iter().take(8).map(|m| (m.layer, m.role.as_str())).collect();
    let first = ["q", "k", "v", "o", "gate", "up", "down"].map(|role| (Some(0), role));
    assert_eq!(roles, [&first[..], &[(Some(1), "q")]].concat());
    let names = ["lm_head", "model.layers.10.q_proj", "model.layers.2.q_proj", "projector", "model.embed_tokens"];
    let tensors: Vec<(String, &[u64])> = names
        .iter()
        .flat_map(|n| [(format!("{n}.lora_A.weight"), &[2, 8][..]), (format!("{n}.lora_B.weight"), &[4, 2])])
        .collect();
    let tensors: Vec<(&str, &[u64])> = tensors.iter().map(|(n, s)| (n.as_str(), *s)).collect();
    let order: Vec<_> = read_f32(&tensors, None).unwrap().modules.into_iter().map(|m| m.name).collect();
    assert_eq!(
        order,
        ["model.embed_tokens", "model.layers.2.q_proj", "model.layers.10.q_proj", "projector", "lm_head"]
    );
}

/// One module `x.q_proj` with these factors.
fn pair(a: &[u64], b: &[u64]) -> Result<Adapter, AdapterError> {
    read_f32(&[("x.q_proj.lora_A.weight", a), ("x.q_proj.lora_B.weight", b)], None)
}

#[test]
fn convolutions_are_flattened() {
    let module = &pair(&[4, 8, 3, 3], &[12, 4, 1, 1]).unwrap().modules[0];
    assert_eq!((module.shape, module.rank), ([12, 72], 4));
    assert_eq!(pair(&[4, 8, 5], &[12, 4]).unwrap().modules[0].shape, [12, 40], "mixed dimensions");
    let says = |a: &[u64], b: &[u64]| pair(a, b).unwrap_err().to_string();
    assert!(says(&[4, 8, 3, 3], &[12, 1, 1, 1]).contains("grouped convolution"));
    assert!(says(&[4, 8, 3, 3], &[12, 4, 3, 3]).contains("every dimension after the second"));
}

#[test]
fn a_transposed_base_gets_a_transposed_update() {
    let tensors: &[(&str, &[u64])] = &[
        ("base_model.model.transformer.h.0.attn.c_attn.lora_A.weight", &[2, 16]),
        ("base_model.model.transformer.h.0.attn.c_attn.lora_B.weight", &[48, 2]),
        ("base_model.model.lm_head.lora_A.weight", &[2, 16]),
        ("base_model.model.lm_head.lora_B.weight", &[50, 2]),
    ];
    let conv1d = config(r#"{"peft_type":"LORA","r":2,"lora_alpha":2,"fan_in_fan_out":true}"#);
    let adapter = read_f32(tensors, Some(&conv1d)).unwrap();
    let module = &adapter.modules[0];
    assert_eq!((module.shape, module.layer, module.role.as_str()), ([16, 48], Some(0), "qkv"));
    assert!(side(module, 0).tensor.name.ends_with("lora_A.weight") && side(module, 0).transposed);
    assert!(side(module, 1).tensor.name.ends_with("lora_B.weight") && !side(module, 1).transposed);
    assert_eq!(adapter.modules[1].shape, [50, 16], "the head is a plain linear layer");
}

#[test]
fn one_bad_module_does_not_stop_the_others() {
    let good: [(&str, &[u64]); 2] =
        [("m.layers.0.q_proj.lora_A.weight", &[2, 8]), ("m.layers.0.q_proj.lora_B.weight", &[4, 2])];
    let cases: &[(&[Tensor], &str)] = &[
        (&[("m.layers.1.q_proj.lora_A.weight", &[2, 8])], "lora_A but no lora_B"),
        (&[("m.layers.1.q_proj.lora_B.weight", &[2, 8])], "lora_B but no lora_A"),
        (&[("m.layers.1.q_proj.lora_A.weight", &[2, 8]), ("m.layers.1.q_proj.lora_B.weight", &[4, 3])], "rank"),
        (&[("m.layers.1.q_proj.lora_A.weight", &[0, 8]), ("m.layers.1.q_proj.lora_B.weight", &[4, 0])], "sharded"),
        (&[("m.layers.1.q_proj.lora_A.weight", &[0]), ("m.layers.1.q_proj.lora_B.weight", &[0])], "sharded"),
        (&[("m.layers.1.q_proj.lora_A.weight", &[16]), ("m.layers.1.q_proj.lora_B.weight", &[8])], "no matrix"),
        (
            &[
                ("m.layers.1.q_proj.lora_A", &[2, 8]),
                ("m.layers.1.q_proj.lora_B", &[4, 2]),
                ("m.layers.1.q_proj.lora_diag", &[2]),
            ],
            "KaSA",
        ),
        (
            &[
                ("m.layers.1.q_proj.lora_A.weight", &[2, 8]),
                ("m.layers.1.q_proj.lora_B.weight", &[4, 2]),
                ("m.layers.1.q_proj.lora_embedding_A", &[2, 8]),
            ],
            "only one pair",
        ),
        (
            &[("m.layers.1.mlp.experts.lora_A.weight", &[8, 8]), ("m.layers.1.mlp.experts.lora_B.weight", &[4, 8])],
            "experts",
        ),
    ];
    for (bad, says) in cases {
        let both: Vec<_> = bad.iter().chain(&good).copied().collect();
        let adapter = read_f32(&both, None).unwrap();
        assert_eq!(adapter.modules.len(), 1);
        let [warning] = adapter.warnings.as_slice() else { panic!("one warning: {:?}", adapter.warnings) };
        assert!(warning.contains("m.layers.1.") && warning.contains(says), "{warning}");
        assert!(adapter.not_analyzed.iter().any(|n| n.name.starts_with("m.layers.1.")));
        let alone = read_f32(bad, None).unwrap_err();
        assert!(matches!(&alone, AdapterError::NothingLeft { reasons } if reasons.len() == 1), "{alone:?}");
        assert!(alone.to_string().contains(says), "{alone}");
    }
}

#[test]
fn many_bad_modules_end_in_a_count() {
    let names: Vec<String> = (0..100).map(|i| format!("m.layers.{i}.q_proj.lora_A.weight")).collect();
    let tensors: Vec<(&str, &[u64])> = names.iter().map(|n| (n.as_str(), &[2, 8][..])).collect();
    let AdapterError::NothingLeft { reasons } = read_f32(&tensors, None).unwrap_err() else { panic!("orphans only") };
    assert_eq!(reasons.len(), 21);
    assert!(reasons[20].starts_with("80 more modules"), "{}", reasons[20]);
}

#[test]
fn every_other_tensor_is_listed() {
    let adapter = read_f32(
        &[
            ("base_model.model.m.layers.0.q_proj.lora_A.default.weight", &[2, 8]),
            ("base_model.model.m.layers.0.q_proj.lora_B.default.weight", &[4, 2]),
            ("base_model.model.m.layers.0.q_proj.lora_B.default.bias", &[4]),
            ("base_model.model.m.layers.0.q_proj.lora_magnitude_vector.default.weight", &[4]),
            ("base_model.model.m.layers.0.q_proj.base_layer.bias", &[4]),
            ("base_model.model.m.layers.0.v_proj.lora_A.second.weight", &[2, 8]),
            ("base_model.model.m.layers.0.v_proj.lora_B.second.weight", &[4, 2]),
            ("base_model.model.m.layers.0.up_proj.lokr_w1", &[2, 2]),
            ("base_model.model.m.layers.0.q_proj.alpha", &[]),
            ("base_model.model.score.modules_to_save.default.weight", &[3, 8]),
            ("base_model.model.score.original_module.weight", &[3, 8]),
            ("base_model.model.norm.weight", &[8]),
        ],
        None,
    )
    .unwrap();
    assert_eq!(adapter.modules.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["m.layers.0.q_proj"]);
    assert_eq!(adapter.not_analyzed.len(), 8);
    for word in ["second", "lokr_w1"] {
        assert_eq!(adapter.warnings.iter().filter(|w| w.contains(word)).count(), 1, "{word}: {:?}", adapter.warnings);
    }
    assert_eq!(adapter.warnings.len(), 2);
    assert!(!adapter.scale_assumed);
    let module = &adapter.modules[0];
    assert_eq!((module.update.algorithm(), module.scale_source), ("DoRA", ScaleSource::AlphaTensor(None)));
    assert!(module.note.as_ref().is_some_and(|note| note.contains("s·B·A")));
}

#[test]
fn a_scale_set_by_hand_replaces_assumptions_only() {
    let mut assumed = pair(&[2, 8], &[4, 2]).unwrap();
    for value in [3.0, 0.5] {
        scale::set_by_hand(&mut assumed, value);
        assert_eq!((assumed.modules[0].scale, assumed.modules[0].scale_source), (value, ScaleSource::ByHand));
    }
    let mut stated = peft_fixture("peft-lora");
    let before = stated.clone();
    scale::set_by_hand(&mut stated, 3.0);
    assert_eq!(stated, before);
}

#[test]
fn the_words_of_a_scale_source_are_read_as_they_are_written() {
    let numbers = ScaleSource::AlphaTensor(Some((2.0, 4)));
    let (alpha, zero) = (ScaleSource::AlphaTensor(None), ScaleSource::ZeroAlpha(4));
    let zero_words = "alpha tensor of 0, which stands for the rank, 4";
    for (source, words, read) in [
        (ScaleSource::One("by definition"), "1: by definition", ScaleSource::One("by definition")),
        (ScaleSource::Assumed("a: b"), "assumed 1: a: b", ScaleSource::Assumed("a: b")),
        (ScaleSource::ByHand, "set by hand", ScaleSource::ByHand),
        (numbers, "alpha tensor: 2 / rank 4", alpha),
        (zero, zero_words, ScaleSource::Settings(zero_words, "")),
    ] {
        assert_eq!((source.to_string().as_str(), ScaleSource::from(words)), (words, read));
    }
}

#[test]
fn settings_of_the_wrong_type_are_said() {
    let odd = config(
        r#"{"peft_type":"LORA","r":"8","lora_alpha":[16],"rank_pattern":{"q":-1},"use_rslora":"yes","modules_to_save":"x","new":{}}"#,
    );
    assert_eq!(odd.warnings.len(), 5, "{:?}", odd.warnings);
    let adapter = read_f32(&[("q.lora_A.weight", &[2, 8]), ("q.lora_B.weight", &[4, 2])], Some(&odd)).unwrap();
    assert_eq!(
        adapter.modules[0].scale_source.to_string(),
        "assumed 1: adapter_config.json gives no usable lora_alpha"
    );
    assert!(adapter.scale_assumed);
    assert_eq!(adapter.warnings, odd.warnings);
    let bare = config(r#"{"peft_type":"LORA"}"#);
    let adapter = read_f32(&[("q.lora_A.weight", &[2, 8]), ("q.lora_B.weight", &[4, 2])], Some(&bare)).unwrap();
    assert_eq!((adapter.modules[0].scale, adapter.scale_assumed), (4.0, false));
    assert!(adapter.modules[0].scale_source.to_string().contains("PEFT's default lora_alpha, 8"));
    assert_eq!(adapter.warnings.len(), 1, "rank 2 in the tensors, 8 by default");
}

#[test]
fn ranks_that_disagree_give_one_sentence() {
    let names: Vec<String> =
        (0..9).flat_map(|i| ["A", "B"].map(|f| format!("layers.{i}.q_proj.lora_{f}.weight"))).collect();
    let tensors: Vec<(&str, &[u64])> = names.iter().map(|n| (n.as_str(), &[3, 3][..])).collect();
    let said = config(r#"{"peft_type":"LORA","r":16,"lora_alpha":6,"rank_pattern":{"layers.4.q_proj":3}}"#);
    let adapter = read_f32(&tensors, Some(&said)).unwrap();
    let [warning] = adapter.warnings.as_slice() else { panic!("{:?}", adapter.warnings) };
    assert!(warning.contains("8 of 9 modules") && warning.contains("layers.0.q_proj"), "{warning}");
    assert!(adapter.modules.iter().all(|m| m.scale == 2.0), "alpha over the tensors' rank");
}

/// Names and shapes put together from parts that mean something somewhere.
fn odd_tensor() -> impl Strategy<Value = (String, Vec<u64>)> {
    let head =
        prop::sample::select(vec!["", "base_model.model.", "module.", "m.layers.1.", "h.0.", "lm_head.", "experts."]);
    let tail = prop::sample::select(vec![
        "lora_A.weight",
        "lora_B.weight",
        "lora_A",
        "lora_B",
        "lora_A.x.weight",
        "lora_B.x.weight",
        "lora_embedding_A",
        "lora_embedding_B",
        "lora_E",
        "lora_B.bias",
        "weight",
        "alpha",
        "base_layer.weight",
        "lokr_w1",
        "",
        ".",
    ]);
    let shape = prop::collection::vec(prop::sample::select(vec![0, 1, 2, 4]), 0..5);
    (head, "[a-c]{0,1}\\.?", tail, shape)
        .prop_map(|(head, middle, tail, shape)| (format!("{head}{middle}{tail}"), shape))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a header holds, each tensor is a factor of a module or is listed, itself or with its module.
    #[test]
    fn nothing_is_dropped_in_silence(tensors in prop::collection::vec(odd_tensor(), 1..12), fan in any::<bool>()) {
        let mut tensors = tensors;
        tensors.sort();
        tensors.dedup_by(|a, b| a.0 == b.0);
        let list: Vec<(&str, &[u64])> = tensors.iter().map(|(n, s)| (n.as_str(), s.as_slice())).collect();
        let header: Header = header_of(&MemorySource::new("x", f32_file(&list))).unwrap();
        let config = config(&format!(r#"{{"peft_type":"LORA","r":2,"lora_alpha":4,"fan_in_fan_out":{fan}}}"#));
        let Ok(adapter) = lorascope_format::adapter::read(&header, Some(&config)) else { return Ok(()) };
        prop_assert!(!adapter.modules.is_empty());
        let mut used: Vec<&str> = Vec::new();
        for module in &adapter.modules {
            prop_assert!(module.scale.is_finite() && module.rank > 0);
            for factor in module.pair().unwrap() {
                prop_assert_eq!(factor.rows * factor.cols * 4, factor.tensor.byte_len());
                used.push(&factor.tensor.name);
            }
        }
        for tensor in &header.tensors {
            prop_assert!(matches!(tensor.dtype, TensorType::Known(_)));
            let names = [Some(keys::strip(&tensor.name)), keys::parse(&tensor.name).map(|k| keys::strip(k.path))];
            let listed = adapter.not_analyzed.iter().any(|n| names.iter().flatten().any(|name| *name == n.name));
            prop_assert!(listed || used.contains(&tensor.name.as_str()), "{} is lost", tensor.name);
        }
    }
}
