//! The layer profile of the reference: its own words for a module's kind and depth, by its own substring rules.
//!
//! Kept exactly, also where the rules surprise (`key` matches `keyboard`; thirds by integer division), since the
//! domain scores are defined on them. The finer reading of names is [`lorascope_format::adapter::names`].

use lorascope_protocol::report::LayerSource;
use lorascope_protocol::scheme::Traits;

/// How many layers the profile counts with, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotalLayers {
    pub count: u32,
    pub source: LayerSource,
}

/// The count that the reference assumes where no name holds a layer number.
const ASSUMED: u32 = 12;

/// The largest N in `layers.N.` or `layer.N.` of some names, plus 1.
#[inline(never)]
pub fn layers_named<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<u32> {
    names.into_iter().filter_map(|name| layer_index(&name.to_lowercase())?.checked_add(1)).max()
}

/// What is known of the model, unless the adapter's names hold a later layer; else by those names, and without any 12.
pub fn total_layers<'a>(names: impl IntoIterator<Item = &'a str>, model: Option<&TotalLayers>) -> TotalLayers {
    let named = layers_named(names);
    if let Some(model) = model.filter(|model| model.count >= named.unwrap_or(0)) {
        return model.clone();
    }
    match named {
        Some(count) => TotalLayers { count, source: LayerSource::Names },
        None => TotalLayers { count: ASSUMED, source: LayerSource::Assumed(ASSUMED) },
    }
}

/// The reference's kind and depth of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `embed`, `attn`, `mlp` or `other`.
    pub kind: &'static str,
    /// `early`, `mid` or `late`.
    pub depth: &'static str,
}

impl From<Profile> for Traits<'_> {
    /// A module of no stack and no role.
    fn from(Profile { kind, depth }: Profile) -> Self {
        Self { depth, kind, stack: "", role: "" }
    }
}

/// Classifies a module by its name in a model of `total` layers.
#[inline(never)]
pub fn profile(name: &str, total: u32) -> Profile {
    let lower = name.to_lowercase();
    Profile { kind: kind(&lower), depth: depth(&lower, total) }
}

fn kind(lower: &str) -> &'static str {
    const ATTENTION: &[&str] = &["attn", "query", "key", "value", "q_proj", "k_proj", "v_proj", "out_proj"];
    const MLP: &[&str] = &["mlp", "dense_h_to_4h", "dense_4h_to_h", "gate_proj", "up_proj", "down_proj"];
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["embed", "wte"]) {
        "embed"
    } else if has(ATTENTION) {
        "attn"
    } else if has(MLP) {
        "mlp"
    } else {
        "other"
    }
}

fn depth(lower: &str, total: u32) -> &'static str {
    let third = total / 3;
    match layer_index(lower) {
        Some(index) if index < third => "early",
        Some(index) if index < 2 * third => "mid",
        Some(_) => "late",
        None if lower.contains("embed") => "early",
        None if lower.contains("head") => "late",
        None => "mid",
    }
}

/// The number of the first `layers?\.(\d+)\.` in a lower-case name. One that does not fit 32 bits is none.
#[inline(never)]
fn layer_index(lower: &str) -> Option<u32> {
    lower.match_indices("layer").find_map(|(at, word)| {
        let rest = lower.get(at + word.len()..)?;
        let rest = rest.strip_prefix('s').unwrap_or(rest).strip_prefix('.')?;
        let (number, _) = rest.split_once('.')?;
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| number.parse().ok())
    })?
}
