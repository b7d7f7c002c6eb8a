//! The messages between the page and the engine worker.
//!
//! Each travels as `{ msg, parts }`: `msg` is one of these enums through serde-wasm-bindgen, `parts` an array of
//! browser objects that pass by reference beside it (`File`s going in, `Blob`s coming out). No tensor byte ever
//! goes to the page, and no message to the page holds more than [`MODULES_PER_MESSAGE`] modules or, of an adapter,
//! much more than [`PIECE_BYTES`], so that reading one never blocks the main thread for long; only
//! [`ToPage::Report`], for pages that want it whole, is of any size.

use serde::{Deserialize, Serialize};

use crate::items::{Item, ItemId, Stage};
use crate::projection::{OutputType, PlanHead, PlanRow, Refusal, Request};
use crate::report::scheme::{Chosen, Scheme};
use crate::report::{
    AdapterReport, AlignedModule, AlignmentReport, Along, ComparedModule, EngineReport, ExtractedModule,
    ExtractionReport, ModuleReport, NotAnalyzed, Outline, OverlapGrid, PairFigures, ProjectedModule, ProjectionReport,
    Report,
};

/// Modules in one message, at most.
pub const MODULES_PER_MESSAGE: usize = 200;

/// Bytes in one [`AdapterPiece`], by a rough count: more only where one single entry has more.
pub const PIECE_BYTES: usize = 128 * 1024;

/// What the address asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendChoice {
    /// WebGPU if a hardware adapter exists, otherwise the CPU.
    Auto,
    WebGpu,
    Cpu,
}

/// From the page to the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToEngine {
    /// Always the first: find the backend.
    Start { backend: BackendChoice },
    /// One drop. `paths[i]` is the relative path of the `File` at `parts[i]`.
    Load { paths: Vec<String> },
    /// Adapters by address: each an https address or a Hugging Face name, as the person wrote it. They are loaded
    /// together, as one drop. Only the entry page that may connect sends this.
    LoadAddresses { addresses: Vec<String> },
    /// Show the adapters of a report that came by a link: its figures, without the tensors they were made of.
    Recall { report: Box<Report> },
    /// Forget one item.
    Remove { item: ItemId },
    /// Forget everything, cancelling what runs.
    Clear,
    /// Stop the drop that is being analysed; what was finished before stays.
    Cancel,
    /// Set by hand the scale of an adapter whose own is only assumed.
    SetScale { item: ItemId, scale: f64 },
    /// Ask for the report as JSON, its domains scored so.
    ExportJson { scheme: Chosen },
    /// Ask for the modules of one adapter as CSV.
    ExportCsv { item: ItemId },
    /// Ask for the report as a value: answered by [`ToPage::Report`].
    Report,
    /// Ask what a projection would do, without computing it: answered by one [`ToPage::Planned`].
    Plan { item: ItemId, request: Box<Request> },
    /// Compute a projection. It ends with [`ToPage::Projected`] or with [`ToPage::NotProjected`], and in either case
    /// with [`ToPage::Finished`]. It replaces the last one.
    Project { item: ItemId, request: Box<Request> },
    /// Ask for a file of the last projection.
    ExportProjection { file: ExportFile },
    /// Align every adapter with the updates between these items, in this order; what was aligned along the same kind
    /// of items before is replaced, what is still asked for is not computed again. Drops align by themselves.
    Align { along: Along, order: Vec<ItemId> },
    /// Take a LoRA out of two checkpoints. It ends with [`ToPage::Extracted`] or [`ToPage::NotExtracted`], and in
    /// either case with [`ToPage::Finished`]. It replaces the last one.
    Extract { request: ExtractRequest },
    /// Ask for a file of the last extraction.
    ExportExtraction { file: ExportFile },
    /// Compare every adapter that is held with every other, from its factors. It ends with [`ToPage::Compared`] or
    /// [`ToPage::NotCompared`], and in either case with [`ToPage::Finished`]. It replaces the last one.
    Compare,
    /// Ask for the modules of one pair of the last comparison: answered by [`ToPage::PairModules`].
    ComparePair { a: ItemId, b: ItemId },
    /// Ask for φ(i, j) of one module of a pair, by `a`'s name: answered by one [`ToPage::ModuleOverlap`].
    CompareModule { a: ItemId, b: ItemId, name: String },
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

