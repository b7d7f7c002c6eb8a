//! Alignments in the page's state: which is in view, and what may be asked.

use std::sync::Arc;

use super::aligned::Aligned;
use crate::model::shown::State;
use lorascope_protocol::{About, ItemKind, Question};

impl State {
    /// The alignment of the adapter in view.
    pub fn alignment_in_view(&self) -> Option<&Arc<Aligned>> {
        self.alignment.of(self.selected?, self.alignment.along())
    }

    /// The states on the page are others than those that were aligned with, or not all of their updates are here, as
    /// after a cancel or where a state between others is gone: it is worth aligning anew.
    pub fn can_align(&self) -> bool {
        let series = self.alignment.series(self.alignment.along());
        let updates = match series.wanted().len() {
            0 | 1 => return false,
            2 => 1,
            // The steps, and the whole run.
            states => states,
        };
        let held = self.alignment_in_view().map_or(0, |set| set.updates.len());
        series.is_changed() || (held < updates && !self.phase.is_busy())
    }

    /// Alignment along the states on the page goes to the engine: what to send.
    pub fn begin_alignment(&mut self) -> Question {
        self.begin_job("Aligning");
        self.removed = None;
        self.problems.retain(|problem| problem.about != About::Alignments);
        let along = self.alignment.along();
        Question::Align { along, order: self.alignment.series(along).wanted() }
    }

    /// Two checkpoints are here and no adapter: a LoRA can be taken out of them.
    pub fn only_extracts(&self) -> bool {
        self.adapters.is_empty()
            && self.items.iter().all(|i| i.kind != ItemKind::Adapter)
            && self.alignment.checkpoints.entries.len() > 1
    }
}
