//! The page's state: everything the engine has told it, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
use lorascope_protocol::{Item, ItemId, ItemKind, Outcome, Problem, ToPage};

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
    arriving: BTreeMap<ItemId, Arriving>,
    started_ms: Option<f64>,
    /// The next adapter that is complete comes into view: it is the first of a new drop.
    select_next: bool,
    /// "Clear" messages that the engine has not answered yet: until then it may still speak of what is gone.
    clearing: u32,
    /// Clears so far: what a drop that began before one still gathers is not wanted any more.
    pub clears: u64,
    /// Adapters whose scale was set by hand: their field stays, so that it can be corrected.
    scale_set: BTreeSet<ItemId>,
}

impl State {
    /// A drop goes to the engine: the problems of the one before are history.
    pub fn begin_drop(&mut self, now_ms: f64) {
        self.problems.clear();
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
        self.add_problem(Problem { error, text });
    }

    /// The engine died. Results stay in view; [`State::forget`] comes before the next engine starts.
    pub fn crashed(&mut self, report: String) {
        self.phase = Phase::Error;
        self.crash = Some(report);
        self.running = None;
        self.arriving.clear();
        self.remote.outlines.clear();
        self.clearing = 0;
        self.projection.crashed();
        self.alignment.crashed();
        self.extraction.run.ended();
        self.comparison.crashed();
    }

    /// Starts over. What the address asks for stays known.
    pub fn forget(&mut self) {
        let phase = if self.no_backend.is_some() { Phase::Error } else { Phase::Idle };
        self.schemes.lost_all();
        *self = State {
            phase,
            clearing: self.clearing,
            schemes: std::mem::take(&mut self.schemes),
            engine: self.engine.take(),
            no_backend: self.no_backend.take(),
            address_warning: self.address_warning.take(),
            ..State::default()
        };
    }

    /// Starts over, and lets nothing that the engine has already said of the past back in.
    pub fn clear(&mut self) {
        self.forget();
        self.clears += 1;
        self.clearing += 1;
    }

    pub fn remove(&mut self, item: ItemId) {
        self.items.retain(|i| i.item != item);
        self.adapters.remove(&item);
        self.arriving.remove(&item);
        self.projection.lost(item);
        self.alignment.lost(item);
        self.extraction.lost(item);
        self.comparison.lost(item);
        self.schemes.lost(item);
        if self.selected == Some(item) {
            self.selected = self.adapters.keys().next().copied();
        }
    }

    /// Takes a message from the engine.
    pub fn receive(&mut self, message: ToPage, now_ms: f64) {
        if self.clearing > 0 {
            match message {
                ToPage::Cleared { engine } => {
                    self.clearing -= 1;
                    self.engine = Some(engine);
                    return;
                }
                ToPage::Started { .. } | ToPage::NoBackend { .. } | ToPage::Panicked { .. } => {}
                _ => return,
            }
        }
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
            ToPage::Outline(outline) => self.remote.announced(*outline),
            ToPage::NotLoaded { failed } => self.remote.failed = failed,
            ToPage::Progress(progress) => {
                self.phase = Phase::Analyzing;
                self.advance(progress, now_ms);
            }
            ToPage::Item(item) => self.keep(item),
            ToPage::Scheme { item, scheme } => self.schemes.dropped(item, *scheme),
            ToPage::Removed { item } => self.remove(item),
            ToPage::Adapter { item, pieces, report } => {
                self.arriving.insert(item, Arriving::new(item, pieces, *report));
                self.publish(item);
            }
            ToPage::AdapterPiece { item, piece } => {
                if let Some(arriving) = self.arriving.get_mut(&item) {
                    arriving.take(piece);
                }
                self.publish(item);
            }
            ToPage::Finished { outcome, engine, problems } => self.finish(outcome, engine, problems, now_ms),
            ToPage::Panicked { text } => self.crashed(text),
            // The page saves the file, or tells the browser; nothing that is shown changes.
            ToPage::Exported { .. } | ToPage::Report { .. } | ToPage::Spent(_) => {}
            ToPage::Planned { item, plan } => self.projection.planned(item, plan),
            ToPage::PlanRows { item, rows } => self.projection.plan_rows(item, rows),
            ToPage::Projected { item, modules, report } => self.projection.projected(item, modules, *report, now_ms),
            ToPage::ProjectedModules { modules } => self.projection.run.pieces(modules, now_ms),
            ToPage::NotProjected { text } => self.projection.run.refused(text),
            ToPage::ProjectionGone => self.projection.run.gone(),
            ToPage::Series { along, stages, unused } => self.alignment.states(along, stages, unused),
            ToPage::Alignments { item, along, count } => self.alignment.announced(item, along, count),
            ToPage::Alignment { item, modules, whole_run, report } => {
                self.alignment.arrived(item, modules, whole_run, *report);
            }
            ToPage::AlignmentProblems { texts } => self.alignment.say(texts),
            ToPage::AlignedModules { item, modules } => self.alignment.modules(item, modules),
            ToPage::Extracted { modules, report } => self.extraction.extracted(modules, *report, now_ms),
            ToPage::ExtractedModules { modules } => self.extraction.run.pieces(modules, now_ms),
            ToPage::NotExtracted { text } => self.extraction.run.refused(text),
            ToPage::ExtractionGone => self.extraction.run.gone(),
            ToPage::Compared { items, pairs, left_out } => self.comparison.compared(items, pairs, left_out),
            ToPage::ComparedPairs { pairs } => self.comparison.pairs(pairs),
            ToPage::NotCompared { text } => self.comparison.refused(text),
            ToPage::ComparisonGone => self.comparison.gone(),
            ToPage::PairModules { a, b, piece, more } => self.comparison.pair_modules((a, b), piece, more),
            ToPage::ModuleOverlap { a, b, name, overlap } => {
                self.comparison.module_overlap(((a, b), name), overlap.map(|grid| *grid));
            }
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
                if item.kind == ItemKind::ModelConfig && !self.adapters.is_empty() {
                    // Dropped onto a result, it can only be meant as its target.
                    self.projection.form.goal = Goal::Item(item.item);
                }
                self.items.push(item);
            }
        }
        self.projection.world_changed();
    }

    fn finish(&mut self, outcome: Outcome, engine: EngineReport, problems: Vec<Problem>, now_ms: f64) {
        self.engine = Some(engine);
        self.running = None;
        self.arriving.clear();
        self.remote.outlines.clear();
        self.projection.run.ended();
        self.alignment.ended();
        self.extraction.run.ended();
        self.comparison.ended();
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

    /// An adapter comes into view only when it is whole, so that nothing is derived from half of it.
    fn publish(&mut self, item: ItemId) {
        if !self.arriving.get(&item).is_some_and(Arriving::is_whole) {
            return;
        }
        let Some(arriving) = self.arriving.remove(&item) else { return };
        let adapter = arriving.into_adapter();
        self.remote.measured(&adapter.report.label);
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

    pub fn scale_was_set(&mut self, item: ItemId) {
        self.scale_set.insert(item);
    }

    /// Anything to clear away?
    pub fn holds_something(&self) -> bool {
        !self.items.is_empty() || !self.problems.is_empty() || self.crash.is_some() || !self.adapters.is_empty()
    }
}

#[cfg(test)]
#[path = "shown_tests.rs"]
mod tests;
