//! Which tensor is a module's weight, and what is said where there is none.

use lorascope_format::adapter::{Adapter, Module};
use lorascope_format::bytes::MemorySource;
use lorascope_format::checkpoint::{Checkpoint, Lookup, Matched};
use lorascope_format::container::Dtype;

use super::sets::{index, sort};
use crate::common::typed_file;
use crate::common::{config, read_f32};

type Tensors<'a> = &'a [(&'a str, Dtype, &'a [u64])];

fn checkpoint(tensors: Tensors<'_>) -> Checkpoint<MemorySource> {
    sort(vec![MemorySource::new("model.safetensors", typed_file(tensors))]).checkpoints.remove(0)
}

/// A checkpoint of F32 tensors.
fn model(tensors: &[(&str, &[u64])]) -> Checkpoint<MemorySource> {
    let typed: Vec<(&str, Dtype, &[u64])> = tensors.iter().map(|&(name, shape)| (name, Dtype::F32, shape)).collect();
    checkpoint(&typed)
}

/// An adapter of rank 2 with these modules, `[out, in]`.
fn adapter(modules: &[(&str, [u64; 2])], settings: &str) -> Adapter {
    let pairs = modules.iter().flat_map(|(name, [out, inn])| {
        let path = format!("base_model.model.{name}");
        [(format!("{path}.lora_A.weight"), vec![2, *inn]), (format!("{path}.lora_B.weight"), vec![*out, 2])]
    });
    of_tensors(pairs.collect(), settings)
}

fn of_tensors(tensors: Vec<(String, Vec<u64>)>, settings: &str) -> Adapter {
    let described: Vec<(&str, &[u64])> =
        tensors.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    read_f32(&described, (!settings.is_empty()).then(|| config(settings)).as_ref()).unwrap()
}

fn one(name: &str, shape: [u64; 2]) -> Module {
    adapter(&[(name, shape)], "").modules.remove(0)
}

fn matched(module: &Module, checkpoint: &Checkpoint<MemorySource>) -> Matched {
    Lookup::new(checkpoint).find(module)
}

fn reason(module: &Module, checkpoint: &Checkpoint<MemorySource>) -> String {
    matched(module, checkpoint).map(|found| found.tensor.name).expect_err("a reason")
}

/// The name of the weight that was found, and whether the factors change places.
fn name(module: &Module, checkpoint: &Checkpoint<MemorySource>) -> (String, bool) {
    let found = matched(module, checkpoint).unwrap();
    (found.tensor.name, found.swapped)
}

const Q: &str = "self_attn.q_proj";

#[test]
fn prefixes_and_base_layers() {
    for held in [
        "model.layers.3.self_attn.q_proj.weight",
        "layers.3.self_attn.q_proj.weight",
        "model.language_model.layers.3.self_attn.q_proj.weight",
        "language_model.model.layers.3.self_attn.q_proj.weight",
        "base_model.model.model.layers.3.self_attn.q_proj.base_layer.weight",
        "model._orig_mod.layers.3.self_attn.q_proj.weight",
    ] {
        let held_model = model(&[
            (held, &[8, 4]),
            ("visual.layers.3.self_attn.q_proj.weight", &[8, 4]),
            ("vision_tower.encoder.layers.3.self_attn.q_proj.weight", &[8, 4]),
            (&held.replace(".3.", ".4."), &[8, 4]),
        ]);
        for prefix in ["model.", "", "model.language_model.", "language_model.model."] {
            let found = matched(&one(&format!("{prefix}layers.3.{Q}"), [8, 4]), &held_model).unwrap();
            assert_eq!(
                (found.tensor.name.as_str(), found.file, found.rows, found.cols, found.swapped),
                (held, 0, 8, 4, false)
            );
            let layer = one(&format!("{prefix}layers.5.{Q}"), [8, 4]);
            assert!(reason(&layer, &held_model).contains("has no tensor"), "{held}");
        }
        let seen = one(&format!("model.visual.layers.3.{Q}"), [8, 4]);
        assert_eq!(name(&seen, &held_model).0, "visual.layers.3.self_attn.q_proj.weight");
    }
}

