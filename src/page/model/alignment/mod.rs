//! What the page knows of alignments: the states to align with, and each adapter beside their updates.

use std::collections::BTreeMap;
use std::sync::Arc;

use lorascope_protocol::report::{AlignedModule, AlignmentReport, Along};
use lorascope_protocol::{ItemId, Stage};

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

/// An adapter's alignments that are still arriving.
#[derive(Clone, Debug)]
struct Arriving {
    along: Along,
    count: usize,
    /// With the number of modules that each is to have.
    updates: Vec<(usize, Update)>,
}

impl Arriving {
    fn is_whole(&self) -> bool {
        self.updates.len() >= self.count
            && self.updates.iter().all(|(expected, update)| update.modules.len() >= *expected)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Alignment {
    pub checkpoints: Series,
    pub adapters: Series,
    /// What the person chose to look along; `None` is what there is.
    pub chosen: Option<Along>,
    sets: BTreeMap<ItemId, [Option<Arc<Aligned>>; 2]>,
    arriving: BTreeMap<ItemId, Arriving>,
    running: bool,
    /// What the engine had to say of alignments since the last one was asked for.
    said: Vec<String>,
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

    /// Another alignment goes to the engine: what was said of the former ones is history.
    pub fn begin(&mut self) -> Vec<String> {
        self.running = true;
        std::mem::take(&mut self.said)
    }

    pub(super) fn say(&mut self, texts: Vec<String>) {
        self.said.extend(texts);
    }

    pub fn is_running(&self) -> bool {
        self.running
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

    /// What was there stays in view until its successor is whole.
    pub(super) fn announced(&mut self, item: ItemId, along: Along, count: usize) {
        if count == 0 {
            self.arriving.retain(|i, arriving| *i != item || arriving.along != along);
            self.set(item, along, None);
            return;
        }
        self.arriving.insert(item, Arriving { along, count, updates: Vec::with_capacity(count.min(1 << 10)) });
    }

    pub(super) fn arrived(&mut self, item: ItemId, modules: usize, whole_run: bool, report: AlignmentReport) {
        let Some(arriving) = self.arriving.get_mut(&item) else { return };
        let update = Update { whole_run, report, modules: Vec::with_capacity(modules.min(1 << 16)) };
        arriving.updates.push((modules, update));
        self.publish(item);
    }

    pub(super) fn modules(&mut self, item: ItemId, modules: Vec<AlignedModule>) {
        if let Some((_, update)) = self.arriving.get_mut(&item).and_then(|a| a.updates.last_mut()) {
            update.modules.extend(modules);
        }
        self.publish(item);
    }

    fn publish(&mut self, item: ItemId) {
        if !self.arriving.get(&item).is_some_and(Arriving::is_whole) {
            return;
        }
        let Some(Arriving { along, updates, .. }) = self.arriving.remove(&item) else { return };
        let updates = updates.into_iter().map(|(_, update)| update).collect();
        self.set(item, along, Some(Arc::new(Aligned { updates })));
    }

    fn set(&mut self, item: ItemId, along: Along, set: Option<Arc<Aligned>>) {
        self.sets.entry(item).or_default()[along as usize] = set;
    }

    /// The engine has ended what it was doing: what has not come whole will not come, and its former self is replaced.
    pub(super) fn ended(&mut self) {
        self.running = false;
        for (item, arriving) in std::mem::take(&mut self.arriving) {
            self.set(item, arriving.along, None);
        }
    }

    /// The engine is gone.
    pub(super) fn crashed(&mut self) {
        self.running = false;
        self.arriving.clear();
    }

    pub(super) fn lost(&mut self, item: ItemId) {
        self.sets.remove(&item);
        self.arriving.remove(&item);
        self.checkpoints.lost(item);
        self.adapters.lost(item);
    }
}

#[cfg(test)]
mod tests;
