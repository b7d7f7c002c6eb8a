//! What is known of alignments, and how it is told.

use crate::analysis::alignment::{Beside, NotAligned, Sums, whole};
use crate::session::analyse::Stopped;
use crate::session::holdings::Holdings;
use crate::session::holdings::item::{Analysed, Held};
use crate::session::holdings::series::updates;
use crate::session::results::{Made, Sources, pieces};
use crate::session::{Emit, Session};
use lorascope_format::bytes::ByteSource;
use lorascope_format::checkpoint::scheme;
use lorascope_kernels::Pulse;
use lorascope_protocol::report::{AlignedModule, AlignmentReport, Along, NotAnalyzed};
use lorascope_protocol::{Head, ItemId, Piece, Problem};

/// An adapter beside an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Update {
    pub along: Along,
    pub adapter: ItemId,
    pub pair: (ItemId, ItemId),
}

/// The outcome of every module of the adapter, in its order.
#[derive(Debug)]
pub(crate) struct Known {
    pub update: Update,
    pub modules: Vec<Result<Sums, NotAligned>>,
    pub sources: Sources,
    /// No other has it.
    pub number: u64,
}

/// Everything that is known.
#[derive(Debug, Default)]
pub(crate) struct AllKnown {
    all: Vec<Known>,
    numbers: u64,
}

impl AllKnown {
    pub fn knows(&self, update: &Update) -> bool {
        self.find(update).is_some()
    }

    pub fn find(&self, update: &Update) -> Option<&Known> {
        self.all.iter().find(|known| known.update == *update)
    }

    pub fn keep(&mut self, update: Update, modules: Vec<Result<Sums, NotAligned>>, sources: Sources) {
        self.numbers += 1;
        self.all.retain(|old| old.update != update);
        self.all.push(Known { update, modules, sources, number: self.numbers });
    }

    /// Puts back what was taken out, but for what has been computed anew.
    pub fn extend(&mut self, known: Vec<Known>) {
        let new: Vec<Known> = known.into_iter().filter(|known| !self.knows(&known.update)).collect();
        self.all.extend(new);
    }

    /// Takes out what came from other items, or from the same ones in another state.
    pub fn take_stale(&mut self, sources: impl Fn(&Update) -> Sources) -> Vec<Known> {
        self.all.extract_if(.., |known| sources(&known.update) != known.sources).collect()
    }

    /// What was computed after `number`.
    pub fn since(&self, number: u64) -> Vec<&Known> {
        self.all.iter().filter(|known| known.number > number).collect()
    }

    pub fn last(&self) -> u64 {
        self.numbers
    }
}

impl Update {
    /// What it comes from, as that is now. An adapter's own scale comes in when it is reported; that of the adapters
    /// that an update begins or ends with is in it.
    pub fn sources<S: ByteSource>(&self, held: &Holdings<S>) -> Sources {
        let ends = held.revisions(|held| [self.pair.0, self.pair.1].contains(&held.id));
        let own = held.of(self.adapter).map(|held| (held.id, held.revision.without_scale()));
        own.into_iter().chain(ends).collect()
    }
}

/// The alignments of an adapter along a series.
pub(crate) struct Alignments {
    item: ItemId,
    along: Along,
    reports: Vec<(bool, AlignmentReport)>,
}

impl Made for Alignments {
    type Head = Head;
    type Piece = Piece;

    fn told(&mut self) -> (Head, Vec<Piece>) {
        let mut all = Vec::new();
        for (whole_run, mut report) in std::mem::take(&mut self.reports) {
            let modules = std::mem::take(&mut report.modules);
            all.push(Piece::Alignment { whole_run, report: Box::new(report) });
            all.extend(pieces(&modules, Piece::Aligned));
        }
        (Head::Alignments { item: self.item, along: self.along }, all)
    }
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// What is known of an adapter along a series, in the series' order, and whether each is over the whole run.
    pub(crate) fn aligned_along(&self, adapter: ItemId, along: Along) -> Vec<(bool, &Known)> {
        let states = self.series(along).0;
        // One step less than states; what follows them goes over all.
        let is_whole_run = |place: usize| place + 1 == states.len();
        let all = updates(&states).into_iter().enumerate();
        all.filter_map(|(place, pair)| {
            Some((is_whole_run(place), self.aligned.find(&Update { along, adapter, pair })?))
        })
        .collect()
    }

