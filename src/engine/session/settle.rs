//! What follows from what is held, kept true by one function after every change.

use super::analyse::Stopped;
use super::holdings::item::{Held, Revision, What};
use super::results::{self, Made, sources};
use super::{Emit, Session};
use lorascope_format::bytes::ByteSource;
use lorascope_kernels::Pulse;
use lorascope_protocol::report::{AdapterReport, Along};
use lorascope_protocol::{About, Head, ItemId, JobId, Piece, Problem, ToPage};

/// What the page has been told of what follows by itself, to tell it only what is new.
#[derive(Default)]
pub(crate) struct Told {
    pub series: Vec<ToPage>,
    /// Of adapters along series.
    pub alignments: Vec<((ItemId, Along), Aligned)>,
}

/// An adapter's own state, and the numbers of its alignments along a series, with whether each is over the whole run.
type Aligned = (Revision, Vec<(u64, bool)>);

/// What is done where a cancel stops what follows by itself.
const CANCELLED: &str = "Cancelled. What was finished before is kept.";

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Drops what no longer fits what is held, computes what follows from it by itself, and tells the page what changed.
    /// Gives what could not be done.
    pub(crate) async fn settle(&mut self) -> Vec<Problem> {
        let mut problems = Vec::new();
        match self.complete_all().await {
            Ok(texts) => problems.extend(texts.into_iter().map(warning)),
            Err(Stopped::Cancelled) => problems.push(warning(CANCELLED.to_owned())),
            Err(Stopped::Failed(text)) => problems.push(warning(text)),
        }
        problems.extend(self.let_go_of_the_empty().into_iter().map(warning));
        self.count_layers();
        self.drop_stale();
        self.tell_items();
        for along in [Along::Adapters, Along::Checkpoints] {
            if !self.is_paused {
                let texts = self.align_along(along).await;
                problems.extend(texts.into_iter().map(|text| Problem::warning(About::Alignments, text)));
            }
        }
        self.tell_alignments();
        problems
    }

    /// Results whose sources are others now go; into the trash where a removal is what changed them.
    fn drop_stale(&mut self) {
        let stale = self.results.take_stale(|question| sources(&self.held, question).unwrap_or_default());
        stale.iter().for_each(|kept| self.emit.emit(ToPage::Gone { job: kept.job }));
        let held = &self.held;
        let aligned = self.aligned.take_stale(|update| update.sources(held));
        if let Some(trash) = &mut self.trash {
            trash.results.extend(stale);
            trash.aligned.extend(aligned);
        }
    }

    /// Adapters of which nothing can be shown, as they take a base model's weights that are not here.
    pub(crate) fn let_go_of_the_empty(&mut self) -> Vec<String> {
        let gone = self.held.take(|held| held.is_empty() && !held.is_cut_short());
        let text = |held: &Held<S>| {
            let warnings = &held.analysed()?.report.warnings;
            Some(format!("{}: nothing in this adapter can be analysed: {}", held.path(), warnings.join(" ")))
        };
        let texts = gone.iter().filter_map(text).collect();
        self.tell_gone(&gone);
        if let Some(trash) = &mut self.trash {
            trash.held.extend(gone);
        }
        texts
    }

    /// Tells the page which of the items that it knows are gone.
    pub(crate) fn tell_gone(&mut self, gone: &[Held<S>]) {
        for held in gone.iter().filter(|held| held.is_told) {
            self.told.alignments.retain(|((item, _), _)| *item != held.id);
            self.emit.emit(ToPage::Removed { item: held.id });
        }
    }

    /// Tells the page the items that it does not know as they are.
    pub(crate) fn tell_items(&mut self) {
        for held in self.held.iter_mut().filter(|held| !held.is_told && !held.is_empty()) {
            held.is_told = true;
            self.emit.emit(ToPage::Item(held.item()));
            let report = match &mut held.what {
                What::Adapter(analysed) => &mut analysed.report,
                What::Recalled(report) => report,
                What::Scheme(scheme) => {
                    self.emit.emit(ToPage::Scheme { item: held.id, scheme: scheme.clone() });
                    continue;
                }
                _ => continue,
            };
            results::send(None, &mut Profile { item: held.id, report }, |message| self.emit.emit(message));
        }
    }

    pub(crate) fn send<M: Made<Head = Head, Piece = Piece>>(&self, job: Option<JobId>, made: &mut M) {
        results::send(job, made, |message| self.emit.emit(message));
    }

    /// Tells the page of both series what it does not know: their states, and every adapter's alignments.
    fn tell_alignments(&mut self) {
        let series = [Along::Checkpoints, Along::Adapters].map(|along| self.stages(along));
        for stages in series.iter().filter(|stages| !self.told.series.contains(stages)) {
            self.emit.emit(stages.clone());
        }
        self.told.series = series.to_vec();
        let former = std::mem::take(&mut self.told.alignments);
        for held in self.held.iter().filter(|held| held.analysed().is_some()) {
            for along in [Along::Checkpoints, Along::Adapters] {
                let aligned = self.aligned_along(held.id, along);
                let numbers = aligned.iter().map(|(whole_run, known)| (known.number, *whole_run)).collect();
                let entry = ((held.id, along), (held.revision, numbers));
                let known = former.iter().find(|(of, _)| *of == entry.0).map(|(_, told)| told);
                let is_new = known
                    .map_or(!aligned.is_empty(), |told| *told != entry.1 && !(aligned.is_empty() && told.1.is_empty()));
                if is_new {
                    let mut made = self.alignments(held.id, along);
                    self.send(None, &mut made);
                }
                self.told.alignments.push(entry);
            }
        }
    }
}

/// An adapter's report, which nobody has to ask for.
struct Profile<'a> {
    item: ItemId,
    report: &'a mut AdapterReport,
}

impl Made for Profile<'_> {
    type Head = Head;
    type Piece = Piece;

    fn told(&mut self) -> (Head, Vec<Piece>) {
        let (report, pieces) = super::send::apart(self.report);
        (Head::Adapter { item: self.item, report: Box::new(report) }, pieces.into_iter().map(Piece::Adapter).collect())
    }
}

pub(crate) fn warning(text: String) -> Problem {
    Problem::warning(About::Drop, text)
}
