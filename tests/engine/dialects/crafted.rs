//! Files that no trainer writes: parts that do not belong together, settings without measure, names that mislead.

use lorascope_format::adapter::pattern::Pattern;
use lorascope_format::adapter::{Adapter, Content, recognise};
use lorascope_format::bytes::MemorySource;
use serde_json::{Map, Value, json};

use crate::common::{f32_file, header_of, read_f32};
use crate::dialect::{File, Key, Tensor, config, lora_config};
use crate::dialects::base::{base, with_base};
use crate::dropped::{Update, drop_file, drop_with, drops};

fn read(tensors: &[(&str, &[u64])]) -> Adapter {
    read_f32(tensors, None).unwrap_or_else(|why| panic!("{why}"))
}

/// Every tensor of the file is part of an update, or gives a scale, or is listed.
fn accounts_for_all(tensors: &[(&str, &[u64])]) -> Adapter {
    let adapter = read(tensors);
    let stored = adapter.modules.iter().filter_map(|m| m.stored_scale.as_ref()).map(|stored| &stored.tensor);
    let taken: Vec<&str> =
        adapter.modules.iter().flat_map(|m| m.update.tensors()).chain(stored).map(|t| t.name.as_str()).collect();
    for (name, _) in tensors {
        let listed = adapter.not_analyzed.iter().any(|listed| listed.name == *name);
        assert!(taken.contains(name) != listed, "{name} is taken or listed: {:?}", adapter.not_analyzed);
    }
    adapter
}

#[test]
fn what_a_module_does_not_take_is_listed() {
    let adapter = accounts_for_all(&[
        ("x.q_proj.lora_down.weight", &[2, 8]),
        ("x.q_proj.lora_up.weight", &[6, 2]),
        ("x.q_proj.diff", &[6, 8]),
        ("x.q_proj.set_weight", &[6, 8]),
        ("x.q_proj.w_norm", &[6]),
        ("x.q_proj.alpha", &[]),
        ("x.q_proj.scale", &[]),
        ("x.k_proj.lora_down.weight", &[2, 8]),
        ("x.k_proj.lora_up.weight", &[6, 2]),
        ("x.k_proj.alpha", &[2]),
        ("x.v_proj.lokr_w1", &[2, 2]),
        ("x.v_proj.lokr_w1_a", &[2, 1]),
        ("x.v_proj.lokr_w1_b", &[1, 2]),
        ("x.v_proj.lokr_w2", &[3, 4]),
        ("x.v_proj.hada_w1_a", &[6, 2]),
        ("vera_A", &[2, 8]),
        ("x.norm.w_norm", &[6]),
        ("x.norm.diff", &[6]),
        ("x.norm.alpha", &[]),
        ("base_model.vera_A", &[2, 8]),
        ("other.vera_A", &[2, 8]),
        ("base_model.vera_B", &[6, 2]),
    ]);
    let algorithms: Vec<_> = adapter.modules.iter().map(|m| (m.name.as_str(), m.update.algorithm())).collect();
    assert!(algorithms.contains(&("x.v_proj", "LoKr")) && algorithms.contains(&("x.norm", "norm difference")));
    // LyCORIS stores a number without a meaning beside two whole matrices.
    let whole: &[(&str, &[u64])] = &[("x.lokr_w1", &[2, 2]), ("x.lokr_w2", &[3, 4]), ("x.alpha", &[])];
    assert_eq!(read(whole).not_analyzed, []);
}

/// Its tensor has three dimensions, `[out/r, r, r]`; here they multiply to the sizes of an ordinary one.
#[test]
fn the_other_miss_is_not_taken_for_the_plain_one() {
    let mut file = File::new(300);
    let weight = file.draw(&[16, 8]);
    file.peft("base_model.model.other", [20, 4, 10]);
    file.random("base_model.model.lin0.miss_block", &[4, 4, 4]);
    let settings = config(json!({ "peft_type": "MISS", "r": 4, "init_weights": "bat" }));
    for dropped in with_base(&file, Some(settings), &base(&[("lin0.weight", &weight)])) {
        assert_eq!(dropped.adapter().modules.len(), 1);
        dropped.lists("base_model.model.lin0.miss_block", "bat");
    }
}