    pub(crate) fn alignments(&self, item: ItemId, along: Along) -> Alignments {
        let Some(analysed) = self.held.adapter(item) else { return Alignments { item, along, reports: Vec::new() } };
        let reports = self.aligned_along(item, along).into_iter().map(|(whole_run, known)| {
            let (from, to) = known.update.pair;
            (whole_run, report(known, analysed, [item, from, to].map(|id| self.held.label(id))))
        });
        Alignments { item, along, reports: reports.collect() }
    }

    pub(crate) fn alignment_reports(
        &self,
        item: ItemId,
        along: Along,
    ) -> impl Iterator<Item = AlignmentReport> + use<S, P, E> {
        self.alignments(item, along).reports.into_iter().map(|(_, report)| report)
    }

    /// What to say of the only checkpoint, if it came with this drop, whose first item is `first`.
    pub(crate) fn lone_checkpoint(&self, first: ItemId) -> Option<String> {
        let (checkpoints, _) = self.series(Along::Checkpoints);
        let [only] = checkpoints[..] else { return None };
        let (label, checkpoint) = self.held.checkpoint(only).filter(|_| only >= first && self.held.has_adapter())?;
        // Of a quantised one, more has been said; that of a base has been used.
        let is_plain = scheme(checkpoint.tensors().map(|(_, tensor)| tensor)).is_none();
        (is_plain && !self.is_base(only)).then(|| {
            format!(
                "{label}: one checkpoint shows no update. Drop a second one of the same model to see how the adapter \
                 aligns with what changed between them. As a target for projection it is ready."
            )
        })
    }

    /// Whether an adapter's update was computed with this checkpoint's weights: that is what it was dropped for.
    fn is_base(&self, checkpoint: ItemId) -> bool {
        let mut exact = self.held.iter().filter_map(Held::analysed).map(|analysed| &analysed.found.exact);
        exact.any(|exact| exact.is_any() && exact.sources.iter().any(|(item, _)| *item == checkpoint))
    }

    /// Aligns along a series in this order.
    pub(crate) async fn align(&mut self, along: Along, order: Vec<ItemId>) -> Vec<Problem> {
        self.trash = None;
        self.is_paused = false;
        self.chosen_series.set(along, order.into_iter().filter(|id| self.held.of(*id).is_some()).collect());
        self.settle().await
    }

    /// Aligns what is not known yet; gives sentences about what could not be.
    pub(crate) async fn align_along(&mut self, along: Along) -> Vec<String> {
        let before = self.aligned.last();
        let outcome = match along {
            Along::Checkpoints => self.align_checkpoints().await,
            Along::Adapters => self.align_adapters().await,
        };
        self.is_paused |= outcome.is_err();
        match outcome {
            Ok(()) => self.remarks(along, &self.aligned.since(before)),
            Err(Stopped::Cancelled) => {
                vec![
                    "Cancelled. What was finished before is kept; Align on the Alignment tab starts it again."
                        .to_owned(),
                ]
            }
            Err(Stopped::Failed(text)) => vec![text],
        }
    }
}

fn report<S>(known: &Known, analysed: &Analysed<S>, [adapter, from, to]: [&str; 3]) -> AlignmentReport {
    let mut modules = Vec::new();
    let mut beside = Vec::new();
    let mut unmatched = Vec::new();
    let has_sums = |of: usize| known.modules.get(of).is_some_and(Result::is_ok);
    let is_aligned = |of: usize| has_sums(of) && analysed.found.spectra.get(of).is_some_and(Option::is_some);
    let all = analysed.adapter.modules.iter().zip(&analysed.found.spectra).zip(&known.modules);
    for ((module, sigma), outcome) in all {
        // What has no spectrum is among the adapter's own `not_analyzed`.
        let Some(sigma) = sigma else { continue };
        match outcome {
            Ok(sums) => {
                let own = Beside { sums: *sums, sigma: &sigma.values, scale: module.scale, shape: module.shape };
                let (figures, reference_cosine) = (own.figures(), own.reference_cosine());
                if reference_cosine.is_finite() && figures.update_norm.is_some() {
                    modules.push(AlignedModule { name: module.name.clone(), figures, reference_cosine });
                    if !module.is_copy_among(is_aligned) {
                        beside.push(own);
                    }
                } else {
                    let reason = "its update is beyond double precision".to_owned();
                    unmatched.push(NotAnalyzed { name: module.name.clone(), reason });
                }
            }
            Err(reason) => unmatched.push(NotAnalyzed { name: module.name.clone(), reason: reason.to_string() }),
        }
    }
    AlignmentReport {
        adapter: adapter.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        along: known.update.along,
        matched: modules.len() as u32,
        whole: whole(beside.iter()),
        modules,
        unmatched,
    }
}
