//! Jobs: what the page can ask the engine to compute, and the results that come back.
//!
//! Every job goes the same way, under the [`JobId`](crate::JobId) of its question: [`ToEngine::Ask`](crate::ToEngine::Ask),
//! perhaps [`ToPage::Progress`](crate::ToPage::Progress), then one [`ToPage::Result`](crate::ToPage::Result) with a [`Head`]
//! and as many [`Piece`]s as it announces, or [`ToPage::Refused`](crate::ToPage::Refused); what the engine keeps goes with
//! [`ToPage::Gone`](crate::ToPage::Gone). A new kind of job is a variant of [`Question`], of [`Head`] and of [`Piece`].

use serde::{Deserialize, Serialize};

use crate::ItemId;
use crate::projection::{OutputType, PlanHead, PlanRow, Request};
use crate::report::saved::NEEDS_ITS_FILE;
use crate::report::scheme::Chosen;
use crate::report::{
    AdapterReport, AlignedModule, AlignmentReport, Along, ComparedModule, ExtractedModule, ExtractionReport,
    ModuleReport, NotAnalyzed, OverlapGrid, PairFigures, ProjectedModule, ProjectionReport,
};

/// What the page asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Question {
    /// What a projection would be, without computing it.
    Plan { item: ItemId, request: Box<Request> },
    /// A projection. It replaces the last one.
    Project { item: ItemId, request: Box<Request> },
    /// Every adapter beside the updates between these items, in this order. What was aligned along the same kind of items
    /// before is replaced, what is still asked for is not computed again. Drops align by themselves; it has no result of
    /// its own, as alignments follow from what is held.
    Align { along: Along, order: Vec<ItemId> },
    /// A LoRA out of two checkpoints. It replaces the last one.
    Extract(ExtractRequest),
    /// Every adapter that is held beside every other, from its factors. It replaces the last one.
    Compare,
    /// The modules of one pair of the last comparison.
    Pair { a: ItemId, b: ItemId },
    /// φ(i, j) of one module of a pair, by `a`'s name.
    Overlap { a: ItemId, b: ItemId, name: String },
}

impl Question {
    /// It is answered on the side: the page does not wait for a [`ToPage::Finished`](crate::ToPage::Finished).
    pub fn is_aside(&self) -> bool {
        matches!(self, Self::Plan { .. } | Self::Pair { .. } | Self::Overlap { .. })
    }
}

/// Which LoRA to take out of which checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtractRequest {
    pub from: ItemId,
    pub to: ItemId,
    pub rank: ExtractRank,
    pub dtype: OutputType,
    /// Embeddings and the head too: large, and seldom what changed.
    pub embeddings: bool,
}

/// The rank of each extracted module.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum ExtractRank {
    /// The same for all, at most min(out, in).
    Number(u32),
    /// The smallest with this share of ‖X‖² (above 0, at most 1), at most `most`.
    Energy { share: f64, most: u32 },
}

/// A file to download.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Export {
    /// The report as JSON, its domains scored so.
    Report { scheme: Chosen },
    /// The modules of one adapter as CSV.
    Table { item: ItemId },
    /// A file of what a job wrote.
    Written { job: crate::JobId, file: ExportFile },
}

/// What can be downloaded of a written adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportFile {
    /// `adapter_model.safetensors`
    Adapter,
    /// `adapter_config.json`
    Config,
    /// Both in one zip.
    Zip,
}

/// Why a job has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// No projection, whatever is asked for: what is written has PEFT's LoRA form, and the adapter is of this format.
    #[error(
        "Projection writes adapters as PEFT writes LoRA, so it needs one in that form; this is {0}. Its profile and its \
         alignment are here all the same."
    )]
    NotOfPeft(String),
    /// No projection, whatever is asked for: only the adapter's report is here.
    #[error("{NEEDS_ITS_FILE}")]
    NeedsItsFile,
    /// Of what is asked for, as a sentence.
    #[error("{0}")]
    Words(String),
}

/// What a result is, without its lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Head {
    /// An adapter's analysis, which nobody has to ask for. A second one replaces the first.
    Adapter {
        item: ItemId,
        report: Box<AdapterReport>,
    },
    /// All alignments of one adapter along one series; they replace the ones before, and may be none.
    Alignments {
        item: ItemId,
        along: Along,
    },
    Plan(Box<PlanHead>),
    Projection {
        item: ItemId,
        report: Box<ProjectionReport>,
    },
    Extraction(Box<ExtractionReport>),
    /// `items` in the order of its pairs; `left_out` are adapters without tensors at hand, and why.
    Comparison {
        items: Vec<ItemId>,
        left_out: Vec<NotAnalyzed>,
    },
    Pair,
    Overlap(Box<OverlapGrid>),
}

/// The next entries of a result's lists, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Piece {
    Adapter(AdapterPiece),
    /// One alignment, in the series' order; its modules follow. `whole_run` is the update from the first to the last
    /// state, behind the steps where there are more than two states.
    Alignment {
        whole_run: bool,
        report: Box<AlignmentReport>,
    },
    /// Modules of the alignment that came last.
    Aligned(Vec<AlignedModule>),
    Plan(Vec<PlanRow>),
    Projected(Vec<ProjectedModule>),
    Extracted(Vec<ExtractedModule>),
    /// a < b by their places in the comparison's `items`, by a and then by b.
    Compared(Vec<PairFigures>),
    Pair(PairPiece),
}

/// What travels as one JSON text: its numbers and names one by one would take several times as long to cross from
/// wasm to JavaScript and back.
mod as_json {
    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&serde_json::to_string(value).map_err(S::Error::custom)?)
    }

    pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        serde_json::from_str(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A part of an adapter's report: the next entries of one of its lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AdapterPiece {
    Modules(#[serde(with = "as_json")] Vec<ModuleReport>),
    NotAnalyzed(Vec<NotAnalyzed>),
    Warnings(Vec<String>),
    /// Keys and texts. A key that comes again goes on where its text stopped.
    Metadata(Vec<(String, String)>),
}

/// The next entries of one list of a compared pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PairPiece {
    Modules(Vec<ComparedModule>),
    OnlyA(Vec<String>),
    OnlyB(Vec<String>),
    NotCompared(Vec<NotAnalyzed>),
}