#[test]
fn settings_that_are_no_single_number_are_refused() {
    let says = |tensors: &[(&str, &[u64])]| read_f32(tensors, None).unwrap_err().to_string();
    assert!(says(&[("x.weight", &[6]), ("x.on_input", &[2])]).contains("on_input"));
    assert!(says(&[("x.weight", &[6]), ("x.on_input", &[0])]).contains("on_input"));
    assert!(says(&[("x.oft_blocks", &[3, 2, 2]), ("x.alpha", &[3, 0])]).contains("alpha"));
}

/// Formed whole, the direction would take terabytes; the base's weight is small.
#[test]
fn a_direction_is_not_formed_beyond_its_weight() {
    let mut file = File::new(301);
    let weight = file.draw(&[20, 10]);
    let long = Tensor::new(&[1 << 20, 1], vec![0.5; 1 << 20]);
    file.put("base_model.model.lin0.lora_A.weight", &Tensor::new(&[1, 1 << 20], vec![0.5; 1 << 20]));
    file.put("base_model.model.lin0.lora_B.weight", &long);
    file.put("base_model.model.lin0.lora_magnitude_vector", &Tensor::new(&[1 << 20], vec![0.5; 1 << 20]));
    let files = vec![file.at("adapter_model.safetensors"), lora_config(json!({})), base(&[("lin0.weight", &weight)])];
    let dropped = drops(vec![files]);
    assert_eq!(dropped.module("lin0").shape, [1 << 20, 1 << 20]);
    dropped.warns("1048576 × 1048576");
}

#[test]
fn ranks_beyond_the_largest_are_refused_in_every_form() {
    let says = |tensors: &[(&str, &[u64])]| read_f32(tensors, None).unwrap_err().to_string();
    let wide: &[(&str, &[u64])] =
        &[("x.hada_w1_a", &[8, 2000]), ("x.hada_w1_b", &[2000, 8]), ("x.hada_w2_a", &[8, 2]), ("x.hada_w2_b", &[2, 8])];
    assert!(says(wide).contains("beyond what is computed"));
    let core: &[(&str, &[u64])] =
        &[("x.lora_down.weight", &[2000, 4]), ("x.lora_mid.weight", &[2, 2000, 1]), ("x.lora_up.weight", &[6, 2])];
    assert!(says(core).contains("beyond what is computed"));
}

/// The alpha is divided by the rows of `hada_w1_b`, and by those of `lora_down`.
#[test]
fn unequal_ranks_divide_by_the_first() {
    let uneven: &[(&str, &[u64])] = &[
        ("x.hada_w1_a", &[80, 2]),
        ("x.hada_w1_b", &[2, 90]),
        ("x.hada_w2_a", &[80, 3]),
        ("x.hada_w2_b", &[3, 90]),
        ("y.lora_down.weight", &[4, 8, 1, 1]),
        ("y.lora_mid.weight", &[2, 4, 3, 3]),
        ("y.lora_up.weight", &[16, 2, 1, 1]),
    ];
    let ranks: Vec<_> = read(uneven).modules.iter().map(|m| (m.name.clone(), m.rank)).collect();
    assert_eq!(ranks, [("x".to_owned(), 2), ("y".to_owned(), 4)]);
}

/// GPT-2 stores its weights as `[in, out]`: PEFT turns l.
#[test]
fn ia3_of_a_transposed_base() {
    for (shape, turned) in [([12, 1], false), ([1, 12], true), ([12, 1], true)] {
        let mut file = File::new(302);
        let weight = file.draw(&[12, 12]);
        let l = file.random("base_model.model.lin0.ia3_l", &shape);
        let by_row = (shape[0] == 12) != turned;
        let w = weight.matrix();
        let delta =
            nalgebra::DMatrix::from_fn(12, 12, |o, i| w[(o, i)] * (l.numbers[if by_row { o } else { i }] - 1.0));
        let update = Update { name: "lin0".into(), delta, scale: 1.0, source: "1: by definition" };
        let settings = config(json!({ "peft_type": "IA3", "fan_in_fan_out": turned }));
        for dropped in with_base(&file, Some(settings.clone()), &base(&[("lin0.weight", &weight)])) {
            dropped.shows(std::slice::from_ref(&update));
        }
    }
}

