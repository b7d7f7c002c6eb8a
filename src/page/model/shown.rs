//! The page's state: everything the engine has told it, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

mod removed;

pub use self::removed::Removed;
use super::alignment::Alignment;
pub use super::arriving::Adapter;
use super::arriving::Arriving;
use super::comparison::Comparison;
use super::extraction::Extraction;
use super::progress::Running;
use super::projection::Projection;
use super::projection::form::Goal;
use super::remote::Remote;
use super::schemes::Schemes;
use lorascope_protocol::report::EngineReport;
use lorascope_protocol::{About, Head, Item, ItemId, ItemKind, JobId, Outcome, Problem, Refusal, ToPage};

/// What the page is doing; the words of `data-state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Idle,
    Loading,
    Analyzing,
    Done,
    Error,
}

impl Phase {
    pub fn word(self) -> &'static str {
        match self {
            Phase::Idle => "idle",
            Phase::Loading => "loading",
            Phase::Analyzing => "analyzing",
            Phase::Done => "done",
            Phase::Error => "error",
        }
    }

    pub fn is_busy(self) -> bool {
        matches!(self, Phase::Loading | Phase::Analyzing)
    }
}

/// What fills the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// What this is, and where to drop.
    #[default]
    First,
    /// Checkpoints are here, and no adapter: a LoRA can be taken out of them.
    Checkpoints,
    /// An adapter is in view.
    Result,
}

