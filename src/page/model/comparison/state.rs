//! The comparison in the page's state: what may be asked of the engine now.

use super::matrix::Matrix;
use super::{Aside, ModuleId, PairId};
use crate::model::shown::State;
use lorascope_protocol::{ItemId, JobId, Question};

impl State {
    /// There are two adapters at least.
    pub fn can_compare(&self) -> bool {
        self.adapters.len() > 1
    }

    /// A comparison is worth asking for by itself: there is none, and nobody stopped it.
    pub fn comparison_due(&self) -> bool {
        self.can_compare()
            && self.is_free()
            && self.comparison.run.result.is_none()
            && !self.comparison.run.is_running()
            && self.comparison.run.stopped().is_none()
    }

    /// The comparison goes to the engine: what to send.
    pub fn begin_comparison(&mut self, job: JobId, now_ms: f64) -> Question {
        self.begin_job("Comparing");
        self.comparison.run.begin(job, (), now_ms);
        Question::Compare
    }

    /// The question for the modules of a pair: none while the engine works, where it was asked, or where they are here.
    pub fn ask_pair(&mut self, job: JobId, pair: PairId) -> Option<Question> {
        let comparison = &self.comparison;
        if !self.is_free() || comparison.run.result.is_none() || comparison.lists(pair).is_some() {
            return None;
        }
        let (a, b) = pair;
        self.comparison.ask(job, Aside::Pair(pair)).then_some(Question::Pair { a, b })
    }

    /// The question for φ(i, j) of a module, under the same conditions.
    pub fn ask_module(&mut self, job: JobId, of: ModuleId) -> Option<Question> {
        let comparison = &self.comparison;
        if !self.is_free() || comparison.run.result.is_none() || comparison.overlap(&of).is_some() {
            return None;
        }
        let ((a, b), name) = of.clone();
        self.comparison.ask(job, Aside::Module(of)).then_some(Question::Overlap { a, b, name })
    }

    /// The matrix of the comparison, with the names of its adapters.
    pub fn matrix(&self) -> Option<Matrix> {
        let compared = self.comparison.run.result.clone()?;
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
