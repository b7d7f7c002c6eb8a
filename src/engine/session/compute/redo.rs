//! Once a GPU has turned out to compute wrongly, everything that it may have had a part in is computed again, by the
//! CPU.

use crate::session::analyse::{Stopped, Work, bytes_of};
use crate::session::holdings::item::{Analysed, Held, What};
use crate::session::{Emit, Session, warning};
use lorascope_format::bytes::ByteSource;
use lorascope_kernels::Pulse;
use lorascope_protocol::report::Along;
use lorascope_protocol::{ItemId, Problem, ToPage};

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Computes again what is held, if the GPU has turned out to be wrong since this was last asked. What cannot be
    /// computed again goes, and is said.
    pub(crate) async fn redo(&mut self) -> Vec<Problem> {
        if !self.chosen.take_unsettled() {
            return Vec::new();
        }
        // It has to be done though the work in which the GPU was found out was cancelled.
        self.chosen.pulse().take_up();
        self.fallbacks = 0;
        self.chosen.forget_fallbacks();
        let mut problems = Vec::new();
        let (projected, extracted, compared) = (self.projected.take(), self.extracted.take(), self.compared.take());
        let [was_projected, was_extracted, was_compared] =
            [projected.is_some(), extracted.is_some(), compared.is_some()];
        let gone = [
            (was_projected, ToPage::ProjectionGone),
            (was_extracted, ToPage::ExtractionGone),
            (was_compared, ToPage::ComparisonGone),
        ];
        for (was_there, message) in gone {
            if was_there {
                self.emit.emit(message);
            }
        }
        self.aligned.clear();
        let items: Vec<ItemId> = self.held.iter().filter(|h| h.analysed().is_some()).map(|held| held.id).collect();
        for item in items {
            match self.redo_adapter(item).await {
                Ok(texts) => problems.extend(texts.into_iter().map(warning)),
                Err(text) => {
                    problems.push(warning(text));
                    self.drop_item(item);
                }
            }
        }
        for along in [Along::Adapters, Along::Checkpoints] {
            problems.extend(self.align_along(along).await.into_iter().map(warning));
        }
        self.tell_alignments();
        if let Some(projected) = projected {
            self.project_now(projected.item, &projected.request).await;
        }
        if let Some(extracted) = extracted {
            self.extract_now(&extracted.request).await;
        }
        if compared.is_some() {
            self.compare_now().await;
        }
        let lost = [
            (was_projected && self.projected.is_none(), "The projection"),
            (was_extracted && self.extracted.is_none(), "The extracted adapter"),
            (was_compared && self.compared.is_none(), "The comparison"),
        ];
        for (_, what) in lost.into_iter().filter(|(is_lost, _)| *is_lost) {
            problems.push(warning(format!(
                "{what} was computed by that GPU, and again by the CPU it was not. Ask for it again."
            )));
        }
        problems
    }

    /// Gives sentences about what is no longer as it was.
    ///
    /// # Errors
    /// A sentence: it cannot be read any more, or was cancelled.
    async fn redo_adapter(&mut self, item: ItemId) -> Result<Vec<String>, String> {
        let Some(held) = self.held.iter().find(|held| held.id == item) else { return Ok(Vec::new()) };
        let (label, Some(analysed)) = (held.label.clone(), held.analysed()) else { return Ok(Vec::new()) };
        let (file, adapter) = (analysed.file.clone(), analysed.adapter.clone());
        let exact_before = exact_modules(analysed);
        let mut work = Work { done: 0, total: bytes_of(&adapter) };
        let gone = |why: &str| format!("{label} was computed by that GPU, and again by the CPU it was not: {why}");
        let found = self.analyse(&file, &adapter, &mut work).await.map_err(|stopped| match stopped {
            Stopped::Cancelled => gone("it was cancelled. Drop it again."),
            Stopped::Failed(text) => gone(&text),
        })?;
        let Some(held) = self.held.iter_mut().find(|held| held.id == item) else { return Ok(Vec::new()) };
        if let What::Adapter(analysed) = &mut held.what {
            analysed.found = found;
            analysed.renew(&held.label);
        }
        let mut texts = Vec::new();
        match self.complete(item, true).await {
            Ok(text) => texts.extend(text),
            Err(Stopped::Cancelled) => return Err(gone("it was cancelled. Drop it again.")),
            Err(Stopped::Failed(text)) => return Err(gone(&text)),
        }
        let analysed = self.held.iter().find(|held| held.id == item).and_then(Held::analysed);
        let exact = analysed.map_or(0, exact_modules);
        if exact < exact_before {
            let no_base = "the base model's weights that it takes are no longer here. Drop both again.";
            if analysed.is_none_or(|analysed| analysed.report.modules.is_empty()) {
                return Err(gone(no_base));
            }
            texts.push(format!(
                "{label}: {} of its modules were exact with the base model's weights, which are no \
                                longer here. Drop them again.",
                exact_before - exact
            ));
        }
        self.send_item(item);
        Ok(texts)
    }

    fn drop_item(&mut self, item: ItemId) {
        self.held.retain(|held: &Held<S>| held.id != item);
        self.emit.emit(ToPage::Removed { item });
    }
}

/// Modules that a base's weights made exact.
fn exact_modules<S>(analysed: &Analysed<S>) -> usize {
    analysed.found.exact.iter().flatten().count()
}
