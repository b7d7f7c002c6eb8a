//! What a file is called for a person.

use std::collections::{HashMap, HashSet};

use lorascope_format::checkpoint::Numbered;
pub use lorascope_format::path::{file_name, folder};

/// In lower case, without the dot; empty for none.
pub fn extension(path: &str) -> String {
    file_name(path).rsplit_once('.').map_or_else(String::new, |(_, extension)| extension.to_lowercase())
}

/// The names that tools give every adapter or model: these say nothing, their folder does.
const GENERIC: &[&str] = &[
    "adapter_model",
    "adapter",
    "adapters",
    "pytorch_lora_weights",
    "model",
    "pytorch_model",
    "diffusion_pytorch_model",
    "consolidated",
];

/// What tools put behind such a name to say how the weights are stored.
const VARIANTS: &[&str] = &["fp32", "fp16", "bf16", "fp8", "ema", "non_ema"];

/// The folder's name where the file has a name that every tool gives, else the file's.
pub fn label(path: &str) -> String {
    let name = file_name(path);
    home(path, stem(name)).unwrap_or(name).to_owned()
}

/// As [`label`], the file's name without its extension; all files of a sharded checkpoint have the same.
pub fn checkpoint_label(path: &str) -> String {
    let stem = stem(file_name(path));
    home(path, stem).unwrap_or(stem).to_owned()
}

/// A file's name without its extension, and without its number among the files of a sharded model.
fn stem(name: &str) -> &str {
    // The 1 of `llama-3.1` is no extension.
    let extension = |(stem, end): &(&str, &str)| !stem.is_empty() && end.bytes().any(|b| b.is_ascii_alphabetic());
    let stem = name.rsplit_once('.').filter(extension).map_or(name, |(stem, _)| stem);
    Numbered::parse(name).map_or(stem, |name| name.stem)
}

/// The folder's name, if there is one and the file's says nothing: `model`, `model.fp16`.
fn home<'a>(path: &'a str, stem: &str) -> Option<&'a str> {
    let home = file_name(folder(path));
    let plain = stem.rsplit_once('.').filter(|(_, end)| VARIANTS.contains(end)).map_or(stem, |(plain, _)| plain);
    (GENERIC.contains(&plain) && !home.is_empty()).then_some(home)
}

/// Tells labels apart that collide: by the folder above, then by the whole path, then by a number.
/// `paths[i]` belongs to the label at `i`.
pub fn make_unique<'a>(labels: impl Iterator<Item = &'a mut String>, paths: &[String]) {
    let mut labels: Vec<&mut String> = labels.collect();
    for longer in [two_parts, whole_path] {
        let mut known: HashMap<String, HashSet<&str>> = HashMap::new();
        for (label, path) in labels.iter().zip(paths) {
            known.entry((*label).clone()).or_default().insert(path);
        }
        for (label, path) in labels.iter_mut().zip(paths) {
            // Paths that are the same tell nothing apart.
            if known.get(*label).is_some_and(|paths| paths.len() > 1) {
                **label = longer(path, label);
            }
        }
    }
    let mut taken = HashSet::new();
    for label in labels {
        let first = label.clone();
        let mut number = 2;
        while !taken.insert(label.clone()) {
            *label = format!("{first} ({number})");
            number += 1;
        }
    }
}

/// `run-a/checkpoint-30` for the label `checkpoint-30`.
fn two_parts(path: &str, label: &str) -> String {
    let above = if file_name(folder(path)) == label { folder(folder(path)) } else { folder(path) };
    let above = file_name(above);
    if above.is_empty() { label.to_owned() } else { format!("{above}/{label}") }
}

fn whole_path(path: &str, _: &str) -> String {
    path.to_owned()
}
