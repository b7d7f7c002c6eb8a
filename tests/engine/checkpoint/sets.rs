//! One drop: what numbers and indexes put together.

use lorascope_engine::intake::{Sorted, sort_drop};
use lorascope_format::bytes::{ByteSource, MemorySource};
use lorascope_format::checkpoint::Checkpoint;
use lorascope_format::container::Dtype;
use serde_json::json;

use crate::common::f32_file;

pub fn sort(files: Vec<MemorySource>) -> Sorted<MemorySource> {
    pollster::block_on(sort_drop(files))
}

/// A file of a model with one tensor of this name.
pub fn file(path: &str, tensor: &str) -> MemorySource {
    MemorySource::new(path, f32_file(&[(tensor, &[4, 8])]))
}

/// An index that places `tensors` in files.
pub fn index(path: &str, tensors: &[(&str, &str)]) -> MemorySource {
    let map: serde_json::Map<_, _> = tensors.iter().map(|(tensor, file)| ((*tensor).to_owned(), json!(file))).collect();
    let text = json!({ "metadata": { "total_size": 128 }, "weight_map": map }).to_string();
    MemorySource::new(path, text.into_bytes())
}

fn shard(folder: &str, number: u32, of: u32) -> MemorySource {
    file(&format!("{folder}/model-0000{number}-of-0000{of}.safetensors"), &format!("model.layers.{number}.q.weight"))
}

/// Labels with the names of the files that are here.
fn found(sorted: &Sorted<MemorySource>) -> Vec<(&str, Vec<&str>)> {
    let names = |c: &Checkpoint<MemorySource>| {
        c.files.iter().map(|f| f.source.path().to_owned().leak().rsplit('/').next().unwrap()).collect()
    };
    sorted.checkpoints.iter().map(|c| (c.label.as_str(), names(c))).collect()
}

