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
