//! Adapters: the dialects, recognised from key suffixes, all giving the same [`Module`].
//!
//! A module's update is ΔW = s·L·Rᵀ with two tall factors, L (out × r) and R (in × r): for a linear PEFT
//! module L = `lora_B` and R = `lora_A`ᵀ; for an embedding, whose weight is stored `[vocab, dim]`,
//! L = `lora_embedding_A`ᵀ and R = `lora_embedding_B`. What is not understood is listed with a reason.

use std::collections::BTreeMap;

pub mod config;
pub mod dialects;
mod fault;
pub mod flat;
pub mod keys;
pub mod names;
mod pair;
pub mod pattern;
pub mod peft;
mod roles;
pub mod scale;
mod sorting;

pub use config::PeftConfig;
pub use dialects::{Content, recognise};
pub use fault::{AdapterError, FaultLog, ModuleFault};
pub use pair::is_decodable;

use crate::container::{Header, TensorEntry};
use crate::report::NotAnalyzed;

/// An adapter as its files describe it, before any tensor has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    /// `PEFT LoRA`, …
    pub format: String,
    pub base_model: Option<String>,
    pub modules: Vec<Module>,
    pub not_analyzed: Vec<NotAnalyzed>,
    /// Sentences for a person; each names the module or the setting it is about.
    pub warnings: Vec<String>,
    pub metadata: BTreeMap<String, String>,
    /// Whether any scale is only an assumption, which a person may replace.
    pub scale_assumed: bool,
}

/// One adapted weight: ΔW = `scale`·`left`·`right`ᵀ.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    /// Path in the model, as the base model names it.
    pub name: String,
    pub layer: Option<u32>,
    /// The tower it belongs to; empty where there is only one.
    pub stack: String,
    /// `q`, `k`, `v`, `o`, `gate`, `up`, `down`, `embed`, `head`, …
    pub role: String,
    /// `[out, in]` of ΔW, as the base model stores the weight.
    pub shape: [u64; 2],
    pub rank: u32,
    /// `out × rank`.
    pub left: Factor,
    /// `in × rank`.
    pub right: Factor,
    pub scale: f64,
    /// Where the scale comes from: `adapter_config alpha/r`, `rsLoRA …`, `assumed 1: …`.
    pub scale_source: String,
}

/// A tall matrix (`rows × cols`, cols the rank) as a stored tensor holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    pub tensor: TensorEntry,
    pub rows: u64,
    pub cols: u64,
    /// False: stored row by row, `[rows, cols]`. True: stored column by column, `[cols, rows]`.
    pub transposed: bool,
}

impl Module {
    /// Whether ΔW is `[in, out]`, its left side from `lora_A`: the base stores the weight so.
    pub fn inputs_first(&self) -> bool {
        keys::parse(&self.left.tensor.name).is_some_and(|key| key.role == keys::Role::A)
    }
}

/// Reads the adapter in a file by whatever dialect its tensor names show.
///
/// # Errors
/// [`AdapterError`], in sentences that do not name the file: where the file is no adapter, is one of a dialect
/// that is not read, or has no module that can be analysed.
pub fn read(header: &Header, config: Option<&PeftConfig>) -> Result<Adapter, AdapterError> {
    match recognise(header) {
        Content::Peft => peft::read(header, config),
        Content::Other(dialect) => Err(AdapterError::OtherDialect { dialect }),
        Content::Checkpoint => Err(AdapterError::Checkpoint),
        Content::Empty => Err(AdapterError::Empty),
    }
}