/// Twelve inputs beside a weight of 24: only a convolution's channel has more than one column.
#[test]
fn ia3_of_another_width_is_not_spread_over_it() {
    let mut file = File::new(303);
    let weight = file.draw(&[12, 24]);
    file.peft("base_model.model.other", [20, 4, 10]);
    file.random("base_model.model.lin0.ia3_l", &[1, 12]);
    for dropped in with_base(&file, None, &base(&[("lin0.weight", &weight)])) {
        assert_eq!(dropped.adapter().modules.len(), 1);
        dropped.warns("12 numbers");
    }
}

/// The magnitude of one adapter is not put on the factors of another.
#[test]
fn parts_of_two_adapters_are_not_mixed() {
    let adapter = accounts_for_all(&[
        ("x.q_proj.lora_A.first.weight", &[2, 8]),
        ("x.q_proj.lora_B.first.weight", &[6, 2]),
        ("x.q_proj.lora_A.second.weight", &[2, 8]),
        ("x.q_proj.lora_B.second.weight", &[6, 2]),
        ("x.q_proj.lora_magnitude_vector.second.weight", &[6]),
    ]);
    assert_eq!(adapter.modules.iter().map(|m| m.update.algorithm()).collect::<Vec<_>>(), ["LoRA"]);
}

/// Each component would be looked up among all others, for every module.
#[test]
fn metadata_of_countless_components_is_told_and_not_used() {
    let settings: Map<String, Value> = (0..300_000).map(|n| (format!("c{n}.r"), json!(4))).collect();
    let mut file = File::new(304);
    file.metadata("lora_adapter_metadata", &Value::Object(settings));
    let product = file.peft("transformer.lin0", [20, 4, 10]);
    let dropped = drop_file(&file);
    dropped.shows(&[Update::new("lin0", 1.0, "1: no alpha", product)]);
    dropped.warns("more than 32 components");
}

#[test]
fn patterns_begin_where_they_say() {
    let matches = |pattern: &str, module: &str| Pattern::new(pattern).0.matches(module);
    assert!(matches("^blocks.0.to_q", "blocks.0.to_q") && matches("^blocks.0.to_q", "blocks_0.to_q"));
    assert!(!matches("^blocks.0.to_q", "up.blocks.0.to_q") && !matches("^to_q", "blocks.0.to_q"));
    assert!(matches("to_q", "blocks.0.to_q") && matches("to_q", "to_q") && !matches("to_q", "blocks.0.into_q"));
    assert!(matches("^é.to_q", "é.to_q") && matches("to.q", "é.toéq") && !matches("^to_q", "é.to_q"));
    let (pattern, is_supported) = Pattern::new("(a{99}){99}");
    assert!(!is_supported && pattern.matches("x.(a{99}){99}"), "no megabytes for a few characters");
}

/// A model's own tensors may have the names that some adapters use.
#[test]
fn models_with_names_of_adapters_are_models() {
    let judge = |tensors: &[(&str, &[u64])]| {
        recognise(&header_of(&MemorySource::new("model.safetensors", f32_file(tensors))).unwrap())
    };
    assert_eq!(judge(&[("lmu.A", &[16, 16]), ("lmu.B", &[16, 1])]), Content::Checkpoint);
    assert_eq!(judge(&[("ssm.A", &[16, 16]), ("ssm.B", &[16, 16])]), Content::Checkpoint);
    assert_eq!(judge(&[("x.q_layer.weight", &[8, 8]), ("x.p_layer.weight", &[8, 8])]), Content::Checkpoint);
    let tlora: &[Key] = &[("x.q_layer.weight", &[2, 8]), ("x.p_layer.weight", &[8, 2]), ("x.lambda_layer", &[1, 2])];
    let tlora: Vec<(&str, Vec<u64>)> =
        tlora.iter().map(|(name, shape)| (*name, shape.iter().map(|&d| d as u64).collect())).collect();
    let tlora: Vec<(&str, &[u64])> = tlora.iter().map(|(name, shape)| (*name, shape.as_slice())).collect();
    assert_eq!(judge(&tlora), Content::Other("T-LoRA"));
    assert_eq!(judge(&[("x.A", &[16, 2]), ("x.B", &[2, 8])]), Content::Adapter);
}

