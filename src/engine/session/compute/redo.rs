//! Once a GPU has turned out to compute wrongly, everything that it may have had a part in is computed again, by the
//! CPU.

use crate::session::analyse::{Stopped, Work, bytes_of};
use crate::session::holdings::item::What;
use crate::session::results::Kept;
use crate::session::{Emit, Session, warning};
use lorascope_format::bytes::ByteSource;
use lorascope_kernels::Pulse;
use lorascope_protocol::{ItemId, Problem, Question, ToPage};

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Computes again what is held, if the GPU has turned out to be wrong since this was last asked. What cannot be
    /// computed again goes, and is said.
    pub(crate) async fn redo(&mut self) -> Vec<Problem> {
        if !self.chosen.take_unsettled() {
            return Vec::new();
        }
        // It has to be done though the work in which the GPU was found out was cancelled.
        self.chosen.pulse().take_up();
        self.chosen.forget_fallbacks();
        self.trash = None;
        self.is_paused = false;
        let lost = self.results.take_stale(|_| Vec::new());
        lost.iter().for_each(|kept| self.emit.emit(ToPage::Gone { job: kept.job }));
        let mut problems = Vec::new();
        for item in self.held.adapters() {
            if let Err(text) = self.redo_adapter(item).await {
                problems.push(warning(text));
                let gone = self.held.take(|held| held.id == item);
                self.tell_gone(&gone);
            }
        }
        problems.extend(self.settle().await);
        for Kept { job, question, .. } in lost {
            let what = match question {
                Question::Project { .. } => "The projection",
                Question::Extract(_) => "The extracted adapter",
                _ => "The comparison",
            };
            if !self.answer_to(job, question).await {
                problems.push(warning(format!(
                    "{what} was computed by that GPU, and again by the CPU it was not. Ask for it again."
                )));
            }
        }
        problems
    }

    /// # Errors
    /// A sentence: it cannot be read any more, or was cancelled.
    async fn redo_adapter(&mut self, item: ItemId) -> Result<(), String> {
        let Some(analysed) = self.held.adapter(item) else { return Ok(()) };
        let (file, adapter) = (analysed.file.clone(), analysed.adapter.clone());
        let mut work = Work { done: 0, total: bytes_of(&adapter) };
        let found = self.analyse(&file, &adapter, &mut work).await;
        let Some(held) = self.held.of_mut(item) else { return Ok(()) };
        let found = found.map_err(|stopped| {
            let why = match stopped {
                Stopped::Cancelled => "it was cancelled. Drop it again.".to_owned(),
                Stopped::Failed(text) => text,
            };
            format!("{} was computed by that GPU, and again by the CPU it was not: {why}", held.label)
        })?;
        if let What::Adapter(analysed) = &mut held.what {
            analysed.found = found;
            analysed.renew(&held.label);
        }
        held.change(None);
        Ok(())
    }
}