#[test]
fn numbered_files_of_a_folder_are_one_checkpoint() {
    let sorted = sort(vec![
        shard("run/step-80", 2, 2),
        shard("run/step-40", 1, 2),
        shard("run/step-80", 1, 2),
        shard("run/step-40", 2, 2),
        file("run/final.safetensors", "model.layers.1.q.weight"),
        file("run/other-1-of-2.safetensors", "a.weight"),
    ]);
    assert_eq!(
        found(&sorted),
        [
            ("final", vec!["final.safetensors"]),
            ("other", vec!["other-1-of-2.safetensors"]),
            ("step-40", vec!["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]),
            ("step-80", vec!["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]),
        ]
    );
    assert_eq!(sorted.problems, Vec::<String>::new());
    let [single, other, whole, _] = sorted.checkpoints.as_slice() else { panic!() };
    assert!(single.remarks().is_empty() && single.missing().is_empty() && single.shards.is_none());
    assert!(whole.remarks().is_empty() && whole.missing().is_empty());
    assert_eq!((whole.folder.as_str(), whole.tensors().count()), ("run/step-40", 2));
    assert_eq!(
        whole.tensors().map(|(file, t)| (file, t.name.clone())).last().unwrap(),
        (1, "model.layers.2.q.weight".to_owned())
    );
    assert_eq!(whole.files_in_words().as_deref(), Some("2 files"));
    assert_eq!(other.missing(), ["other-2-of-2.safetensors"]);
}

#[test]
fn missing_files_are_named() {
    let sorted = sort(vec![shard("run/base", 2, 4), shard("run/base", 3, 4)]);
    let [base] = sorted.checkpoints.as_slice() else { panic!("{:?}", found(&sorted)) };
    assert_eq!(
        base.remarks(),
        ["run/base/model-00002-of-00004.safetensors: 2 of the 4 files of this checkpoint are missing: \
          model-00001-of-00004.safetensors, model-00004-of-00004.safetensors. Drop them too; until then only the \
          tensors of the others are compared."]
    );
    assert_eq!(base.files_in_words().as_deref(), Some("2 of 4 files"));
    let sorted = sort(vec![shard("run/base", 1, 9)]);
    let [said] = &sorted.checkpoints[0].remarks()[..] else { panic!() };
    assert!(
        said.contains("8 of the 9 files") && said.contains("model-00006-of-00009.safetensors and 3 more"),
        "{said}"
    );
}

#[test]
fn an_index_says_what_belongs_to_it() {
    let sorted = sort(vec![
        file("m/layers.safetensors", "model.layers.0.q.weight"),
        file("m/outside.safetensors", "model.embed_tokens.weight"),
        file("m/unrelated.safetensors", "x.weight"),
        index(
            "m/model.safetensors.index.json",
            &[
                ("model.layers.0.q.weight", "layers.safetensors"),
                ("model.embed_tokens.weight", "outside.safetensors"),
                ("lm_head.weight", "head.safetensors"),
            ],
        ),
    ]);
    assert_eq!(
        found(&sorted),
        [("layers", vec!["layers.safetensors", "outside.safetensors"]), ("unrelated", vec!["unrelated.safetensors"])]
    );
    assert!(sorted.problems.is_empty() && sorted.indexes.is_empty() && sorted.companions.is_empty());
    let set = &sorted.checkpoints[0];
    assert_eq!(set.missing(), ["head.safetensors"]);
    assert!(set.remarks()[0].contains("1 of the 3 files of this checkpoint is missing: head.safetensors. Drop it too"));
}

/// By content, whatever the name, as diffusers' `….index.fp16.json`; a second copy says nothing.
#[test]
fn an_index_is_known_by_its_content() {
    let named = |path: &str| {
        let of_file = [("a.weight", "diffusion_pytorch_model.fp16-00001-of-00002.safetensors")];
        sort(vec![
            file("unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors", "a.weight"),
            index(path, &of_file),
            index("unet/zzz.json", &of_file),
        ])
    };
    for path in ["unet/diffusion_pytorch_model.safetensors.index.fp16.json", "unet/some.json"] {
        let sorted = named(path);
        assert_eq!(sorted.checkpoints[0].index().unwrap().path, path);
        assert_eq!(sorted.checkpoints[0].label, "unet");
        assert_eq!(sorted.companions, ["unet/zzz.json"]);
        assert!(sorted.problems.is_empty());
    }
}

#[test]
fn an_index_alone_is_returned_and_a_broken_one_is_said() {
    let alone = index(
        "m/model.safetensors.index.json",
        &[("a", "model-1-of-2.safetensors"), ("b", "model-2-of-2.safetensors")],
    );
    let sorted = sort(vec![alone.clone()]);
    assert!(sorted.checkpoints.is_empty() && sorted.problems.is_empty());
    assert_eq!(
        sorted.indexes[0].waiting(),
        "m/model.safetensors.index.json: this is the index of a sharded model, and the files that it names are not \
         here: model-1-of-2.safetensors, model-2-of-2.safetensors. Drop them together with it."
    );
    // Another folder's files are not its own.
    let sorted = sort(vec![alone, file("n/model-1-of-2.safetensors", "a")]);
    assert_eq!((sorted.indexes.len(), sorted.checkpoints.len()), (1, 1));

    let broken = MemorySource::new("m/model.safetensors.index.json", &br#"{"weight_map": {"a": 7}}"#[..]);
    let sorted = sort(vec![broken.clone(), shard("m", 1, 1)]);
    let [said] = sorted.problems.as_slice() else { panic!("{:?}", sorted.problems) };
    assert!(said.starts_with("m/model.safetensors.index.json: this index of a sharded model cannot be read"), "{said}");
    assert!(said.contains("by the numbers in their names"), "{said}");
    // Where there is no model, it is of no interest.
    assert_eq!(sort(vec![broken]).companions.len(), 1);
    // PyTorch's own, whose files are refused one by one.
    let pickles = index("m/pytorch_model.bin.index.json", &[("a", "pytorch_model-00001-of-00002.bin")]);
    assert_eq!(sort(vec![pickles]).companions.len(), 1);
}

/// A whole checkpoint tells every size itself; one that lacks files, or whose weights are packed, does not.
#[test]
fn a_configuration_is_a_target_where_the_weights_do_not_tell() {
    let text = r#"{"model_type":"llama","hidden_size":8,"intermediate_size":16,"num_hidden_layers":2,
        "num_attention_heads":2,"vocab_size":32}"#;
    let config = || MemorySource::new("m/config.json", text.as_bytes());
    let whole = sort(vec![config(), file("m/model.safetensors", "model.layers.0.self_attn.q_proj.weight")]);
    assert_eq!((whole.models.len(), whole.companions.as_slice()), (0, &["m/config.json".to_owned()][..]));
    let part = sort(vec![config(), shard("m", 1, 2)]);
    assert_eq!((part.models.len(), part.companions.len()), (1, 0));
    let (weight, codes) = ("l.0.q.qweight", "l.0.q.scales");
    let bytes = crate::common::typed_file(&[(weight, Dtype::I32, &[2, 8]), (codes, Dtype::F16, &[1, 8])]);
    let packed = sort(vec![config(), MemorySource::new("m/model.safetensors", bytes)]);
    assert_eq!((packed.checkpoints.len(), packed.models.len(), packed.companions.len()), (1, 1, 0));
    // Another folder's weights say nothing of it.
    assert_eq!(sort(vec![config(), file("n/model.safetensors", "model.layers.0.q.weight")]).models.len(), 1);
}

#[test]
fn long_indexes_are_read_and_longer_ones_are_not() {
    let names: Vec<String> =
        (0..60_000).map(|n| format!("model.layers.{n}.a_rather_long_name_of_a_module_of_a_mixture.weight")).collect();
    let mut map: Vec<(&str, &str)> =
        names.iter().map(|name| (name.as_str(), "model-00002-of-00002.safetensors")).collect();
    map.push(("model.layers.1.q.weight", "model-00001-of-00002.safetensors"));
    let long = index("m/model.safetensors.index.json", &map);
    assert!(long.len() > 4 << 20);
    let sorted = sort(vec![long, shard("m", 1, 2)]);
    assert_eq!(sorted.checkpoints[0].index().unwrap().weight_map.len(), 60_001);

    let text = format!(r#"{{"x":"{}","weight_map":{{}}}}"#, "x".repeat(32 << 20));
    let sorted = sort(vec![MemorySource::new("m/model.safetensors.index.json", text.into_bytes()), shard("m", 1, 2)]);
    assert!(sorted.problems[0].contains("longer than 32 MB") && sorted.checkpoints.len() == 1, "{:?}", sorted.problems);
}

#[test]
fn a_tensor_in_another_file_than_the_index_says_is_a_warning() {
    let files = |map: &[(&str, &str)]| {
        sort(vec![shard("m", 1, 2), shard("m", 2, 2), index("m/model.safetensors.index.json", map)])
    };
    let [one, two] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let fine = files(&[("model.layers.1.q.weight", one), ("model.layers.2.q.weight", two)]);
    assert!(fine.checkpoints[0].remarks().is_empty());
    let moved = files(&[("model.layers.1.q.weight", two), ("model.layers.2.q.weight", two)]);
    assert_eq!(
        moved.checkpoints[0].remarks(),
        ["m/model.safetensors.index.json: the index places the tensor `model.layers.1.q.weight` in \
          model-00002-of-00002.safetensors, and it is in model-00001-of-00002.safetensors. The files count; if the \
          checkpoint was put together of different savings, drop those of one."]
    );
    let gone = files(&[("a", one), ("b", one), ("model.layers.1.q.weight", one), ("model.layers.2.q.weight", two)]);
    let [said] = &gone.checkpoints[0].remarks()[..] else { panic!() };
    assert!(said.contains("`a`") && said.contains("in no file that is here (2 tensors in all)"), "{said}");
}

#[test]
fn labels_are_folders_or_names_without_extension() {
    for (path, label) in [
        ("model.safetensors", "model"),
        ("model-00001-of-00002.safetensors", "model"),
        ("step-40/model.safetensors", "step-40"),
        ("run/step-40/model.fp16.safetensors", "step-40"),
        ("model.fp16.safetensors", "model.fp16"),
        ("run/step-40.safetensors", "step-40"),
        ("run/Llama-3.1.safetensors", "Llama-3.1"),
        ("run/Llama-3.1", "Llama-3.1"),
        ("unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors", "unet"),
        ("run/sd-v1.5-00001-of-00003.safetensors", "sd-v1.5"),
    ] {
        assert_eq!(sort(vec![file(path, "a.weight")]).checkpoints[0].label, label, "{path}");
    }
    let labels = |paths: &[&str]| -> Vec<String> {
        sort(paths.iter().map(|path| file(path, "a.weight")).collect())
            .checkpoints
            .into_iter()
            .map(|c| c.label)
            .collect()
    };
    assert_eq!(labels(&["a/step-1/model.safetensors", "b/step-1/model.safetensors"]), ["a/step-1", "b/step-1"]);
    assert_eq!(labels(&["a/x.safetensors", "b/x.safetensors"]), ["a/x", "b/x"]);
    assert_eq!(
        labels(&["s/model.safetensors", "s/model.fp16.safetensors"]),
        ["s/model.fp16.safetensors", "s/model.safetensors"]
    );
}

/// Two folders of one name, dropped together: the first copies belong together, and the second.
#[test]
fn two_folders_of_one_name_do_not_mix() {
    let copy = |tensor: &str| {
        [1, 2].map(|n| file(&format!("base/model-{n}-of-2.safetensors"), &format!("{tensor}.{n}.weight")))
    };
    let sorted = sort([copy("first"), copy("second")].concat());
    let [first, second] = sorted.checkpoints.as_slice() else { panic!("{:?}", found(&sorted)) };
    for (set, word) in [(first, "first"), (second, "second")] {
        assert!(set.missing().is_empty() && set.tensors().all(|(_, t)| t.name.starts_with(word)), "{word}");
    }
    assert_ne!(first.label, second.label);
}
