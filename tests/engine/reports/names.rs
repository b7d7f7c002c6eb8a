//! Names: roles, layers and stacks of what people's files hold, and the same weight under two names.

use lorascope_format::adapter::flat::dotted;
use lorascope_format::adapter::names::place;
use lorascope_protocol::Question;
use nalgebra::DMatrix;
use pollster::block_on;
use serde_json::json;

use super::{never_says, reported, says};
use crate::alignment::bench::bench;
use crate::dialect::{File, Tensor, lora_config};
use crate::dropped::{drop_file, drop_with, drops};
use crate::numbers::Numbers;
use crate::started::backends;

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

/// Z-Image's attention is in the file twice; one of each is applied, and counted.
#[test]
fn zimage_fused_and_split() {
    let case = reported("zimage-fused-and-split");
    case.drop_each(&["zimage.safetensors"], |dropped| {
        case.holds(dropped.adapter());
        says(dropped, "twice");
        let energy = dropped.adapter().energy;
        let once = case.expect["energy_once"].as_f64().expect("a number");
        assert!((energy - once).abs() <= 1e-5 * once, "{energy}, not {once}");
    });
}

/// A name, and its rows.
type Sized = (&'static str, usize);

/// Full differences under these names: the parts, each of so many rows, then `fused` with their rows one after the other,
/// times `factor`. Of the first `count` parts no number is finite.
fn fused(seed: u64, name: impl Fn(&str) -> String, parts: &[Sized], fused: Sized, factor: f64, count: usize) -> File {
    let mut file = File::new(seed);
    let mut numbers: Vec<f64> = Vec::new();
    for (n, (part, rows)) in parts.iter().enumerate() {
        let tensor = file.draw(&[*rows, 8]);
        numbers.extend(&tensor.numbers);
        let broken = Tensor::new(&[*rows, 8], vec![f64::NAN; rows * 8]);
        file.put(&name(part), if n < count { &broken } else { &tensor });
    }
    let (all, rows) = fused;
    let more = file.draw(&[rows, 8]).numbers;
    let numbers = numbers.into_iter().chain(more).take(rows * 8).map(|x| x * factor).collect();
    file.put(&name(all), &Tensor::new(&[rows, 8], numbers));
    file
}

/// The same weight under two names, in other models: what counts, and what does not.
#[test]
fn the_same_weight_twice() {
    // Parts and their rows, what holds them once more, and how that is said.
    let cases: [(&[Sized], Sized, &str); 9] = [
        (&[("gate_proj", 6), ("up_proj", 6)], ("gate_up_proj", 12), "gate_proj, up_proj"),
        (&[("q_proj", 8), ("k_proj", 4), ("v_proj", 4)], ("qkv_proj", 16), "q_proj, k_proj, v_proj"),
        (&[("w1", 6), ("w3", 6)], ("w13", 12), "w1, w3"),
        (&[("to_out.0", 6)], ("out", 6), "to_out.0"),
        (&[("to_q", 8), ("to_k", 4), ("to_v", 4)], ("to_qkv", 16), "to_q, to_k, to_v"),
        (&[("q_proj", 8), ("k_proj", 4), ("v_proj", 4)], ("to_qkv", 16), "q_proj, k_proj, v_proj"),
        // Other rows than its parts have, another shape, a part that is not there.
        (&[("q_proj", 8), ("k_proj", 4), ("v_proj", 4)], ("qkv_proj", 20), ""),
        (&[("to_out.0", 8)], ("out", 6), ""),
        (&[("q_proj", 8), ("k_proj", 4)], ("qkv_proj", 16), "in part"),
    ];
    for flat in [false, true] {
        for (number, (parts, all, copied)) in cases.into_iter().enumerate() {
            let name = |part: &str| match flat {
                false => format!("diffusion_model.layers.5.attention.{part}.diff"),
                true => format!("lora_unet_layers_5_attention_{}.diff", part.replace('.', "_")),
            };
            let dropped = drop_file(&fused(330 + number as u64, name, parts, all, 1.0, 0));
            let adapter = dropped.adapter();
            let copies: Vec<_> = adapter.modules.iter().filter_map(|m| Some((m, m.copy_of.as_deref()?))).collect();
            match (&copies[..], copied) {
                ([], "") => never_says(&dropped, "twice|once more"),
                ([], "in part") => says(&dropped, "once more in part"),
                ([(module, is)], should) => {
                    assert!(dotted(&module.name).ends_with(&dotted(all.0)), "{}", module.name);
                    let should = if flat { should.replace('.', "_") } else { should.to_owned() };
                    assert_eq!((*is, module.energy_share), (should.as_str(), 0.0));
                    says(&dropped, "stand in the file twice");
                    never_says(&dropped, "not the same update");
                }
                (copies, should) => panic!("{copies:?}, not {should:?}"),
            }
            let counted = adapter.modules.iter().filter(|m| m.copy_of.is_none());
            let energy: f64 = counted.map(|m| m.frobenius.powi(2)).sum();
            assert!((adapter.energy - energy).abs() <= 1e-12 * energy);
            assert!((adapter.modules.iter().map(|m| m.energy_share).sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}

/// Where the two are not the same the stronger counts, so that nothing of the energy vanishes.
#[test]
fn two_that_differ_under_one_weight() {
    const PARTS: [Sized; 3] = [("to_q", 4), ("to_k", 4), ("to_v", 4)];
    let name = |part: &str| format!("diffusion_model.layers.5.attention.{part}.diff");
    for (factor, broken, is_fused) in [(1.0, 0, false), (0.5, 0, false), (2.0, 0, true), (1.0, 1, true), (1.0, 3, true)]
    {
        let dropped = drop_file(&fused(360, name, &PARTS, ("qkv", 12), factor, broken));
        let adapter = dropped.adapter();
        for module in &adapter.modules {
            let counts = module.name.ends_with("qkv") == is_fused;
            assert_eq!((module.copy_of.is_none(), module.energy_share > 0.0), (counts, counts), "{}", module.name);
        }
        match (factor, broken) {
            (1.0, 0) => never_says(&dropped, "not the same update|not all analysed"),
            (_, 0) => says(&dropped, "not the same update"),
            _ => says(&dropped, "not all analysed"),
        }
    }
}

/// A copy counts all the same where what it is a copy of does not: the other adapter, the checkpoint or the figures
/// have only the one.
#[test]
fn a_copy_counts_where_its_parts_do_not() {
    const AT: &str = "diffusion_model.layers.5.attention";
    let (mut twice, mut fused) = (File::new(340), File::new(341));
    for part in ["to_q", "to_k", "to_v"] {
        twice.peft(&format!("{AT}.{part}"), [4, 2, 8]);
    }
    for (name, shape) in [("qkv.lora_A.weight", [2, 8]), ("qkv.lora_B.weight", [12, 2])] {
        let tensor = twice.random(&format!("{AT}.{name}"), &shape);
        fused.put(&format!("{AT}.{name}"), &tensor);
    }
    let state = |step: u64| {
        let mut file = File::new(350 + step);
        file.random("layers.5.attention.qkv.weight", &[12, 8]);
        file.at(&format!("step-{step}/model.safetensors"))
    };
    for choice in backends() {
        let mut bench = bench(choice);
        bench.drop_files(vec![twice.at("twice.safetensors"), fused.at("fused.safetensors"), state(1), state(2)]);
        block_on(bench.session.ask(1, Question::Compare));
        let report = bench.session.report();
        let [of_fused, of_twice] = &report.adapters[..] else { panic!("two adapters") };
        assert_eq!((of_fused.label.as_str(), of_twice.label.as_str()), ("fused.safetensors", "twice.safetensors"));
        let pair = &report.comparison.as_ref().expect("a comparison").pairs[0].figures;
        let norm = of_fused.energy.sqrt();
        assert!((pair.cosine.expect("a cosine") - 1.0).abs() < 1e-6, "{pair:?}");
        assert!(pair.norms[..2].iter().all(|x| (x - norm).abs() < 1e-6 * norm), "{pair:?}");
        let whole = |n: usize| report.alignment[n].whole.cosine.expect("a cosine");
        assert_eq!((report.alignment.len(), report.alignment[0].matched), (2, 1));
        assert!((whole(0) - whole(1)).abs() < 1e-6 && whole(0) != 0.0, "{} and {}", whole(0), whole(1));
    }
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
