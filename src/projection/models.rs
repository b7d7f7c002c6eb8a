//! Models as targets: their sizes, from a `config.json` or from a list of widely used ones.

use serde::{Deserialize, Serialize};

/// The sizes of a language model that its modules' shapes follow from. Absent ones are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelShape {
    /// For `base_model_name_or_path`; absent where a `config.json` does not say.
    pub name: Option<String>,
    pub hidden: Option<u64>,
    pub intermediate: Option<u64>,
    pub heads: Option<u64>,
    pub kv_heads: Option<u64>,
    pub head_dim: Option<u64>,
    pub vocab: Option<u64>,
    pub layers: Option<u32>,
}

/// A widely used model, as a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedModel {
    /// Stable word for requests and form values.
    pub id: &'static str,
    /// Its name as people know it.
    pub label: &'static str,
    /// The family that it is listed under.
    pub family: &'static str,
}

pub const MODELS: &[ListedModel] = &[
    ListedModel { id: "llama-3.1-8b", label: "Llama 3.1 8B", family: "Llama" },
    ListedModel { id: "llama-3.2-1b", label: "Llama 3.2 1B", family: "Llama" },
];
