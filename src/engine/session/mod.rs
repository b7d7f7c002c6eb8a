//! One engine's session: drops come in, the data goes its way, messages for the page come out.
//!
//! Nothing here knows a browser: the worker (`worker/main.rs`) and the native tests run the same session.

use std::cell::Cell;
use std::rc::Rc;

mod align;
mod analyse;
mod compare;
mod compute;
mod drop;
mod extract;
mod factors;
mod holdings;
mod project;
mod send;
mod tiles;
mod written;

pub use compute::backend::{Backend, Chosen};
pub use compute::crew;
pub use written::Download;

use self::analyse::Stopped;
use self::holdings::item::{Held, What};
use self::project::result::Projected;
use lorascope_format::adapter::scale;
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_format::path::file_stem;
use lorascope_kernels::Pulse;
use lorascope_kernels::gpu::Mishaps;
use lorascope_kernels::plan::Aim;
use lorascope_protocol::report::{Along, BackendKind, EngineReport, Report, SCHEMA};
use lorascope_protocol::{BackendChoice, ItemId, Outcome, Problem, ToPage};

/// Where messages for the page go.
pub trait Emit {
    fn emit(&self, message: ToPage);
}

impl<F: Fn(ToPage)> Emit for F {
    fn emit(&self, message: ToPage) {
        self(message);
    }
}

/// Everything that an engine knows.
pub struct Session<S: ByteSource, P, E> {
    chosen: Chosen<P>,
    crew: Option<Rc<dyn crew::Crew<S::Piece>>>,
    emit: E,
    held: Vec<Held<S>>,
    projected: Option<Projected<Metered<S>>>,
    extracted: Option<extract::Extracted<Metered<S>>>,
    compared: Option<compare::Compared>,
    aligned: align::known::AllKnown,
    chosen_series: holdings::series::ByHand,
    next: ItemId,
    /// The addresses that the load under way came from, by path.
    origins: std::collections::HashMap<String, String>,
    bytes_read: Rc<Cell<u64>>,
    fallbacks: u64,
    /// What to call a GPU that keeps its name to itself.
    unnamed_gpu: String,
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Opens the backend and tells the page. `unnamed_gpu` names the GPU where wgpu does not know its name.
    ///
    /// # Errors
    /// The backend that was asked for cannot be had; the page has been told in words.
    pub async fn start(choice: BackendChoice, unnamed_gpu: String, pulse: P, emit: E) -> Result<Self, String> {
        Self::start_with(choice, unnamed_gpu, pulse, emit, Rc::default()).await
    }

