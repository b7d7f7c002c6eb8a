//! Once a GPU has turned out to compute wrongly, everything that it may have had a part in is computed again, by the
//! CPU.

use super::analyse::{Stopped, Work, bytes_of};
use super::held::{Held, What};
use super::{Emit, Session, warning};
use crate::protocol::{ItemId, Problem, ToPage};
use crate::report::Along;
use crate::source::ByteSource;
use lorascope_kernels::Pulse;

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Computes again what is held, if the GPU has turned out to be wrong since this was last asked. What cannot be
    /// computed again goes, and is said.
    pub(super) async fn redo(&mut self) -> Vec<Problem> {
        if !self.chosen.take_unsettled() {
            return Vec::new();
        }
        let mut problems = Vec::new();
        let (projected, extracted, compared) = (self.projected.take(), self.extracted.take(), self.compared.take());
        self.aligned.clear();
        let items: Vec<ItemId> = self.held.iter().filter(|h| h.analysed().is_some()).map(|held| held.id).collect();
        for item in items {
            if let Err(text) = self.redo_adapter(item).await {
                problems.push(warning(text));
                self.drop_item(item);
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
        problems
    }

    /// # Errors
    /// A sentence: it cannot be read any more, or was cancelled.
    async fn redo_adapter(&mut self, item: ItemId) -> Result<(), String> {
        let Some(held) = self.held.iter().find(|held| held.id == item) else { return Ok(()) };
        let (label, Some(analysed)) = (held.label.clone(), held.analysed()) else { return Ok(()) };
        let (file, adapter) = (analysed.file.clone(), analysed.adapter.clone());
        let mut work = Work { done: 0, total: bytes_of(&adapter) };
        let gone = |why: &str| format!("{label} was computed by that GPU, and again by the CPU it was not: {why}");
        let found = self.analyse(&file, &adapter, &mut work).await.map_err(|stopped| match stopped {
            Stopped::Cancelled => gone("it was cancelled. Drop it again."),
            Stopped::Failed(text) => gone(&text),
        })?;
        let Some(held) = self.held.iter_mut().find(|held| held.id == item) else { return Ok(()) };
        if let What::Adapter(analysed) = &mut held.what {
            analysed.found = found;
            analysed.renew(&held.label);
        }
        match self.complete(item, true).await {
            Ok(_) => {}
            Err(Stopped::Cancelled) => return Err(gone("it was cancelled. Drop it again.")),
            Err(Stopped::Failed(text)) => return Err(gone(&text)),
        }
        self.send_item(item);
        Ok(())
    }

    fn drop_item(&mut self, item: ItemId) {
        self.held.retain(|held: &Held<S>| held.id != item);
        self.emit.emit(ToPage::Removed { item });
    }
}
