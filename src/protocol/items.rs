//! What the engine holds, as the page knows it.

use serde::{Deserialize, Serialize};

/// One thing that the engine keeps: an adapter, a checkpoint, a waiting config. Never reused in a session.
pub type ItemId = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    Adapter,
    /// An adapter's report, from a link or from a saved file, without its tensors.
    Report,
    Checkpoint,
    AdapterConfig,
    /// The `config.json` of a model: a target for a projection.
    ModelConfig,
    /// A scheme for domain profiles.
    Scheme,
    /// Part of a training folder, not of the analysis: optimizer, tokenizer, arguments.
    Companion,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub item: ItemId,
    pub kind: ItemKind,
    pub label: String,
    /// "84.1 MB, PEFT LoRA", "kept, waiting for an adapter", …
    pub detail: String,
    /// The adapter's scale is only assumed: the page offers a field to set it.
    pub scale_assumed: bool,
    /// The https address it was loaded from: a link can carry it, so that whoever opens it computes anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// One state of a series, in its order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    pub item: ItemId,
    pub label: String,
    /// The training step, where its name says one.
    pub step: Option<u64>,
}
