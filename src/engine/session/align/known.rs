//! What is known of alignments, and how it is told.

use crate::analysis::alignment::{Beside, NotAligned, Sums, whole};
use crate::session::analyse::Stopped;
use crate::session::holdings::item::{Analysed, Held};
use crate::session::holdings::series::updates;
use crate::session::{Emit, Session};
use lorascope_format::bytes::ByteSource;
use lorascope_format::checkpoint::{Checkpoint, scheme};
use lorascope_kernels::Pulse;
use lorascope_protocol::report::{AlignedModule, AlignmentReport, Along, NotAnalyzed};
use lorascope_protocol::{ItemId, MODULES_PER_MESSAGE, ToPage};

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
}

/// Everything that is known.
#[derive(Debug, Default)]
pub(crate) struct AllKnown(Vec<Known>);

impl AllKnown {
    pub fn knows(&self, update: &Update) -> bool {
        self.find(update).is_some()
    }

    pub fn find(&self, update: &Update) -> Option<&Known> {
        self.0.iter().find(|known| known.update == *update)
    }

    pub fn keep(&mut self, known: Known) {
        self.0.retain(|old| old.update != known.update);
        self.0.push(known);
    }

    /// Everything that an item has a part in.
    pub fn forget(&mut self, item: ItemId) {
        self.0.retain(|Known { update, .. }| ![update.adapter, update.pair.0, update.pair.1].contains(&item));
    }

    /// Every update that begins or ends with an item.
    pub fn forget_updates(&mut self, item: ItemId) {
        self.0.retain(|Known { update, .. }| ![update.pair.0, update.pair.1].contains(&item));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What came after there were `count`.
    pub fn since(&self, count: usize) -> &[Known] {
        self.0.get(count..).unwrap_or_default()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// The alignments of an adapter along a series, in the series' order, and whether each is over the whole run.
    fn alignments(&self, adapter: ItemId, along: Along) -> Vec<(bool, AlignmentReport)> {
        let analysed = self.held.iter().find(|held| held.id == adapter).and_then(|held| held.analysed());
        let Some(analysed) = analysed else { return Vec::new() };
        let states = self.series(along).0;
        updates(&states)
            .into_iter()
            .enumerate()
            .filter_map(|(place, pair)| {
                let known = self.aligned.find(&Update { along, adapter, pair })?;
                let labels = [self.label(adapter), self.label(pair.0), self.label(pair.1)];
                // One step less than states; what follows them goes over all.
                Some((place + 1 == states.len(), report(known, analysed, labels)))
            })
            .collect()
    }

    /// Aligns all that is not known yet, and tells the page; gives sentences about what could not be. `first` is the
    /// first item of the drop.
    pub(crate) async fn align_all(&mut self, first: ItemId) -> Vec<String> {
        let mut sentences = Vec::new();
        for along in [Along::Adapters, Along::Checkpoints] {
            sentences.extend(self.align_along(along).await);
        }
        let (checkpoints, _) = self.series(Along::Checkpoints);
        let has_adapter = self.held.iter().any(|held| held.analysed().is_some());
        // Of a quantised one, more has been said.
        let plain = |(_, checkpoint): (&str, &Checkpoint<_>)| scheme(checkpoint.tensors().map(|(_, t)| t)).is_none();
        if let ([only], true) = (checkpoints.as_slice(), has_adapter)
            && *only >= first
            && self.checkpoint(*only).is_some_and(plain)
            && !self.is_base(*only)
        {
            sentences.push(format!(
                "{}: one checkpoint shows no update. Drop a second one of the same model to see how the adapter aligns \
                 with what changed between them. As a target for projection it is ready.",
                self.label(*only)
            ));
        }
        self.tell_alignments();
        sentences
    }

    /// Whether an adapter's update was computed with this checkpoint's weights: that is what it was dropped for.
    fn is_base(&self, checkpoint: ItemId) -> bool {
        let label = self.label(checkpoint);
        let exact = self.held.iter().filter_map(Held::analysed).flat_map(|analysed| &analysed.found.exact);
        exact.flatten().any(|exact| exact.base == label)
    }

    /// Aligns along a series in this order.
    pub async fn align(&mut self, along: Along, order: Vec<ItemId>) {
        let known: Vec<ItemId> = self.held.iter().map(|held| held.id).collect();
        self.chosen_series.set(along, order.into_iter().filter(|id| known.contains(id)).collect());
        let sentences = self.align_along(along).await;
        self.tell_alignments();
        let mut problems: Vec<_> = sentences.into_iter().map(crate::session::warning).collect();
        problems.extend(self.redo().await);
        self.finished(self.outcome(), problems);
    }

    pub(crate) async fn align_along(&mut self, along: Along) -> Vec<String> {
        let before = self.aligned.len();
        let outcome = match along {
            Along::Checkpoints => self.align_checkpoints().await,
            Along::Adapters => self.align_adapters().await,
        };
        let texts = match outcome {
            Ok(()) => self.remarks(along, self.aligned.since(before)),
            Err(Stopped::Cancelled) => {
                vec![
                    "Cancelled. What was finished before is kept; Align on the Alignment tab starts it again."
                        .to_owned(),
                ]
            }
            Err(Stopped::Failed(text)) => vec![text],
        };
        if !texts.is_empty() {
            self.emit.emit(ToPage::AlignmentProblems { texts: texts.clone() });
        }
        texts
    }

    pub(crate) fn label(&self, item: ItemId) -> &str {
        self.held.iter().find(|held| held.id == item).map_or("", |held| &held.label)
    }

    /// Tells the page everything of both series.
    pub(crate) fn tell_alignments(&self) {
        for along in [Along::Checkpoints, Along::Adapters] {
            self.send_alignments(along);
        }
    }

    /// Of every adapter along both series.
    pub(crate) fn alignment_reports(&self) -> Vec<AlignmentReport> {
        let adapters = self.held.iter().filter(|held| held.analysed().is_some());
        adapters
            .flat_map(|held| [Along::Checkpoints, Along::Adapters].map(|along| self.alignments(held.id, along)))
            .flatten()
            .map(|(_, report)| report)
            .collect()
    }

    /// Tells the page all of a series: its order, and every adapter's alignments.
    fn send_alignments(&self, along: Along) {
        self.send_series(along);
        for held in self.held.iter().filter(|held| held.analysed().is_some()) {
            let reports = self.alignments(held.id, along);
            let item = held.id;
            self.emit.emit(ToPage::Alignments { item, along, count: reports.len() });
            for (whole_run, mut report) in reports {
                let modules = std::mem::take(&mut report.modules);
                let count = modules.len();
                self.emit.emit(ToPage::Alignment { item, modules: count, whole_run, report: Box::new(report) });
                for modules in modules.chunks(MODULES_PER_MESSAGE) {
                    self.emit.emit(ToPage::AlignedModules { item, modules: modules.to_vec() });
                }
            }
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
