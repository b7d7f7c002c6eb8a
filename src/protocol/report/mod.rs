//! The report: one serialisable value that the page shows, that JSON carries out, and a part of it a link.
//!
//! Absent parts are absent, never null, and every number is finite. Units: `frobenius` and `singular_values`
//! are those of ΔW = s·B·A, the scale s included; `energy` is ‖ΔW‖²_F.

use std::collections::BTreeMap;

pub use lorascope_format::NotAnalyzed;
use serde::{Deserialize, Serialize};

mod alignment;
mod comparison;
pub mod csv;
mod layers;
mod outline;
mod projection;
pub mod saved;
pub mod scheme;

pub use alignment::{AlignedModule, AlignmentReport, Along, ExtractedModule, ExtractionReport, Figures};
pub use comparison::{ComparedModule, ComparisonReport, OverlapGrid, PairFigures, PairReport};
pub use layers::LayerSource;
pub use outline::{Outline, ShapeCount};
pub use projection::{ProjectedModule, ProjectionReport, Quality};

use scheme::{BY_BLOCK, BuiltIn, LEGAL_EXAM, Scheme, file};

/// The version of the report's schema. It moves when a reader of the old one would misread the new one.
pub const SCHEMA: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The schema's version, [`SCHEMA`].
    pub lorascope: u32,
    pub engine: EngineReport,
    pub files: Vec<FileReport>,
    pub adapters: Vec<AdapterReport>,
    /// Every adapter beside every update.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alignment: Vec<AlignmentReport>,
    /// The last extraction, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extraction: Option<ExtractionReport>,
    /// The last projection, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection: Option<ProjectionReport>,
    /// The last comparison of the adapters, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<ComparisonReport>,
}

/// Which engine computed, why that one, and what it did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EngineReport {
    pub backend: BackendKind,
    /// The GPU adapter's own name; absent on the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_name: Option<String>,
    /// Why this backend: chosen by the address, or found, or not found.
    pub reason: String,
    pub workers: u32,
    #[serde(flatten)]
    pub counts: Counts,
    /// How a GPU was held against the CPU; absent where none was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckReport>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendKind {
    WebGpu,
    /// Also what a saved report says that this version does not know: nothing asks it of those.
    #[default]
    #[serde(other)]
    Cpu,
}

/// How a GPU was held against the CPU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Kernels whose small cases gave the same on both.
    pub kernels: Vec<String>,
    /// Modules, and pieces of weights, that were computed on both beside the small cases.
    pub samples: u64,
    /// The largest difference of singular values that was seen, in parts of the module's σ₁.
    pub largest: f64,
    /// What was wrong, if something was: then the CPU computed all that is reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<WrongReport>,
}

/// What a GPU computed wrongly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WrongReport {
    /// The kernel; several where none of them alone was off.
    pub kernels: Vec<String>,
    /// How far it was off, relative to the result's own measure; absent where its result was no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<f64>,
    /// What is allowed.
    pub limit: f64,
    pub found_in: FoundIn,
    /// The GPU's name.
    pub gpu: String,
}

/// When it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundIn {
    /// Before anything was computed.
    Start,
    /// On the small cases of a kernel that was needed for the first time.
    FirstUse,
    /// In a sample of the work.
    Work,
}

/// What the engine did since it started or since the last "clear".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Compute dispatches; 0 on the CPU.
    pub dispatches: u64,
    /// Bytes read from the dropped files.
    pub bytes_read: u64,
    /// Bytes written into GPU buffers; 0 on the CPU.
    pub bytes_uploaded: u64,
    /// Times that the CPU waited for a GPU buffer.
    pub readbacks: u64,
    /// Modules that the f64 fall-back computed, because f32 could not have kept the promised digits, and tiles of
    /// weights that left a GPU's range and were computed on the CPU.
    pub fallbacks: u64,
}

impl Counts {
    /// The sums of both.
    pub fn plus(self, other: Self) -> Self {
        Self {
            dispatches: self.dispatches + other.dispatches,
            bytes_read: self.bytes_read + other.bytes_read,
            bytes_uploaded: self.bytes_uploaded + other.bytes_uploaded,
            readbacks: self.readbacks + other.readbacks,
            fallbacks: self.fallbacks + other.fallbacks,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Path relative to what was dropped.
    pub name: String,
    pub bytes: u64,
}

/// One dropped adapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdapterReport {
    /// Its folder's name, or its file's.
    pub label: String,
    /// `PEFT LoRA`, …
    pub format: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_model: Option<String>,
    pub total_layers: u32,
    /// Where `total_layers` comes from, in words: see [`LayerSource`].
    pub total_layers_source: String,
    pub rank: RankRange,
    /// Numbers stored in the factors of the analysed modules.
    pub parameters: u64,
    /// Σ‖ΔW‖²_F over the modules, without copies.
    pub energy: f64,
    pub modules: Vec<ModuleReport>,
    pub not_analyzed: Vec<NotAnalyzed>,
    pub warnings: Vec<String>,
    /// The file's `__metadata__`, as it is: never markup.
    pub metadata: BTreeMap<String, String>,
    pub domains: DomainReport,
    /// What a shared link left out or rounded; absent where the figures were computed from the adapter's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// An adapter's report that came by a shared link: its figures are rounded, and not everything is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The version of the link's format.
    pub link: u8,
    /// The singular values are in it, rounded too; otherwise [`ModuleReport::unlisted`] says how many there are.
    pub spectra: bool,
    /// Tensors that were not analysed, which the link counts and does not list.
    pub not_analyzed: u32,
    /// Warnings, likewise.
    pub warnings: u32,
}

/// Smallest and largest rank of an adapter's modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankRange {
    pub min: u32,
    pub max: u32,
}

