//! The messages between the page and the engine worker.
//!
//! Each travels as `{ job, msg, parts }`: `job` is the number of the page's message, and of every message that the engine
//! sends while it serves that one; `msg` is one of these enums through serde-wasm-bindgen; `parts` an array of browser
//! objects that pass by reference beside it (`File`s going in, `Blob`s coming out). No tensor byte ever goes to the page,
//! and no message to the page holds more than [`MODULES_PER_MESSAGE`] modules or, of an adapter, much more than
//! [`PIECE_BYTES`], so that reading one never blocks the main thread for long; only [`ToPage::Report`], for pages that
//! want it whole, is of any size.

use serde::{Deserialize, Serialize};

use crate::items::{Item, ItemId, Stage};
use crate::jobs::{Export, Head, Piece, Question, Refusal};
use crate::report::scheme::Scheme;
use crate::report::{Along, EngineReport, Outline, Report};

/// Modules in one message, at most.
pub const MODULES_PER_MESSAGE: usize = 200;

/// Bytes in one [`AdapterPiece`], by a rough count: more only where one single entry has more.
pub const PIECE_BYTES: usize = 128 * 1024;

/// A message of the page to the engine, and whatever it gives rise to. They grow, and none comes twice on a page.
pub type JobId = u32;

/// What the address asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendChoice {
    /// WebGPU if a hardware adapter exists, otherwise the CPU.
    Auto,
    WebGpu,
    Cpu,
}

/// From the page to the engine. What is asked is a payload, `Q`: another kind of job is no other message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToEngine<Q = Question> {
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
    /// Bring back what the last [`ToEngine::Remove`] or [`ToEngine::Clear`] took, and the results that went with it.
    Undo,
    /// It will not be wanted back.
    Forget,
    /// Stop what is being computed; what was finished before stays.
    Cancel,
    /// Set by hand the scale of an adapter whose own is only assumed.
    SetScale { item: ItemId, scale: f64 },
    /// Compute something.
    Ask(Q),
    /// Ask for a file: answered by [`ToPage::Exported`], or by [`ToPage::Refused`].
    Export(Export),
    /// Ask for the report as a value: answered by [`ToPage::Report`].
    Report,
}

/// From the engine to the page. What comes back is a payload: a head `H`, and pieces `P`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToPage<H = Head, P = Piece> {
    /// The engine is up. Sent again, with new counts, in [`ToPage::Finished`].
    Started {
        engine: EngineReport,
    },
    /// The backend that the address asked for cannot be had: in words. Nothing will be analysed.
    NoBackend {
        text: String,
    },
    /// A drop has been accepted; the engine is reading headers.
    Loading,
    /// Files are on their way from an address; counted in bytes.
    Fetching(Progress),
    /// What an adapter's header says, before its tensors are read. It is of the item that the adapter will be.
    Outline {
        item: ItemId,
        outline: Box<Outline>,
    },
    /// Work under way. `done` and `total` count bytes.
    Progress(Progress),
    /// A thing is kept, or what is known of it has changed.
    Item(Item),
    /// A scheme for domain profiles was dropped; its item comes before it.
    Scheme {
        item: ItemId,
        scheme: Box<Scheme>,
    },
    /// An item is gone.
    Removed {
        item: ItemId,
    },
    /// The answer to [`ToEngine::Clear`]: nothing is held, and the counts are zero.
    Cleared {
        engine: EngineReport,
    },
    /// The states that there are to align with, in the order in which they are or would be used; sent whenever it
    /// changes. `unused` are those that the person left out.
    Series {
        along: Along,
        stages: Vec<Stage>,
        unused: Vec<Stage>,
    },
    /// The result of a job, or one that follows from what is held without a question (`job` is then absent). It comes as
    /// `pieces` messages of [`ToPage::Piece`], right behind this one.
    Result {
        job: Option<JobId>,
        head: H,
        pieces: usize,
    },
    Piece(P),
    /// What a job asked for is not there: why, or cancelled. The last result of its kind stays.
    Refused {
        job: JobId,
        why: Option<Refusal>,
    },
    /// The result of a job no longer fits what is held.
    Gone {
        job: JobId,
    },
    /// The end of a drop, of a removal, of a scale set by hand, of a job that was waited for.
    Finished {
        outcome: Outcome,
        engine: EngineReport,
        problems: Vec<Problem>,
    },
    /// Where the time of a job went, which [`ToPage::Finished`] is about to end.
    Spent(Spent),
    /// A file that was asked for: its `Blob` is `parts[0]`.
    Exported {
        file_name: String,
    },
    /// The whole report, of any size: only for pages that asked for it as one value.
    Report {
        report: Box<Report>,
    },
    /// The engine panicked and is gone; the page starts a new one.
    Panicked {
        text: String,
    },
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

/// Something that could not be used or done: about what, and in words which file and what to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// An `error` where nothing of the drop could be analysed, else a `warning`.
    pub error: bool,
    pub about: About,
    pub text: String,
}

impl Problem {
    pub fn warning(about: About, text: impl Into<String>) -> Self {
        Self { error: false, about, text: text.into() }
    }
}

/// What a problem is about, and with that how long it lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum About {
    /// A drop, or what was done since: until the next drop.
    Drop,
    /// An address that gave nothing, as it was given: the page offers to try it again.
    Address(String),
    /// Alignments: until they are asked for anew.
    Alignments,
}

/// Milliseconds in each part of a job. What runs at the same time counts for each: with several workers the sum is
/// more than the time that went by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent(pub Vec<(String, f64)>);
