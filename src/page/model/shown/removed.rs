//! What was removed, and the way back: what the engine cannot know of how things were is kept here.

use super::State;
use lorascope_protocol::{ItemId, JobId};

/// A removal, and what only the page knows of how things were before it.
#[derive(Clone, Debug)]
pub struct Removed {
    /// The message that took it.
    pub job: JobId,
    pub text: String,
    before: Box<State>,
}

impl State {
    /// Starts over, and lets nothing that the engine has already said of the past back in.
    pub fn clear(&mut self, job: JobId) {
        let before = self.before();
        self.forget();
        if !before.items.is_empty() {
            self.removed = Some(Removed { job, text: "Everything was cleared.".to_owned(), before });
        }
        self.cleared = job;
    }

    fn before(&mut self) -> Box<State> {
        self.removed = None;
        Box::new(self.clone())
    }

    /// A removal goes to the engine.
    pub fn begin_removal(&mut self, job: JobId, item: ItemId) {
        let Some(label) = self.items.iter().find(|i| i.item == item).map(|i| i.label.clone()) else { return };
        let before = self.before();
        self.begin_job("Removing");
        self.awaits(job);
        self.removed = Some(Removed { job, text: format!("Removed {label}."), before });
    }

    /// What the last removal took comes back, and with it what only the page knew.
    pub fn begin_undo(&mut self, job: JobId) {
        let Some(Removed { before, .. }) = self.removed.take() else { return };
        self.begin_job("Bringing back");
        self.awaits(job);
        self.undoing = Some(before.selected);
        self.projection.form = before.projection.form;
        self.projection.run.remember(before.projection.run);
        self.extraction.form = before.extraction.form;
        self.extraction.run.remember(before.extraction.run);
        self.comparison.run.remember(before.comparison.run);
        self.alignment.chosen = before.alignment.chosen;
        (self.schemes, self.saved, self.scale_set) = (before.schemes, before.saved, before.scale_set);
    }
}
