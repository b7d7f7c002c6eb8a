//! One engine's session: drops come in, the data goes its way, messages for the page come out.
//!
//! What is held changes, and [`Session::settle`] makes the rest follow; what is asked is answered by [`Session::ask`].
//! Nothing here knows a browser: the worker (`worker/main.rs`) and the native tests run the same session.

use std::cell::Cell;
use std::collections::HashMap;
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
pub mod results;
mod send;
mod settle;
mod tiles;
mod trash;
mod written;

pub use compute::backend::{Backend, Chosen};
pub use compute::crew;
pub use written::Download;

use self::align::known::AllKnown;
use self::analyse::Stopped;
use self::drop::Origin;
use self::holdings::Holdings;
use self::holdings::item::{Held, What};
use self::holdings::series::ByHand;
use self::results::{Answer, Kept, Results, sources};
use self::settle::{Told, warning};
use self::trash::Trash;
use lorascope_format::adapter::scale;
use lorascope_format::bytes::{ByteSource, Metered};
use lorascope_format::path::file_stem;
use lorascope_kernels::Pulse;
use lorascope_kernels::gpu::Mishaps;
use lorascope_kernels::plan::Aim;
use lorascope_protocol::report::{AlignmentReport, Along, BackendKind, EngineReport, Report, SCHEMA, csv};
use lorascope_protocol::{BackendChoice, Export, ItemId, JobId, Outcome, Problem, Question, Refusal, ToPage};

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
    held: Holdings<S>,
    chosen_series: ByHand,
    results: Results<Question, Answer<S>>,
    aligned: AllKnown,
    trash: Option<Trash<S>>,
    told: Told,
    /// A cancel or an unreadable file has stopped the alignments, which do not begin again by themselves.
    is_paused: bool,
    /// Where the files of the load under way came from, by path.
    origins: HashMap<String, Origin>,
    bytes_read: Rc<Cell<u64>>,
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
                    held: Holdings::default(),
                    chosen_series: ByHand::default(),
                    results: Results::default(),
                    aligned: AllKnown::default(),
                    trash: None,
                    told: Told::default(),
                    is_paused: false,
                    origins: HashMap::new(),
                    bytes_read: Rc::default(),
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

    /// Replaces the assumed scales of an adapter.
    pub async fn set_scale(&mut self, item: ItemId, value: f64) {
        self.trash = None;
        let mut problems = Vec::new();
        if let Some(held) = self.held.of_mut(item)
            && let What::Adapter(analysed) = &mut held.what
        {
            let before = analysed.adapter.clone();
            scale::set_by_hand(&mut analysed.adapter, value);
            analysed.report_again(&held.label);
            held.is_told = false;
            if value.is_finite() && !analysed.report.modules.is_empty() {
                held.revision.scale += 1;
            } else {
                analysed.adapter = before;
                analysed.report_again(&held.label);
                let text = format!("{}: a scale of {value} cannot be used. Give a finite number.", held.label);
                problems.push(warning(text));
            }
        }
        problems.extend(self.settle().await);
        self.finish(true, problems).await;
    }

    /// Computes what a job asks for, and tells it.
    pub async fn ask(&mut self, job: JobId, question: Question) {
        let mut problems = Vec::new();
        if let Question::Align { along, order } = question {
            problems = self.align(along, order).await;
        } else {
            let is_aside = question.is_aside();
            self.answer_to(job, question).await;
            // Nothing ends here but what a GPU that turned out to be wrong made necessary.
            if is_aside && !self.chosen.is_unsettled() {
                return;
            }
        }
        self.finish(true, problems).await;
    }

    /// Answers a question; false where it was refused.
    async fn answer_to(&mut self, job: JobId, question: Question) -> bool {
        let why = match self.answer(&question).await {
            Ok(mut made) => {
                self.send(Some(job), &mut made);
                if let Some(sources) = sources(&self.held, &question) {
                    self.results.keep(Kept { job, question, sources, made });
                }
                return true;
            }
            Err(why) => why,
        };
        self.emit.emit(ToPage::Refused { job, why });
        false
    }

    /// # Errors
    /// Why there is none; `None` after a cancel.
    async fn answer(&mut self, question: &Question) -> Result<Answer<S>, Option<Refusal>> {
        let answer = match question {
            Question::Plan { item, request } => {
                return self.plan(*item, request).map(|(head, rows)| Answer::Plan(head, rows)).map_err(Some);
            }
            Question::Project { item, request } => {
                self.compute_projection(*item, request).await.map(Answer::Projection)
            }
            Question::Extract(request) => self.compute_extraction(request).await.map(Answer::Extraction),
            Question::Compare => self.compute_comparison().await.map(Answer::Comparison),
            Question::Pair { a, b } => Ok(Answer::Pair(self.pair(*a, *b))),
            Question::Overlap { a, b, name } => self.overlap_of(*a, *b, name).await.map(Answer::Overlap),
            // It has no answer of its own.
            Question::Align { .. } => Err(Stopped::Cancelled),
        };
        answer.map_err(Stopped::refusal)
    }

    /// The whole report.
    pub fn report(&self) -> Report {
        let along = [Along::Checkpoints, Along::Adapters];
        let of = |item: ItemId| along.into_iter().flat_map(move |along| self.alignment_reports(item, along));
        let mut report = Report {
            lorascope: SCHEMA,
            engine: self.engine(),
            files: self.held.files(),
            adapters: self.held.iter().filter_map(Held::report).cloned().collect(),
            alignment: self.held.adapters().into_iter().flat_map(of).collect::<Vec<AlignmentReport>>(),
            extraction: None,
            projection: None,
            comparison: None,
        };
        for kept in self.results.iter() {
            match &kept.made {
                Answer::Projection(projected) => report.projection = Some(projected.report.clone()),
                Answer::Extraction(extracted) => report.extraction = Some(extracted.report.clone()),
                Answer::Comparison(compared) => report.comparison = Some(self.comparison_report(compared)),
                Answer::Plan(..) | Answer::Pair(_) | Answer::Overlap(_) => {}
            }
        }
        report
    }

    /// A file to download.
    ///
    /// # Errors
    /// A sentence for a person: what it is of is gone, or there is no room for it.
    pub fn export(&self, what: &Export) -> Result<Download<S::Piece>, String> {
        let kept =
            |text: String| S::keep(text.into_bytes()).map(|piece| vec![piece]).map_err(|error| error.to_string());
        match what {
            Export::Report { scheme } => {
                let mut report = self.report();
                scheme.apply(&mut report);
                let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
                Ok(Download { name: "lorascope.json".to_owned(), mime: "application/json", pieces: kept(json)? })
            }
            Export::Table { item } => {
                let held = self.held.of(*item).and_then(|held| Some((held, held.report()?)));
                let (held, report) = held.ok_or("The adapter is no longer here. Drop it again.")?;
                let name = format!("{}-modules.csv", file_stem(&held.label, "adapter"));
                Ok(Download { name, mime: "text/csv;charset=utf-8", pieces: kept(csv::modules(&report.modules))? })
            }
            Export::Written { job, file } => {
                let written = self.results.of_job(*job).and_then(|kept| kept.made.written());
                let gone = "There is nothing to download of this any more: it came from what is gone or changed. Compute \
                            it again.";
                written.ok_or(gone)?.download::<Metered<S>>(*file)
            }
        }
    }

    /// The backend, why, and what it has done since the last "clear".
    pub fn engine(&self) -> EngineReport {
        let mut counts = self.chosen.counts();
        counts.bytes_read = self.bytes_read.get();
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

    /// The end of what the page waits for.
    async fn finish(&mut self, is_good: bool, mut problems: Vec<Problem>) {
        problems.extend(self.redo().await);
        let outcome = match (is_good, self.held.is_empty()) {
            (false, _) => Outcome::Error,
            (true, true) => Outcome::Idle,
            (true, false) => Outcome::Done,
        };
        self.emit.emit(ToPage::Finished { outcome, engine: self.engine(), problems });
    }
}
