//! Names: roles, layers and stacks of what people's files hold, and the same weight under two names.

use lorascope_format::adapter::names::place;
use nalgebra::DMatrix;
use serde_json::json;

use super::{never_says, reported, says};
use crate::dialect::{File, Tensor, lora_config};
use crate::dropped::{drop_file, drop_with, drops};
use crate::numbers::Numbers;

/// Gemma 4's wrapped linears: `k_proj.linear` is a k, in a tower of its own.
#[test]
fn gemma4_wrapped_linears() {
    let case = reported("gemma4-wrapped-linears");
    case.drop_each(&["adapter_model.safetensors", "adapter_config.json"], |dropped| case.holds(dropped.adapter()));
}

/// SD3.5 medium's second attention attends to itself.
#[test]
fn sd35_dual_attention() {
    let case = reported("sd35-dual-attention");
    case.drop_each(&["sd35m.safetensors"], |dropped| case.holds(dropped.adapter()));
}

/// LTX-2's connectors are stacks of their own, by either of their names.
#[test]
fn ltx2_audio_video() {
    let case = reported("ltx2-audio-video");
    case.drop_each(&["ltx2.safetensors"], |dropped| case.holds(dropped.adapter()));
}

/// One LoRA of Wan, its dots as underscores, half of them, and none.
#[test]
fn wan_three_names() {
    let case = reported("wan-three-names");
    let files = ["flat", "half-flat", "converted"];
    for file in files {
        case.drop_each(&[&format!("{file}.safetensors")], |dropped| {
            let adapter = dropped.adapter();
            case.holds_scaled(adapter, case.expect["scales"][file].as_f64());
            if file == "converted" {
                let stores_none = |source: &str| source.starts_with("1: ") || source.starts_with("assumed 1");
                assert!(adapter.modules.iter().all(|m| stores_none(&m.scale_source)), "{:?}", adapter.modules);
            }
        });
    }
    case.are_one(&["flat.safetensors", "half-flat.safetensors", "converted.safetensors"], 8);
}

/// ACE-Step's names lack the `decoder.` that the base's have.
#[test]
fn acestep_lokr_dora() {
    let case = reported("acestep-lokr-dora");
    case.drop_each(&["acestep-lokr.safetensors"], |dropped| {
        says(dropped, "magnitude");
        says(dropped, "base");
        for wanted in case.expect["without_base"]["of_the_factors"].as_array().expect("a list") {
            let is = super::find(dropped.adapter(), wanted).frobenius;
            let should = wanted["frobenius"].as_f64().expect("a number");
            assert!((is - should).abs() <= 1e-5 * should, "{wanted}: {is}");
        }
    });
    case.drop_each(&["acestep-lokr.safetensors", "base"], |dropped| case.holds(dropped.adapter()));
}

/// AdaLoRA's budget left a module without a direction.
#[test]
fn adalora_rank_zero() {
    let case = reported("adalora-rank-zero");
    case.drop_each(&["adapter_model.safetensors", "adapter_config.json"], |dropped| {
        case.holds(dropped.adapter());
        never_says(dropped, "shard|damaged|gather|deepspeed|fsdp");
    });
}

/// The layers of a model that was made deeper are those of its base, some of them twice.
#[test]
fn layer_replication() {
    let case = reported("layer-replication");
    case.drop_each(&["adapter"], |dropped| case.holds(dropped.adapter()));
    case.drop_each(&["adapter", "step-0", "step-100"], |dropped| {
        says(dropped, "layer_replication: the adapter's layers 0, 1, 2, 3 are the base's 0, 1, 1, 2");
        let aligned = &dropped.report.alignment[0].modules;
        for wanted in case.expect["alignment"].as_array().expect("a list") {
            let module = aligned.iter().find(|module| wanted["path"] == module.name.as_str()).expect("a module");
            let (is, should) = (module.figures.cosine.expect("a number"), wanted["cosine"].as_f64().expect("a number"));
            assert!((is - should).abs() <= 1e-5, "{}: {is}, not {should}", module.name);
        }
    });
}

