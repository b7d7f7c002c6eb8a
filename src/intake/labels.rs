//! What a file is called for a person.

use std::collections::{HashMap, HashSet};

/// The folder of a relative path; empty for none.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

pub fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

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
];

/// The folder's name where the file has a name that every tool gives, else the file's.
pub fn label(path: &str) -> String {
    let name = file_name(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    // model-00001-of-00004
    let stem = stem.split_once('-').filter(|(_, shard)| shard.contains("-of-")).map_or(stem, |(stem, _)| stem);
    let home = file_name(folder(path));
    if GENERIC.contains(&stem) && !home.is_empty() { home.to_owned() } else { name.to_owned() }
}

/// Tells labels apart that collide: by the folder above, then by the whole path, then by a number.
/// `paths[i]` belongs to the label at `i`.
pub fn make_unique<'a>(labels: impl Iterator<Item = &'a mut String>, paths: &[String]) {
    let mut labels: Vec<&mut String> = labels.collect();
    for longer in [two_parts, whole_path] {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for label in &labels {
            *counts.entry((*label).clone()).or_default() += 1;
        }
        for (label, path) in labels.iter_mut().zip(paths) {
            if counts.get(*label).is_some_and(|&count| count > 1) {
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
    let above = if file_name(path) == label { folder(path) } else { folder(folder(path)) };
    let above = file_name(above);
    if above.is_empty() { label.to_owned() } else { format!("{above}/{label}") }
}

fn whole_path(path: &str, _: &str) -> String {
    path.to_owned()
}