impl Screen {
    pub fn of(state: &State, before: Option<Screen>) -> Screen {
        if state.selected().is_some() {
            Screen::Result
        } else if state.only_extracts() && (!state.phase.is_busy() || before == Some(Screen::Checkpoints)) {
            // Not in the middle of a drop: the adapter may come behind the checkpoints.
            Screen::Checkpoints
        } else {
            Screen::First
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct State {
    pub phase: Phase,
    pub engine: Option<EngineReport>,
    /// The engine that the address asks for cannot be had, in words.
    pub no_backend: Option<String>,
    /// The engine is gone, and its last words.
    pub crash: Option<String>,
    pub running: Option<Running>,
    pub items: Vec<Item>,
    pub adapters: BTreeMap<ItemId, Arc<Adapter>>,
    pub selected: Option<ItemId>,
    pub problems: Vec<Problem>,
    /// Adapters whose headers are read and whose analysis is not there yet, and addresses that gave nothing.
    pub remote: Remote,
    /// What the address asks for and we do not know.
    pub address_warning: Option<String>,
    /// Seconds that the last drop took.
    pub seconds: Option<f64>,
    pub projection: Projection,
    pub alignment: Alignment,
    pub extraction: Extraction,
    pub comparison: Comparison,
    pub schemes: Schemes,
    /// What the last removal took, for as long as it can be brought back.
    pub removed: Option<Removed>,
    /// What was taken is coming back: this adapter was in view.
    undoing: Option<Option<ItemId>>,
    /// The message whose end the page waits for; what ends before it is of something else.
    awaited: JobId,
    /// Exports under way: what each is a file of.
    exports: BTreeMap<JobId, JobId>,
    /// Jobs of whose files one was saved.
    saved: BTreeSet<JobId>,
    /// The job that the page waits for, in words.
    doing: Option<&'static str>,
    arriving: Option<Arriving>,
    started_ms: Option<f64>,
    /// The next adapter that is complete comes into view: it is the first of a new drop.
    select_next: bool,
    /// The job that cleared everything: what earlier ones still say or gather is not wanted any more.
    cleared: JobId,
    /// Adapters whose scale was set by hand: their field stays, so that it can be corrected.
    scale_set: BTreeSet<ItemId>,
}

impl State {
    /// A drop goes to the engine: the problems of the one before are history.
    pub fn begin_drop(&mut self, now_ms: f64) {
        self.problems.clear();
        self.removed = None;
        self.remote = Remote::default();
        self.phase = Phase::Loading;
        self.running = None;
        self.started_ms = Some(now_ms);
        self.seconds = None;
        self.select_next = true;
    }

    /// A problem that the page itself found: nothing in the drop, a folder that could not be read.
    pub fn page_problem(&mut self, error: bool, text: String) {
        if error {
            self.phase = Phase::Error;
        }
        self.add_problem(Problem { error, about: About::Drop, text });
    }

    /// The engine died. Results stay in view; [`State::forget`] comes before the next engine starts.
    pub fn crashed(&mut self, report: String) {
        self.phase = Phase::Error;
        self.crash = Some(report);
        self.running = None;
        self.removed = None;
        self.projection.crashed();
        self.comparison.crashed();
        self.ended();
    }

    /// The engine has ended what it was doing, or is gone: what has not come will not come.
    fn ended(&mut self) {
        (self.arriving, self.doing) = (None, None);
        self.remote.outlines.clear();
        self.projection.run.ended();
        self.extraction.run.ended();
        self.comparison.run.ended();
    }

    /// A job goes to the engine, and the page waits for it.
    pub(super) fn begin_job(&mut self, doing: &'static str) {
        (self.phase, self.running, self.doing) = (Phase::Analyzing, None, Some(doing));
    }

    /// What the engine is at, where it has not said so itself.
    pub fn doing(&self) -> &'static str {
        self.doing.unwrap_or("Analysing")
    }

    /// Starts over. What the address asks for stays known.
    pub fn forget(&mut self) {
        let phase = if self.no_backend.is_some() { Phase::Error } else { Phase::Idle };
        self.schemes.lost_all();
        *self = State {
            phase,
            cleared: self.cleared,
            awaited: self.awaited,
            schemes: std::mem::take(&mut self.schemes),
            engine: self.engine.take(),
            no_backend: self.no_backend.take(),
            address_warning: self.address_warning.take(),
            ..State::default()
        };
    }

    /// Whether what comes of this job is still wanted.
    pub fn is_wanted(&self, job: JobId) -> bool {
        job >= self.cleared
    }

    /// The end of this message, and of none before it, is what the page waits for.
    pub fn awaits(&mut self, job: JobId) {
        self.awaited = job;
    }

    pub fn remove(&mut self, item: ItemId) {
        self.items.retain(|i| i.item != item);
        self.adapters.remove(&item);
        self.projection.lost(item);
        self.alignment.lost(item);
        self.extraction.form.lost(item);
        self.comparison.world_changed();
        self.schemes.lost(item);
        if self.selected == Some(item) {
            self.selected = self.adapters.keys().next().copied();
        }
        if self.crash.is_some() {
            // No engine is left to say which results it was part of.
            (self.projection.run, self.extraction.run, self.comparison) = Default::default();
        }
    }

    /// Takes a message from the engine, of which job it is.
    pub fn hear(&mut self, job: JobId, message: ToPage, now_ms: f64) {
        match message {
            // Something else has been asked for since, and is still to come.
            ToPage::Finished { engine, problems, .. } if job < self.awaited => {
                self.engine = Some(engine);
                problems.into_iter().for_each(|problem| self.add_problem(problem));
            }
            ToPage::Exported { .. } => {
                if let Some(written) = self.exports.remove(&job) {
                    self.saved.insert(written);
                }
            }
            message => self.receive(message, now_ms),
        }
    }

    /// Takes a message of what the page waits for.
    pub(super) fn receive(&mut self, message: ToPage, now_ms: f64) {
        match message {
            ToPage::Started { engine } | ToPage::Cleared { engine } => self.engine = Some(engine),
            ToPage::NoBackend { text } => {
                self.no_backend = Some(text);
                self.phase = Phase::Error;
            }
            ToPage::Loading => (self.phase, self.running) = (Phase::Loading, None),
            ToPage::Fetching(progress) => {
                self.phase = Phase::Loading;
                self.advance(progress, now_ms);
            }
            ToPage::Outline { item, outline } => self.remote.announced(item, *outline),
            ToPage::Progress(progress) => {
                self.phase = Phase::Analyzing;
                self.advance(progress, now_ms);
            }
            ToPage::Item(item) => self.keep(item),
            // One that comes back is known already, as it was edited since.
            ToPage::Scheme { .. } if self.undoing.is_some() => {}
            ToPage::Scheme { item, scheme } => self.schemes.dropped(item, *scheme),
            ToPage::Removed { item } => self.remove(item),
            ToPage::Series { along, stages, unused } => self.alignment.states(along, stages, unused),
            ToPage::Result { job, head, pieces } => {
                self.arriving = Some(Arriving { job, head, pieces: Vec::new(), expected: pieces });
                self.publish(now_ms);
            }
            ToPage::Piece(piece) => {
                if let Some(arriving) = &mut self.arriving {
                    arriving.pieces.push(piece);
                }
                self.publish(now_ms);
            }
            ToPage::Refused { job, why } => self.refused(job, why),
            ToPage::Gone { job } => {
                self.projection.run.gone(job);
                self.extraction.run.gone(job);
                self.comparison.gone(job);
            }
            ToPage::Finished { outcome, engine, problems } => self.finish(outcome, engine, problems, now_ms),
            ToPage::Panicked { text } => self.crashed(text),
            // The page saves the file, or tells the browser; nothing that is shown changes.
            ToPage::Exported { .. } | ToPage::Report { .. } | ToPage::Spent(_) => {}
        }
    }

    /// A result comes into view only when it is whole, so that nothing is derived from half of it.
    fn publish(&mut self, now_ms: f64) {
        let Some(Arriving { job, head, pieces, .. }) = self.arriving.take_if(|arriving| arriving.is_whole()) else {
            return;
        };
        match head {
            Head::Adapter { item, report } => self.show(Adapter::new(item, *report, pieces)),
            Head::Alignments { item, along } => self.alignment.arrived(item, along, pieces),
            Head::Plan(head) => self.projection.planned(job, *head, pieces),
            Head::Projection { item, report } => self.projection.projected(job, item, *report, pieces, now_ms),
            Head::Extraction(report) => self.extraction.extracted(job, *report, pieces, now_ms),
            Head::Comparison { items, left_out } => self.comparison.compared(job, items, left_out, pieces, now_ms),
            Head::Pair => self.comparison.pair_arrived(job, pieces),
            Head::Overlap(grid) => self.comparison.overlap_arrived(job, Ok(*grid)),
        }
    }

    /// What a job asked for is not there; `None` is a cancel.
    fn refused(&mut self, job: JobId, why: Option<Refusal>) {
        let text = why.as_ref().map(Refusal::to_string);
        let words = text.as_deref();
        let is_known = self.projection.run.refused(job, words)
            || self.projection.plan_refused(job, why)
            || self.extraction.run.refused(job, words)
            || self.comparison.run.refused(job, words)
            || self.comparison.aside_refused(job, words);
        if let (false, Some(text)) = (is_known, text) {
            self.page_problem(false, text);
        }
    }

    fn advance(&mut self, progress: lorascope_protocol::Progress, now_ms: f64) {
        match &mut self.running {
            Some(running) => running.advance(progress, now_ms),
            None => self.running = Some(Running::new(progress, now_ms)),
        }
    }

    fn keep(&mut self, item: Item) {
        match self.items.iter_mut().find(|i| i.item == item.item) {
            Some(known) => *known = item,
            None => {
                if item.kind == ItemKind::ModelConfig && !self.adapters.is_empty() && self.undoing.is_none() {
                    // Dropped onto a result, it can only be meant as its target.
                    self.projection.form.goal = Goal::Item(item.item);
                }
                // What was removed comes back to its place.
                let at = self.items.partition_point(|known| known.item < item.item);
                self.items.insert(at, item);
            }
        }
        self.projection.world_changed();
    }

    fn finish(&mut self, outcome: Outcome, engine: EngineReport, problems: Vec<Problem>, now_ms: f64) {
        self.engine = Some(engine);
        self.running = None;
        self.ended();
        if outcome == Outcome::Idle {
            self.items.clear();
            self.adapters.clear();
            self.selected = None;
            self.projection = Projection::default();
            self.alignment = Alignment::default();
            self.extraction = Extraction::default();
            self.comparison = Comparison::default();
            self.schemes.lost_all();
        }
        self.select_next = false;
        if let Some(Some(item)) = self.undoing.take()
            && self.adapters.contains_key(&item)
        {
            self.selected = Some(item);
        }
        self.seconds = self.started_ms.take().map(|start| (now_ms - start) / 1000.0).or(self.seconds);
        for problem in problems {
            self.add_problem(problem);
        }
        self.phase = match outcome {
            Outcome::Idle => Phase::Idle,
            Outcome::Done => Phase::Done,
            Outcome::Error => Phase::Error,
        };
    }

    fn add_problem(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn show(&mut self, adapter: Adapter) {
        let item = adapter.item;
        self.remote.measured(item);
        self.schemes.came_with(&adapter.report.domains);
        let is_new = self.adapters.insert(item, Arc::new(adapter)).is_none();
        self.projection.world_changed();
        self.comparison.world_changed();
        // One that is sent again, because its base came, is not what was dropped.
        if (self.select_next && is_new) || self.selected.is_none() {
            self.selected = Some(item);
            self.select_next = false;
        }
    }

    pub fn selected(&self) -> Option<Arc<Adapter>> {
        self.selected.and_then(|item| self.adapters.get(&item)).cloned()
    }

    /// Only the report of the adapter in view is here, without its tensors.
    pub fn is_recalled(&self) -> bool {
        self.items.iter().any(|i| self.selected == Some(i.item) && i.kind == ItemKind::Report)
    }

    /// Is the adapter's scale only assumed?
    pub fn scale_assumed(&self, item: ItemId) -> bool {
        self.items.iter().any(|i| i.item == item && i.scale_assumed)
    }

    /// May the adapter's scale be set by hand: it is assumed, or was set so before.
    pub fn scale_open(&self, item: ItemId) -> bool {
        self.scale_assumed(item) || self.scale_set.contains(&item)
    }

    pub fn scale_was_set(&mut self, job: JobId, item: ItemId) {
        self.removed = None;
        self.begin_job("Analysing");
        self.awaits(job);
        self.scale_set.insert(item);
    }

    /// An export of what a job wrote goes to the engine.
    pub fn begin_export(&mut self, export: JobId, job: JobId) {
        self.exports.insert(export, job);
    }

    /// Leaving the page now would lose work: a job runs, or what one wrote was never saved.
    pub fn would_lose(&self) -> bool {
        let projected = self.projection.run.result.as_ref().and_then(|result| result.job);
        let extracted = self.extraction.run.result.as_ref().and_then(|result| result.job);
        let is_unsaved = projected.into_iter().chain(extracted).any(|job| !self.saved.contains(&job));
        self.crash.is_none() && (self.phase.is_busy() || is_unsaved)
    }

    /// Anything to clear away?
    pub fn holds_something(&self) -> bool {
        !self.items.is_empty() || !self.problems.is_empty() || self.crash.is_some() || !self.adapters.is_empty()
    }
}

#[cfg(test)]
#[path = "shown_tests.rs"]
mod tests;