    /// As [`Self::start`], with what tests let go wrong with a GPU.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(
        choice: BackendChoice,
        unnamed_gpu: String,
        pulse: P,
        emit: E,
        mishaps: Rc<Mishaps>,
    ) -> Result<Self, String> {
        match Chosen::open(choice, pulse, mishaps).await {
            Ok(chosen) => {
                let session = Self {
                    chosen,
                    crew: None,
                    emit,
                    held: Vec::new(),
                    projected: None,
                    extracted: None,
                    compared: None,
                    aligned: align::known::AllKnown::default(),
                    chosen_series: holdings::series::ByHand::default(),
                    next: 1,
                    origins: std::collections::HashMap::new(),
                    bytes_read: Rc::default(),
                    fallbacks: 0,
                    unnamed_gpu,
                };
                session.emit.emit(ToPage::Started { engine: session.engine() });
                Ok(session)
            }
            Err(text) => {
                emit.emit(ToPage::NoBackend { text: text.clone() });
                Err(text)
            }
        }
    }

    /// Gives the CPU's work to a crew, as long as it is the CPU that computes.
    pub fn employ(&mut self, crew: Rc<dyn crew::Crew<S::Piece>>) {
        self.crew = Some(crew);
    }

    pub fn backend(&self) -> &Backend<P> {
        &self.chosen.backend
    }

    /// How much work a batch of this session holds.
    pub fn aim(&self) -> Aim {
        self.chosen.aim()
    }

    /// Forgets one item.
    pub fn remove(&mut self, item: ItemId) {
        self.held.retain(|held| held.id != item);
        self.forget_projection(item);
        self.forget_extraction(item);
        self.forget_comparison_with(item);
        self.aligned.forget(item);
        self.emit.emit(ToPage::Removed { item });
        // What only came along goes with the last thing that it came along with.
        if self.held.iter().all(Held::is_companion) {
            self.held.clear();
        }
        self.count_layers();
        self.tell_alignments();
        self.finished(self.outcome(), Vec::new());
    }

    /// Forgets everything, counts included.
    pub fn clear(&mut self) {
        self.held.clear();
        self.projected = None;
        self.extracted = None;
        self.compared = None;
        self.aligned.clear();
        self.chosen_series = holdings::series::ByHand::default();
        self.bytes_read.set(0);
        self.fallbacks = 0;
        self.chosen.forget_counts();
        self.emit.emit(ToPage::Cleared { engine: self.engine() });
    }

    /// Replaces the assumed scales of an adapter.
    pub async fn set_scale(&mut self, item: ItemId, value: f64) {
        let mut problems = Vec::new();
        let mut accepted = false;
        if let Some(n) = self.held.iter().position(|held| held.id == item) {
            let held = &mut self.held[n];
            if let What::Adapter(analysed) = &mut held.what {
                let before = analysed.adapter.clone();
                scale::set_by_hand(&mut analysed.adapter, value);
                analysed.report_again(&held.label);
                accepted = value.is_finite() && !analysed.report.modules.is_empty();
                if !accepted {
                    analysed.adapter = before;
                    analysed.report_again(&held.label);
                    let text = format!("{}: a scale of {value} cannot be used. Give a finite number.", held.label);
                    problems.push(Problem { error: false, text });
                }
                self.send(&self.held[n]);
                self.forget_projection(item);
            }
        }
        if accepted {
            self.forget_comparison_with(item);
            // The scale has a part inside of what the base's weights give.
            match self.complete(item, true).await {
                Ok(None) => {}
                Ok(Some(text)) => problems.push(warning(text)),
                Err(Stopped::Cancelled) => {
                    problems.push(warning("Cancelled. What was finished before is kept.".to_owned()));
                }
                Err(Stopped::Failed(text)) => problems.push(warning(text)),
            }
            self.send_item(item);
            // Its own scale comes in when it is reported; only updates from or to it are others now.
            self.aligned.forget_updates(item);
            problems.extend(self.align_along(Along::Adapters).await.into_iter().map(warning));
            self.tell_alignments();
        }
        problems.extend(self.redo().await);
        self.finished(self.outcome(), problems);
    }

    /// The whole report.
    pub fn report(&self) -> Report {
        Report {
            lorascope: SCHEMA,
            engine: self.engine(),
            files: self.held.iter().flat_map(|held| held.files.iter().cloned()).collect(),
            adapters: self.held.iter().filter_map(Held::report).cloned().collect(),
            alignment: self.alignment_reports(),
            extraction: self.extracted.as_ref().map(|extracted| extracted.report.clone()),
            projection: self.projected.as_ref().map(|projected| projected.report.clone()),
            comparison: self.comparison_report(),
        }
    }

    /// The modules of one adapter as CSV; `None` where it is gone.
    pub fn table(&self, item: ItemId) -> Option<Download<String>> {
        let held = self.held.iter().find(|held| held.id == item)?;
        let name = format!("{}-modules.csv", file_stem(&held.label, "adapter"));
        let csv = lorascope_protocol::report::csv::modules(&held.report()?.modules);
        Some(Download { name, mime: "text/csv;charset=utf-8", pieces: vec![csv] })
    }

    /// The backend, why, and what it has done since the last "clear".
    pub fn engine(&self) -> EngineReport {
        let mut counts = self.chosen.counts();
        counts.bytes_read = self.bytes_read.get();
        counts.fallbacks += self.fallbacks;
        let (backend, adapter_name) = match &self.chosen.backend {
            Backend::Cpu(_) => (BackendKind::Cpu, None),
            Backend::Gpu(gpu) if gpu.adapter_name().is_empty() => (BackendKind::WebGpu, Some(self.unnamed_gpu.clone())),
            Backend::Gpu(gpu) => (BackendKind::WebGpu, Some(gpu.adapter_name().to_owned())),
        };
        let reason = self.chosen.reason();
        let workers = self.crew().map_or(1, |crew| crew.workers() as u32);
        let check = self.chosen.check(&self.unnamed_gpu);
        EngineReport { backend, adapter_name, reason, workers, counts, check }
    }

    fn outcome(&self) -> Outcome {
        if self.held.is_empty() { Outcome::Idle } else { Outcome::Done }
    }

    fn finished(&self, outcome: Outcome, problems: Vec<Problem>) {
        self.emit.emit(ToPage::Finished { outcome, engine: self.engine(), problems });
    }
}

fn warning(text: String) -> Problem {
    Problem { error: false, text }
}