/// The same kinds of names in other models.
#[test]
fn names_of_the_same_kinds() {
    for (path, layer, stack, role) in [
        ("model.vision_tower.encoder.layers.3.self_attn.v_proj.linear", Some(3), "vision_tower", "v"),
        ("model.audio_tower.layers.2.feed_forward2.ffw_layer_1.linear", Some(2), "audio_tower", "up"),
        ("model.layers.0.mlp.experts.down_projs.12", Some(0), "", "down"),
        ("model.layers.7.mlp.experts.gate_up_projs.127", Some(7), "", "gate_up"),
        ("connectors.video_connector.transformer_blocks.0.ff.net.2", Some(0), "connectors.video_connector", "down"),
        (
            "lora_unet_audio_embeddings_connector_transformer_1d_blocks_3_attn1_to_out_0",
            Some(3),
            "audio_embeddings_connector",
            "o",
        ),
        ("lora_unet_blocks_4.cross_attn.k_img", Some(4), "", "cross_k"),
        ("lora_unet_double_blocks_11.img_attn.qkv", Some(11), "double", "qkv"),
        // What was told before stays: the number or the word is part of these names.
        ("transformer_blocks.2.norm1.linear", Some(2), "", "modulation"),
        ("final_layer.linear", None, "", "head"),
        ("single_transformer_blocks.5.attn.to_out.0", Some(5), "single", "o"),
        ("model.layers.2.mlp.gate.linear", Some(2), "", "router"),
        ("lora_unet_joint_blocks_3_x_block_attn2_qkv", Some(3), "joint", "qkv"),
        ("model.layers.2.some.linear", Some(2), "", "other"),
    ] {
        let is = place(path);
        assert_eq!((is.layer, is.stack.as_str(), is.role.as_str()), (layer, stack, role), "{path}");
    }
}

/// A second attention beside `attn` attends to the image, one beside `attn1` to the text.
#[test]
fn second_attentions() {
    for (first, role) in [("attn.to_q", "k"), ("attn.add_q_proj", "k"), ("attn1.to_q", "cross_k")] {
        let mut file = File::new(310);
        for name in [first, "attn2.to_k"] {
            file.kohya(&format!("lora_unet_transformer_blocks_9_{}", name.replace('.', "_")), [6, 2, 6], Some(2.0));
        }
        let dropped = drop_file(&file);
        let second = dropped.adapter().modules.iter().find(|m| m.name.contains("attn2")).expect("the module");
        assert_eq!(second.role, role, "beside {first}");
    }
}

/// A flat name that lacks the model's first word is the one weight that has the rest of it; of two it is none.
#[test]
fn names_without_their_first_word() {
    const REST: &str = "layers.0.mlp.up_proj.weight";
    let mut numbers = Numbers::new(311);
    let mut matrix = || DMatrix::from_fn(8, 6, |_, _| numbers.gaussian());
    let (from, to) = (matrix(), matrix());
    for (words, matched) in [(&["dit"][..], 1), (&["dit", "vae"], 0)] {
        let state = |path: &str, matrix: &DMatrix<f64>| {
            let mut file = File::new(0);
            words.iter().for_each(|word| file.put(&format!("{word}.{REST}"), &Tensor::of(matrix)));
            file.at(path)
        };
        let mut file = File::new(312);
        file.kohya("lycoris_layers_0_mlp_up_proj", [8, 2, 6], Some(2.0));
        let dropped = drops(vec![
            vec![file.at("some.safetensors")],
            vec![state("step-0.safetensors", &from), state("step-1.safetensors", &to)],
        ]);
        let aligned = dropped.report.alignment.first().map_or(0, |alignment| alignment.modules.len());
        assert_eq!(aligned, matched, "{words:?}: {:?}", dropped.problems);
    }
}

/// A module that kept no direction, one that was not trained, and a run that lost most of its numbers.
#[test]
fn empty_modules_by_their_causes() {
    let shard = "sharded|gathered";
    for (empty, of, cause, never) in [(1, 4, "not trained", shard), (3, 4, shard, "not trained")] {
        let mut file = File::new(313);
        for n in 0..of {
            let path = format!("base_model.model.model.layers.{n}.self_attn.q_proj");
            let rank = if n < empty { 0 } else { 2 };
            file.random(&format!("{path}.lora_A.weight"), &[rank, 6]);
            file.random(&format!("{path}.lora_B.weight"), &[5, rank]);
        }
        let dropped = drop_with(&file, lora_config(json!({ "r": 2, "lora_alpha": 2 })));
        dropped.lists("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", cause);
        never_says(&dropped, never);
    }
}

/// Ranges of layers, one after the other; what is no such list is said and not used.
#[test]
fn replicated_layers() {
    let mut file = File::new(314);
    for layer in 0..9 {
        file.peft(&format!("model.layers.{layer}.mlp.up_proj"), [6, 2, 5]);
    }
    let drop = |ranges| drop_with(&file, lora_config(json!({ "r": 2, "lora_alpha": 2, "layer_replication": ranges })));
    says(
        &drop(json!([[0, 3], [1, 4], [2, 5]])),
        "layers 0, 1, 2, 3, 4, 5, 6, 7, 8 are the base's 0, 1, 2, 1, 2, 3, 2, 3, 4",
    );
    for damaged in [json!([[3, 0]]), json!([[0, 4_000_000_000u64]]), json!([[0]]), json!("all"), json!([[0, 1.5]])] {
        let dropped = drop(damaged.clone());
        says(&dropped, "`layer_replication` is not a list of pairs");
        assert_eq!(dropped.adapter().modules.len(), 9, "{damaged}");
    }
}