/// Experts share the tensor of lora_B, and VeRA's modules their projections: each is counted once, and what is not
/// finite in the part of one is no fault of the others.
#[test]
fn shared_tensors_are_judged_and_counted_by_their_parts() {
    let mut file = File::new(305);
    let path = "base_model.model.model.layers.0.mlp.experts";
    let a = file.random(&format!("{path}.lora_A.weight"), &[2 * 3, 12]);
    let mut b = file.draw(&[10, 2 * 3]);
    b.numbers[1] = f64::NAN;
    file.put(&format!("{path}.lora_B.weight"), &b);
    let settings = json!({ "r": 2, "lora_alpha": 4, "target_parameters": ["mlp.experts.down_proj"] });
    let dropped = drop_with(&file, lora_config(settings));
    let names: Vec<&str> = dropped.adapter().modules.iter().map(|m| m.name.as_str()).collect();
    let experts = "model.layers.0.mlp.experts.down_proj";
    assert_eq!(names, [format!("{experts}.0"), format!("{experts}.2")]);
    dropped.lists(&format!("{experts}.1"), "not finite");
    let share = (a.numbers.len() + b.numbers.len()) / 3;
    assert_eq!(dropped.adapter().parameters, 2 * share as u64);
    let vera: &[(&str, &[u64])] = &[
        ("base_model.vera_A", &[2, 8]),
        ("base_model.vera_B", &[6, 2]),
        ("base_model.model.x.vera_lambda_b", &[6]),
        ("base_model.model.x.vera_lambda_d", &[2]),
    ];
    assert_eq!(read(vera).modules[0].parameters(), 8);
}

/// A pattern for one of a module's expert parameters counts for that one only, and with the parameter's name.
#[test]
fn patterns_of_expert_parameters() {
    let mut file = File::new(901);
    file.random("base_model.model.mlp.experts.base_layer.lora_A.weight", &[8, 10]);
    file.random("base_model.model.mlp.experts.base_layer.lora_B.weight", &[12, 8]);
    file.random("base_model.model.mlp.experts.lora_A.weight", &[8, 6]);
    file.random("base_model.model.mlp.experts.lora_B.weight", &[10, 8]);
    let config = r#"{"peft_type": "LORA", "r": 2, "lora_alpha": 8, "rank_pattern": {"experts.down_proj": 4},
        "alpha_pattern": {"experts.gate_up_proj": 6},
        "target_parameters": ["mlp.experts.down_proj", "mlp.experts.gate_up_proj"]}"#;
    let dropped = drop_with(&file, MemorySource::new("adapter_config.json", config.as_bytes()));
    let modules: Vec<(&str, u32, f64)> =
        dropped.adapter().modules.iter().map(|m| (m.name.as_str(), m.rank, m.scale)).collect();
    let wanted = [
        ("mlp.experts.down_proj.0", 4, 2.0),
        ("mlp.experts.down_proj.1", 4, 2.0),
        ("mlp.experts.gate_up_proj.0", 2, 3.0),
        ("mlp.experts.gate_up_proj.1", 2, 3.0),
        ("mlp.experts.gate_up_proj.2", 2, 3.0),
        ("mlp.experts.gate_up_proj.3", 2, 3.0),
    ];
    let mut modules = modules;
    modules.sort_by_key(|(name, ..)| *name);
    assert_eq!(modules, wanted);
}

/// The dialect is that of the tensors that make the update, whatever stands before them in the file.
#[test]
fn an_alpha_that_comes_first_does_not_name_the_dialect() {
    let mut file = File::new(902);
    file.scalar("base_model.model.lin0.alpha", 2.0);
    file.random("base_model.model.lin0.lora_A.weight", &[4, 10]);
    file.random("base_model.model.lin0.lora_B.weight", &[20, 4]);
    assert_eq!(drop_file(&file).adapter().format, "PEFT LoRA");
}
