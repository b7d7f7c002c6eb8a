use serde::{Deserialize, Serialize};

use super::RankRange;

/// What an adapter's header says of it, before any of its tensors is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    pub label: String,
    /// `PEFT LoRA`, …
    pub format: String,
    pub base_model: Option<String>,
    /// Of the modules that have a rank.
    pub rank: Option<RankRange>,
    pub modules: u64,
    pub parameters: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Distinct shapes of updates, the most frequent first; not all of them where they are many.
    pub shapes: Vec<ShapeCount>,
    /// Distinct shapes beyond those.
    pub more_shapes: u64,
}

/// A shape of an update, and how many modules have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShapeCount {
    /// `[out, in]`
    pub shape: [u64; 2],
    pub count: u64,
}