/// From the engine to the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToPage {
    /// The engine is up. Sent again, with new counts, in [`ToPage::Finished`].
    Started { engine: EngineReport },
    /// The backend that the address asked for cannot be had: in words. Nothing will be analysed.
    NoBackend { text: String },
    /// A drop has been accepted; the engine is reading headers.
    Loading,
    /// Files are on their way from an address; counted in bytes.
    Fetching(Progress),
    /// What an adapter's header says, before its tensors are read.
    Outline(Box<Outline>),
    /// Addresses of this load that gave nothing: the page offers to try them again. Their sentences come once more
    /// among the problems of [`ToPage::Finished`].
    NotLoaded { failed: Vec<FailedAddress> },
    /// Work under way. `done` and `total` count `unit`s.
    Progress(Progress),
    /// A thing is kept, or what is known of it has changed.
    Item(Item),
    /// A scheme for domain profiles was dropped; its item comes before it.
    Scheme { item: ItemId, scheme: Box<Scheme> },
    /// An item is gone.
    Removed { item: ItemId },
    /// An adapter's analysis, whose lists follow in `pieces` messages of [`ToPage::AdapterPiece`]. A second one
    /// replaces the first.
    Adapter { item: ItemId, pieces: usize, report: Box<AdapterReport> },
    /// The next piece of that adapter, in order.
    AdapterPiece { item: ItemId, piece: AdapterPiece },
    /// The answer to [`ToEngine::Clear`], one to one: nothing is held, and the counts are zero.
    Cleared { engine: EngineReport },
    /// The end of a drop, of a cancel, of a removal or of a scale set by hand.
    Finished { outcome: Outcome, engine: EngineReport, problems: Vec<Problem> },
    /// Where the time of a job went, which [`ToPage::Finished`] is about to end.
    Spent(Spent),
    /// What [`ToEngine::Plan`] asked for, its rows following in [`ToPage::PlanRows`]; or why it cannot be done.
    Planned { item: ItemId, plan: Result<Box<PlanHead>, Refusal> },
    /// The next rows of the plan, in order.
    PlanRows { item: ItemId, rows: Vec<PlanRow> },
    /// A projection is there, its modules following in [`ToPage::ProjectedModules`]. It replaces the last one.
    Projected { item: ItemId, modules: usize, report: Box<ProjectionReport> },
    /// The next modules of the projection, in order.
    ProjectedModules { modules: Vec<ProjectedModule> },
    /// A projection that was asked for is not there: in words, or cancelled. The last one stays.
    NotProjected { text: Option<String> },
    /// The last projection no longer fits its adapter, whose scale, configuration or self is gone.
    ProjectionGone,
    /// The states that there are to align with, in the order in which they are or would be used; sent whenever it
    /// changes. `unused` are those that the person left out.
    Series { along: Along, stages: Vec<Stage>, unused: Vec<Stage> },
    /// All alignments of one adapter along one series follow, `count` [`ToPage::Alignment`]s; they replace the ones
    /// before. Sent with `count` 0 when they are gone.
    Alignments { item: ItemId, along: Along, count: usize },
    /// One of them, in the series' order; its modules follow in [`ToPage::AlignedModules`]. `whole_run` is the update
    /// from the first to the last state, behind the steps where there are more than two states.
    Alignment { item: ItemId, modules: usize, whole_run: bool, report: Box<AlignmentReport> },
    /// The next modules of the alignment that came last.
    AlignedModules { item: ItemId, modules: Vec<AlignedModule> },
    /// Which of the problems of the next [`ToPage::Finished`] are about alignments: the next [`ToEngine::Align`] makes
    /// them history, and leaves those of the drop.
    AlignmentProblems { texts: Vec<String> },
    /// An extraction is there, its modules following in [`ToPage::ExtractedModules`]. It replaces the last one.
    Extracted { modules: usize, report: Box<ExtractionReport> },
    /// The next modules of the extraction, in order.
    ExtractedModules { modules: Vec<ExtractedModule> },
    /// An extraction that was asked for is not there: in words, or cancelled. The last one stays.
    NotExtracted { text: Option<String> },
    /// The last extraction's checkpoints are gone, and it with them.
    ExtractionGone,
    /// A comparison is there: `items` in its order, the figures of its pairs following in [`ToPage::ComparedPairs`].
    /// It replaces the last one. `left_out` are adapters without tensors at hand, and why.
    Compared { items: Vec<ItemId>, pairs: usize, left_out: Vec<NotAnalyzed> },
    /// The next pairs of the comparison, in order: a < b by their places in `items`, by a and then by b.
    ComparedPairs { pairs: Vec<PairFigures> },
    /// A comparison that was asked for is not there: in words, or cancelled. The last one stays.
    NotCompared { text: Option<String> },
    /// The last comparison no longer fits the adapters that are held.
    ComparisonGone,
    /// The next entries of the lists of one pair; the last message of a pair has `more` false.
    PairModules { a: ItemId, b: ItemId, piece: PairPiece, more: bool },
    /// φ(i, j) of one module, or why there is none.
    ModuleOverlap { a: ItemId, b: ItemId, name: String, overlap: Result<Box<OverlapGrid>, String> },
    /// A file that was asked for: its `Blob` is `parts[0]`.
    Exported { file_name: String },
    /// The whole report, of any size: only for pages that asked for it as one value.
    Report { report: Box<Report> },
    /// The engine panicked and is gone; the page starts a new one.
    Panicked { text: String },
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

/// How a drop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Nothing is held.
    Idle,
    /// There are results to show.
    Done,
    /// Nothing of the drop could be analysed; results of earlier drops stay.
    Error,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done, for a person: "Analysing statute-tutor, 120 of 224 modules".
    pub text: String,
    /// Bytes of tensors done, and in all.
    pub done: u64,
    pub total: u64,
}

/// Something of a drop that could not be used: what, which file, what to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// An `error` where nothing of the drop could be analysed, else a `warning`.
    pub error: bool,
    pub text: String,
}

/// An address that could not be loaded, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAddress {
    /// As it was given.
    pub address: String,
    pub text: String,
}

/// Milliseconds in each part of a job. What runs at the same time counts for each: with several workers the sum is
/// more than the time that went by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent(pub Vec<(String, f64)>);
