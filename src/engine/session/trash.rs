//! What the last removal took, for as long as it may be wanted back.

use super::align::known::Known;
use super::holdings::item::{Held, WithBase};
use super::holdings::series::ByHand;
use super::results::{Answer, Kept, sources};
use super::{Emit, Session};
use lorascope_format::bytes::ByteSource;
use lorascope_kernels::Pulse;
use lorascope_protocol::{ItemId, Question};

/// Items, and all that went with them: bringing them back computes nothing.
pub(crate) struct Trash<S: ByteSource> {
    pub held: Vec<Held<S>>,
    pub results: Vec<Kept<Question, Answer<S>>>,
    pub aligned: Vec<Known>,
    pub exact: Vec<(ItemId, WithBase)>,
    /// The series by hand, and whether the alignments were stopped; only where everything was cleared.
    pub series: Option<(ByHand, bool)>,
}

impl<S: ByteSource> Trash<S> {
    pub fn of(held: Vec<Held<S>>) -> Self {
        Self { held, results: Vec::new(), aligned: Vec::new(), exact: Vec::new(), series: None }
    }
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Forgets one item. Until the next change it can be brought back.
    pub async fn remove(&mut self, item: ItemId) {
        let mut gone = self.held.take(|held| held.id == item);
        // What only came along goes with the last thing that it came along with.
        if self.held.iter().all(Held::is_companion) {
            gone.extend(self.held.take(|_| true));
        }
        if gone.is_empty() {
            // Asked for twice: what was taken the first time can still be brought back.
            return self.finish(true, Vec::new()).await;
        }
        self.tell_gone(&gone);
        self.trash = Some(Trash::of(gone));
        let problems = self.settle().await;
        self.finish(true, problems).await;
    }

    /// Forgets everything, counts included. Until the next change it can be brought back.
    pub fn clear(&mut self) {
        let held = self.held.take(|_| true);
        if !held.is_empty() {
            let (results, aligned) = (self.results.take_stale(|_| Vec::new()), self.aligned.take_stale(|_| Vec::new()));
            let series = Some((std::mem::take(&mut self.chosen_series), self.is_paused));
            self.trash = Some(Trash { held, results, aligned, exact: Vec::new(), series });
        }
        self.is_paused = false;
        self.told = super::settle::Told::default();
        self.bytes_read.set(0);
        self.chosen.forget_counts();
        self.emit.emit(lorascope_protocol::ToPage::Cleared { engine: self.engine() });
    }

    /// Brings back what the last removal took, with the results that still fit.
    pub async fn undo(&mut self) {
        let mut problems = Vec::new();
        if let Some(Trash { held, results, aligned, exact, series }) = self.trash.take() {
            held.into_iter().for_each(|held| self.held.insert(Held { is_told: false, ..held }));
            for (item, exact) in exact {
                self.put_back(item, exact);
            }
            if let Some(series) = series {
                (self.chosen_series, self.is_paused) = series;
            }
            self.aligned.extend(aligned);
            problems = self.settle().await;
            for mut kept in results {
                let is_another =
                    |new: &Kept<_, _>| std::mem::discriminant(&new.question) == std::mem::discriminant(&kept.question);
                let fits = sources(&self.held, &kept.question).is_some_and(|sources| sources == kept.sources);
                if fits && !self.results.iter().any(is_another) {
                    self.send(Some(kept.job), &mut kept.made);
                    self.results.keep(kept);
                }
            }
        }
        self.finish(true, problems).await;
    }

    /// Nothing is wanted back any more.
    pub fn forget(&mut self) {
        self.trash = None;
    }
}
