//! The comparison in the page's state: what may be asked of the engine now.

use super::matrix::Matrix;
use super::{ModuleId, PairId};
use crate::model::shown::{Phase, State};
use lorascope_protocol::{ItemId, ToEngine};

impl State {
    /// There are two adapters at least.
    pub fn can_compare(&self) -> bool {
        self.adapters.len() > 1
    }

    /// A comparison is worth asking for by itself: there is none, and nobody stopped it.
    pub fn comparison_due(&self) -> bool {
        self.can_compare()
            && self.is_free()
            && self.comparison.whole.is_none()
            && !self.comparison.is_running()
            && self.comparison.stopped.is_none()
    }

    /// The comparison goes to the engine: what to send.
    pub fn begin_comparison(&mut self) -> ToEngine {
        self.phase = Phase::Analyzing;
        self.running = None;
        self.comparison.begin();
        ToEngine::Compare
    }

    /// The question for the modules of a pair: none while the engine works, where it was asked, or where they are here.
    pub fn ask_pair(&mut self, pair: PairId) -> Option<ToEngine> {
        let comparison = &self.comparison;
        if !self.is_free() || comparison.whole.is_none() || comparison.lists(pair).is_some() {
            return None;
        }
        let (a, b) = pair;
        self.comparison.asked_pairs.insert(pair).then_some(ToEngine::ComparePair { a, b })
    }

    /// The question for φ(i, j) of a module, under the same conditions.
    pub fn ask_module(&mut self, of: ModuleId) -> Option<ToEngine> {
        let comparison = &self.comparison;
        if !self.is_free() || comparison.whole.is_none() || comparison.overlap(&of).is_some() {
            return None;
        }
        let ((a, b), name) = of.clone();
        self.comparison.asked_modules.insert(of).then_some(ToEngine::CompareModule { a, b, name })
    }

    /// The matrix of the comparison, with the names of its adapters.
    pub fn matrix(&self) -> Option<Matrix> {
        let compared = self.comparison.whole.clone()?;
        let labels = compared.items.iter().map(|item| self.label_of(*item)).collect();
        let zero = |item: &ItemId| self.adapters.get(item).is_some_and(|a| a.report.energy == 0.0);
        let zero = compared.items.iter().map(zero).collect();
        Some(Matrix { compared, labels, zero })
    }

    /// What a thing that was dropped is called.
    fn label_of(&self, item: ItemId) -> String {
        let known = self.adapters.get(&item).map(|adapter| adapter.report.label.clone());
        known.or_else(|| self.items.iter().find(|i| i.item == item).map(|i| i.label.clone())).unwrap_or_default()
    }
}