#[test]
fn what_is_not_there_or_could_be_two_is_said() {
    let held = model(&[
        ("encoder.layers.0.fc1.weight", &[8, 4]),
        ("decoder.layers.0.fc1.weight", &[8, 4]),
        ("model.layers.0.q.weight", &[8, 4]),
        ("model.layers.0.q.base_layer.weight", &[8, 4]),
        ("model.layers.0.norm.weight", &[4]),
    ]);
    assert_eq!(
        reason(&one("layers.0.fc1", [8, 4]), &held),
        "more than one module of the checkpoint could be meant: `encoder.layers.0.fc1`, `decoder.layers.0.fc1`"
    );
    assert_eq!(
        reason(&one("model.layers.0.k", [8, 4]), &held),
        "the checkpoint has no tensor `model.layers.0.k.weight`"
    );
    assert!(reason(&one("model.layers.0.q", [8, 4]), &held).contains("more than once"));
    assert!(reason(&one("model.layers.0.norm", [8, 4]), &held).contains("has no tensor"));
}

#[test]
fn shapes_have_to_agree() {
    let held =
        model(&[("layers.0.q.weight", &[16, 4]), ("conv.weight", &[6, 4, 3, 3]), ("proj.weight", &[6, 4, 1, 1])]);
    assert_eq!(
        reason(&one("layers.0.q", [8, 4]), &held),
        "its shapes disagree: its update is 8 × 4, and `layers.0.q.weight` has the shape [16, 4] in the checkpoint"
    );
    // Only layers of GPT-2's kind are ever turned.
    assert!(reason(&one("layers.0.q", [4, 16]), &held).contains("shapes disagree"));

    let conv = |path: &str, kernel: &[u64], inputs: u64| {
        let a = [&[2, inputs], kernel].concat();
        let b = [&[6, 2][..], &vec![1; kernel.len()]].concat();
        of_tensors(vec![(format!("{path}.lora_A.weight"), a), (format!("{path}.lora_B.weight"), b)], "")
            .modules
            .remove(0)
    };
    let found = matched(&conv("conv", &[3, 3], 4), &held).unwrap();
    assert_eq!((found.rows, found.cols), (6, 36));
    assert!(reason(&conv("conv", &[2, 2], 9), &held).contains("[6, 4, 3, 3]"), "another kernel of the same size");
    // 1 × 1 convolutions are stored with and without their kernel.
    assert_eq!(name(&conv("proj", &[1, 1], 4), &held).0, "proj.weight");
    assert_eq!(name(&one("proj", [6, 4]), &held).0, "proj.weight");
}

#[test]
fn a_tied_head_is_the_embedding_of_its_shape() {
    let head = one("lm_head", [100, 8]);
    let embedding: &[u64] = &[100, 8];
    let tied =
        [("model.embed_tokens.weight", embedding), ("visual.embed_tokens.weight", embedding), ("wpe.weight", &[50, 8])];
    assert_eq!(name(&head, &model(&tied)), ("model.embed_tokens.weight".to_owned(), false));
    let untied = [("model.embed_tokens.weight", embedding), ("lm_head.weight", embedding)];
    assert_eq!(name(&head, &model(&untied)).0, "lm_head.weight");
    let two = [("wte.weight", embedding), ("word_embeddings.weight", embedding)];
    let other = [("wte.weight", &[99, 8][..])];
    for tensors in [&two[..], &other, &[("layers.0.q.weight", embedding)]] {
        assert!(reason(&head, &model(tensors)).contains("no tensor `lm_head.weight`"));
    }
    // A missing file may hold it.
    let part = MemorySource::new("model-1-of-2.safetensors", typed_file(&[("wte.weight", Dtype::F32, embedding)]));
    let part = sort(vec![part]).checkpoints.remove(0);
    assert_eq!(
        reason(&head, &part),
        "no file that is here has a tensor `lm_head.weight`; missing: model-2-of-2.safetensors"
    );
    // An embedding itself.
    let pair = [
        ("base_model.model.model.embed_tokens.lora_embedding_A", &[2, 100][..]),
        ("base_model.model.model.embed_tokens.lora_embedding_B", &[8, 2]),
    ];
    let embed = read_f32(&pair, None).unwrap().modules.remove(0);
    assert_eq!(name(&embed, &model(&tied)), ("model.embed_tokens.weight".to_owned(), false));
}