/// One module: its place in the model, its factors, and the measures of its ΔW.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModuleReport {
    /// Path in the model, as the base model names it.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// The tower it belongs to (`text_encoder`, `unet`, …); empty where there is only one.
    pub stack: String,
    /// The reference's word: `embed`, `attn`, `mlp`, `other`.
    pub kind: String,
    /// The reference's word: `early`, `mid`, `late`.
    pub depth: String,
    /// The finer word: `q`, `k`, `v`, `o`, `gate`, `up`, `down`, `embed`, `head`, …
    pub role: String,
    /// `[out, in]` of ΔW, as the base model stores the weight.
    pub shape: [u64; 2],
    /// Inner dimension of the stored factors; 0 for what has none.
    pub rank: u32,
    pub scale: f64,
    /// In words: see [`ScaleSource`](lorascope_format::adapter::ScaleSource).
    pub scale_source: String,
    /// Of the factors, by safetensors' names; `F32+F16` where they differ.
    pub dtype: String,
    /// `LoRA`, `LoHa`, `DoRA`, `full difference`, …
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub algorithm: String,
    /// What to know of how the update is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The modules of the file that hold the same weight and count in this one's place, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<String>,
    pub frobenius: f64,
    /// Descending; min(out, in, rank) of them, or the largest where `truncated`.
    pub singular_values: Vec<f64>,
    /// How many singular values there are where `singular_values` does not list them, as in a report that came by a
    /// link; the measures are of all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlisted: Option<u32>,
    /// Further singular values exist: `frobenius` and `stable_rank` count them, `effective_rank`, `numerical_rank` and
    /// `spectral_entropy` are lower bounds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// This module's part of the adapter's energy, 0 to 1; 0 of a copy.
    pub energy_share: f64,
    pub stable_rank: f64,
    pub effective_rank: f64,
    pub numerical_rank: u32,
    /// In nats.
    pub spectral_entropy: f64,
}

impl ModuleReport {
    /// The largest singular value: the first of the list, or ‖ΔW‖/√(stable rank) where none is listed.
    pub fn sigma_1(&self) -> f64 {
        match self.singular_values.first() {
            Some(first) => *first,
            None if self.stable_rank > 0.0 => self.frobenius / self.stable_rank.sqrt(),
            None => 0.0,
        }
    }

    /// How many singular values the measures count, listed or not.
    pub fn known_values(&self) -> usize {
        self.unlisted.map_or(self.singular_values.len(), |count| count as usize)
    }
}

/// Scores of a classification scheme: a heuristic about where energy sits, not a measurement of skill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainReport {
    pub scheme: String,
    /// Domain → score, in the scheme's order; they sum to 1 where there is evidence.
    pub scores: serde_json::Map<String, serde_json::Value>,
    pub tags: Vec<String>,
    /// A domain with at least this score is a tag; absent where the scheme gives no tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_threshold: Option<f64>,
    /// False where the adapter's energy is too small to say anything.
    pub evidence: bool,
    /// The scheme itself, where it is not built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Scheme>,
}

impl DomainReport {
    /// Which built-in scheme the scores are of, if it is one that this version knows.
    pub fn built_in(&self) -> Option<BuiltIn> {
        let is = |name| self.own.is_none() && self.scheme == name;
        is(LEGAL_EXAM).then_some(BuiltIn::LegalExam).or(is(BY_BLOCK).then_some(BuiltIn::ByBlock))
    }

    /// Whether its own scheme, if it has one, can be used and is that of its scores.
    ///
    /// # Errors
    /// What is wrong, as part of a sentence.
    pub fn check(&self) -> Result<(), String> {
        let Some(own) = &self.own else { return Ok(()) };
        file::check(own)?;
        let keys = own.domains.iter().map(|domain| &domain.key);
        let is_its = own.name == self.scheme && own.tag_threshold == self.tag_threshold && keys.eq(self.scores.keys());
        if is_its { Ok(()) } else { Err("it is not that of the scores beside it".to_owned()) }
    }
}

/// Fills in every module's `energy_share`, by energies relative to the largest norm, so that tiny adapters keep their shares and huge ones stay finite.
#[inline(never)]
pub fn share_energy(modules: &mut [ModuleReport]) {
    let counts = |m: &&ModuleReport| m.copy_of.is_none();
    let largest = modules.iter().filter(counts).map(|m| m.frobenius).fold(0.0, f64::max);
    if largest == 0.0 {
        return;
    }
    let relative = |m: &ModuleReport| (m.frobenius / largest).powi(2);
    let total: f64 = modules.iter().filter(counts).map(relative).sum();
    for module in modules.iter_mut().filter(|m| m.copy_of.is_none()) {
        module.energy_share = relative(module) / total;
    }
}
