//! What the page knows of alignments: the states to align with, and each adapter beside their updates.

use std::collections::BTreeMap;
use std::sync::Arc;

use lorascope_protocol::report::Along;
use lorascope_protocol::{ItemId, Piece, Stage};

pub mod aligned;
pub mod figures;
pub mod joined;
mod roles;
pub mod series;
mod state;
#[cfg(test)]
pub(in crate::model) mod testing;
pub mod trajectory;

use aligned::{Aligned, Update};
use series::Series;

#[derive(Clone, Debug, Default)]
pub struct Alignment {
    pub checkpoints: Series,
    pub adapters: Series,
    /// What the person chose to look along; `None` is what there is.
    pub chosen: Option<Along>,
    sets: BTreeMap<ItemId, [Option<Arc<Aligned>>; 2]>,
}

impl Alignment {
    pub fn series(&self, along: Along) -> &Series {
        match along {
            Along::Checkpoints => &self.checkpoints,
            Along::Adapters => &self.adapters,
        }
    }

    pub fn series_mut(&mut self, along: Along) -> &mut Series {
        match along {
            Along::Checkpoints => &mut self.checkpoints,
            Along::Adapters => &mut self.adapters,
        }
    }

    /// Both kinds of states are there: the person can choose.
    pub fn has_choice(&self) -> bool {
        !self.checkpoints.is_empty() && !self.adapters.is_empty()
    }

    /// Along what to look: as chosen, else along the kind that makes updates, checkpoints first.
    pub fn along(&self) -> Along {
        let chosen = self.chosen.filter(|along| !self.series(*along).is_empty());
        let makes_updates = |along: &Along| self.series(*along).wanted().len() > 1;
        let kinds = [Along::Checkpoints, Along::Adapters];
        chosen.or_else(|| kinds.into_iter().find(makes_updates)).unwrap_or_else(|| {
            if self.checkpoints.is_empty() && !self.adapters.is_empty() { Along::Adapters } else { Along::Checkpoints }
        })
    }

    pub fn of(&self, item: ItemId, along: Along) -> Option<&Arc<Aligned>> {
        self.sets.get(&item)?[along as usize].as_ref()
    }

    /// Is there anything to show of any adapter?
    pub fn has_any(&self) -> bool {
        self.sets.values().flatten().any(Option::is_some)
    }

    pub(super) fn states(&mut self, along: Along, stages: Vec<Stage>, unused: Vec<Stage>) {
        // A single adapter is the one in view, not the beginning of a training.
        let is_lone = along == Along::Adapters && stages.len() + unused.len() < 2;
        let (stages, unused) = if is_lone { (Vec::new(), Vec::new()) } else { (stages, unused) };
        let series = self.series_mut(along);
        if !series.is_of(&stages, &unused) {
            *series = Series::new(stages, unused);
        }
    }

    /// All alignments of an adapter along a series; none, where they are gone.
    pub(super) fn arrived(&mut self, item: ItemId, along: Along, pieces: Vec<Piece>) {
        let mut updates: Vec<Update> = Vec::new();
        for piece in pieces {
            match (piece, updates.last_mut()) {
                (Piece::Alignment { whole_run, report }, _) => {
                    updates.push(Update { whole_run, report: *report, modules: Vec::new() });
                }
                (Piece::Aligned(modules), Some(update)) => update.modules.extend(modules),
                _ => {}
            }
        }
        let set = (!updates.is_empty()).then(|| Arc::new(Aligned { updates }));
        self.sets.entry(item).or_default()[along as usize] = set;
    }

    pub(super) fn lost(&mut self, item: ItemId) {
        self.sets.remove(&item);
        self.checkpoints.lost(item);
        self.adapters.lost(item);
    }
}

#[cfg(test)]
mod tests;