/// `target_parameters` may name a matrix that is no module's weight.
#[test]
fn parameters_without_weight_in_their_names() {
    let held = model(&[
        ("model.layers.0.mixer.A", &[8, 4]),
        ("model.layers.0.mixer.q.bias", &[8, 4]),
        ("model.layers.0.stack", &[2, 8, 4]),
    ]);
    assert_eq!(name(&one("layers.0.mixer.A", [8, 4]), &held).0, "model.layers.0.mixer.A");
    for path in ["layers.0.mixer.q", "layers.0.stack"] {
        assert!(reason(&one(path, [8, 4]), &held).contains("has no tensor"), "{path}");
    }
}

const GPT2: &[(&str, [u64; 2])] = &[
    ("transformer.h.0.attn.c_attn", [24, 8]),
    ("transformer.h.0.attn.c_proj", [8, 8]),
    ("transformer.h.0.mlp.c_fc", [32, 8]),
    ("transformer.h.0.mlp.c_proj", [8, 32]),
];

#[test]
fn layers_of_gpt2_are_stored_the_other_way_round() {
    let as_stored = |turned: bool, prefix: &str| {
        let tensors: Vec<(String, Vec<u64>)> = GPT2
            .iter()
            .map(|(path, [out, inn])| {
                let shape = if turned { vec![*inn, *out] } else { vec![*out, *inn] };
                (format!("{prefix}{}.weight", path.trim_start_matches("transformer.")), shape)
            })
            .collect();
        model(&tensors.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect::<Vec<_>>())
    };
    let says = r#"{"peft_type": "LORA", "r": 2, "fan_in_fan_out": true}"#;
    for (settings, told) in [("", false), (says, true)] {
        for (turned, prefix) in [(true, "transformer."), (true, ""), (false, "transformer.")] {
            let held = as_stored(turned, prefix);
            let gpt2 = adapter(GPT2, settings);
            for module in &gpt2.modules {
                let found = matched(module, &held).unwrap_or_else(|why| panic!("{}: {why}", module.name));
                assert_eq!(found.swapped, turned != told, "{} with {settings}", module.name);
                let update = if found.swapped { [module.shape[1], module.shape[0]] } else { module.shape };
                assert_eq!([found.rows, found.cols], update);
            }
        }
    }
    for turned in [true, false] {
        let held = as_stored(turned, "");
        let lookup = Lookup::new(&held);
        assert!(held.tensors().all(|(_, tensor)| lookup.inputs_first(tensor) == turned));
    }
    // The square one alone: its siblings in the checkpoint tell, and without them nothing does.
    let square = one("transformer.h.0.attn.c_proj", [8, 8]);
    assert!(name(&square, &as_stored(true, "")).1 && !name(&square, &as_stored(false, "")).1);
    let alone = model(&[("transformer.h.0.attn.c_proj.weight", &[8, 8])]);
    assert!(reason(&square, &alone).contains("is square, and nothing in the checkpoint tells"));
    let told = adapter(&[("transformer.h.0.attn.c_proj", [8, 8])], says).modules.remove(0);
    assert!(!name(&told, &alone).1);
    // A picture's tower of the same names speaks for itself only.
    let both = model(&[
        ("visual.transformer.resblocks.0.mlp.c_fc.weight", &[32, 8]),
        ("transformer.h.0.mlp.c_fc.weight", &[8, 32]),
        ("transformer.h.0.attn.c_proj.weight", &[8, 8]),
    ]);
    assert!(name(&square, &both).1);
}

