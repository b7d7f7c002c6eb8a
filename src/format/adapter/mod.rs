//! Adapters: the dialects, recognised from key suffixes, all giving the same [`Module`].
//!
//! A module's update is ΔW = s·L·Rᵀ with two tall factors, L (out × r) and R (in × r), or follows a [`Formula`] over
//! the file's tensors. For a linear PEFT module L = `lora_B` and R = `lora_A`ᵀ; for an embedding, whose weight is
//! stored `[vocab, dim]`, L = `lora_embedding_A`ᵀ and R = `lora_embedding_B`. What is not understood is listed with
//! a reason.

use std::collections::BTreeMap;

mod algorithms;
pub mod config;
mod copies;
mod counterparts;
pub mod dialects;
pub mod family;
mod fault;
pub mod flat;
mod gather;
mod grouping;
pub mod keys;
mod metadata;
pub mod names;
mod naming;
pub mod pattern;
mod reader;
mod remarks;
mod roles;
pub mod scale;
mod tensor;
pub mod update;

pub use config::PeftConfig;
pub use counterparts::Names;
pub use dialects::{Content, recognise};
pub use fault::{AdapterError, FaultLog, ModuleFault};
pub use naming::folded;
pub use reader::read;
pub use scale::{ScaleSource, StoredScale};
pub use tensor::is_decodable;
pub use update::{Form, Formula, Recipe, Update};

use serde::{Deserialize, Serialize};

use crate::NotAnalyzed;
use crate::container::TensorEntry;

/// The largest rank of a product of factors: what measures it takes r³ on the CPU, seconds there and hours beyond.
pub const MAX_RANK: u64 = 1024;

/// An adapter as its files describe it, before any tensor has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    /// `PEFT LoRA`, `kohya LoRA + LoHa`, …
    pub format: String,
    pub base_model: Option<String>,
    pub modules: Vec<Module>,
    pub not_analyzed: Vec<NotAnalyzed>,
    /// Sentences for a person; each names the module or the setting it is about.
    pub warnings: Vec<String>,
    pub metadata: BTreeMap<String, String>,
    /// How many layers its model was given by `layer_replication`; 0 without it.
    pub base_layers: usize,
    /// Whether any scale is only an assumption, which a person may replace.
    pub scale_assumed: bool,
    /// Whether it can be written again as PEFT wrote it, so that it can be projected.
    pub is_peft: bool,
}

/// One adapted weight. Serialised, as an engine tells its helpers of it, it is what computing takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Module {
    /// Path in the model, as the base model names it; where a file flattens it, as the file has it.
    pub name: String,
    /// The path of its weight in the base, where that is another: the layers of a model that was made deeper by
    /// `layer_replication` are not numbered as the base's.
    #[serde(skip)]
    pub base_name: Option<String>,
    /// The number of the expert, where one tensor of the base holds all of them: the last segment of the name.
    #[serde(skip)]
    pub expert: Option<Expert>,
    #[serde(skip)]
    pub layer: Option<u32>,
    /// The tower it belongs to; empty where there is only one.
    #[serde(skip)]
    pub stack: String,
    /// `q`, `k`, `v`, `o`, `gate`, `up`, `down`, `embed`, `head`, …
    #[serde(skip)]
    pub role: String,
    /// `[out, in·k…]` of ΔW, as the base model stores the weight.
    pub shape: [u64; 2],
    /// Inner dimension of the stored factors; 0 for what has none.
    pub rank: u32,
    /// Without its scale.
    pub update: Update,
    /// A convolution's kernel; empty for others.
    #[serde(skip)]
    pub kernel: Vec<u64>,
    /// ΔW is `[in, out]`, its left side from `lora_A`: the base stores the weight so.
    pub inputs_first: bool,
    /// Until `stored_scale` has been read it is 1.
    pub scale: f64,
    #[serde(skip)] // What computes with a module does not ask for it.
    pub scale_source: ScaleSource<'static>,
    /// A number in the file that gives the scale.
    pub stored_scale: Option<StoredScale>,
    /// What the configuration would give, where a stored number goes first.
    #[serde(skip)]
    pub configured_scale: Option<f64>,
    /// What a person should know of how the update is computed.
    #[serde(skip)]
    pub note: Option<String>,
    /// The modules of the file that hold the same weight.
    #[serde(skip)]
    pub copy_of: Option<Copied>,
}

/// What a module holds once more: see [`Module::copy_of`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The modules that count in its place, by their numbers in [`Adapter::modules`].
    pub of: Vec<usize>,
    /// The same by their names, as far as these differ from the copy's.
    pub words: String,
}

/// One of the experts that a tensor of the base holds together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expert {
    pub number: u64,
    /// The tensor of the adapter that all of them take, by its name.
    pub shared: Option<String>,
}

/// A tall matrix (`rows × cols`, cols the rank) as a stored tensor holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    pub tensor: TensorEntry,
    pub rows: u64,
    pub cols: u64,
    /// False: stored row by row, `[rows, cols]`. True: stored column by column, `[cols, rows]`.
    pub transposed: bool,
}

impl Module {
    /// Whether it holds what another module holds, and one of those is among what is `counted`.
    pub fn is_copy_among(&self, counted: impl Fn(usize) -> bool) -> bool {
        self.copy_of.as_ref().is_some_and(|copied| copied.of.iter().any(|&of| counted(of)))
    }

    /// The path of its weight in the base; that of all experts where it is one of them.
    pub fn base_path(&self) -> &str {
        self.without_number(self.base_name.as_deref().unwrap_or(&self.name))
    }

    /// Its name; that of all experts where it is one of them.
    pub fn parameter(&self) -> &str {
        self.without_number(&self.name)
    }

    fn without_number<'a>(&self, path: &'a str) -> &'a str {
        let of = |expert: &Expert| path.rsplit_once('.').filter(|(_, n)| n.parse() == Ok(expert.number));
        self.expert.as_ref().and_then(of).map_or(path, |(path, _)| path)
    }

    /// Both factors, where the file stores them; those of a DoRA's direction too. Of an expert the file stores parts of
    /// factors, which cannot be written again in their place.
    pub fn pair(&self) -> Option<[&Factor; 2]> {
        if self.expert.is_some() {
            return None;
        }
        match self.update.alone()? {
            Update::Pair { left, right } => Some([left, right]),
            Update::Recipe(_) => None,
        }
    }

    /// Numbers stored for the update: its share of a tensor that holds all experts', and none of the projections that
    /// VeRA's modules have in common and do not train. What experts share is counted with the first of them.
    pub fn parameters(&self) -> u64 {
        let numbers = |tensor: &TensorEntry| crate::container::elements(&tensor.shape).unwrap_or(u64::MAX);
        let mut tensors = self.update.tensors();
        if let Some(Expert { number: 1.., shared: Some(shared) }) = &self.expert {
            tensors.retain(|tensor| tensor.name != *shared);
        }
        match (self.update.formula(), tensors.as_slice()) {
            (Some(Formula::Strided { experts, .. }), [a, b]) => {
                numbers(a).saturating_add(numbers(b) / (*experts).max(1))
            }
            (Some(Formula::Vera), [_, _, own @ ..]) => own.iter().copied().map(numbers).fold(0, u64::saturating_add),
            _ => tensors.into_iter().map(numbers).fold(0, u64::saturating_add),
        }
    }

    /// The dtypes of its tensors, by safetensors' names; `F32+F16` where they differ.
    pub fn dtype(&self) -> String {
        let mut names: Vec<String> = Vec::new();
        for tensor in self.update.tensors() {
            let name = tensor.dtype.name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join("+")
    }
}