#[test]
fn what_cannot_be_decoded_is_said() {
    let held = checkpoint(&[
        ("layers.0.a.weight", Dtype::I8, &[8, 4]),
        ("layers.0.b.weight", Dtype::F8_E8M0, &[8, 4]),
        ("layers.0.c.weight", Dtype::F8_E4M3, &[8, 4]),
        ("layers.0.d.weight", Dtype::F8_E5M2, &[8, 4]),
        ("layers.0.e.weight", Dtype::BF16, &[8, 4]),
        ("layers.0.f.weight", Dtype::F64, &[8, 4]),
    ]);
    let module = |letter: &str| one(&format!("layers.0.{letter}"), [8, 4]);
    assert!(reason(&module("a"), &held).starts_with("`layers.0.a.weight` is stored as I8, whole numbers"));
    assert!(reason(&module("b"), &held).contains("F8_E8M0, which is not decoded here; use a checkpoint in BF16"));
    for letter in ["c", "d", "e", "f"] {
        assert!(matched(&module(letter), &held).is_ok(), "{letter}");
    }
    let header = r#"{"layers.0.q.weight":{"dtype":"F7","shape":[8,4],"data_offsets":[0,28]}}"#;
    let unknown = MemorySource::new("m.safetensors", crate::common::file(header, &[0; 28]));
    let unknown = sort(vec![unknown]).checkpoints.remove(0);
    assert_eq!(reason(&module("q"), &unknown), "`layers.0.q.weight` is stored as `F7`, which is not known here");
}

#[test]
fn the_index_knows_what_is_in_a_missing_file() {
    let file = |n: u32, name: &str| {
        MemorySource::new(format!("m/model-{n}-of-3.safetensors"), typed_file(&[(name, Dtype::F32, &[8, 4])]))
    };
    let map = [
        ("model.layers.0.q.weight", "model-1-of-3.safetensors"),
        ("model.layers.0.k.weight", "model-2-of-3.safetensors"),
        ("model.layers.0.v.weight", "model-3-of-3.safetensors"),
    ];
    let files = vec![
        file(1, "model.layers.0.q.weight"),
        file(3, "model.layers.0.x.weight"),
        index("m/model.safetensors.index.json", &map),
    ];
    let set = sort(files).checkpoints.remove(0);
    let found = |letter: &str| matched(&one(&format!("layers.0.{letter}"), [8, 4]), &set);
    assert_eq!(found("q").unwrap().file, 0);
    assert_eq!(found("x").unwrap().file, 1);
    assert_eq!(
        found("k").unwrap_err(),
        "its weight `model.layers.0.k.weight` is in model-2-of-3.safetensors, which is missing"
    );
    assert_eq!(
        found("v").unwrap_err(),
        "the checkpoint's index places its weight `model.layers.0.v.weight` in model-3-of-3.safetensors, which does \
         not hold it"
    );
    assert!(found("z").unwrap_err().contains("the checkpoint has no tensor"));
}

#[test]
fn every_one_of_many_modules_is_found() {
    let paths: Vec<String> =
        (0..20_000).map(|n| format!("model.layers.{}.mlp.experts.{}.up_proj", n / 200, n % 200)).collect();
    let names: Vec<String> = paths.iter().map(|path| format!("{path}.weight")).collect();
    let held = model(&names.iter().map(|name| (name.as_str(), &[2, 2][..])).collect::<Vec<_>>());
    let modules = adapter(&paths.iter().map(|path| (path.as_str(), [2, 2])).collect::<Vec<_>>(), "").modules;
    let lookup = Lookup::new(&held);
    assert_eq!(modules.len(), 20_000);
    for module in &modules {
        assert_eq!(lookup.find(module).unwrap().tensor.name, format!("{}.weight", module.name));
    }
}

#[test]
fn quantised_weights_give_their_scheme_and_plain_ones_beside_them_are_found() {
    let held = checkpoint(&[
        ("model.layers.0.q.qweight", Dtype::I32, &[1, 8]),
        ("model.layers.0.q.scales", Dtype::F16, &[1, 8]),
        ("model.layers.0.k.weight", Dtype::F8_E4M3, &[8, 4]),
        ("model.layers.0.k.weight_scale_inv", Dtype::F32, &[1, 1]),
        ("model.layers.0.v.weight", Dtype::BF16, &[8, 4]),
    ]);
    let found = |letter: &str| matched(&one(&format!("layers.0.{letter}"), [8, 4]), &held);
    assert_eq!(
        found("q").unwrap_err(),
        "the checkpoint stores it quantised by GPTQ (packed integers of a few bits), not as the numbers that training \
         changed; use the checkpoint before quantisation, in BF16, F16 or F32"
    );
    assert!(found("k").unwrap_err().contains("FP8 in blocks"));
    assert!(found("v").is_ok());
}
