//! What the page knows of projections: the form, the plan that previews it, the last result.
//!
//! The engine answers questions in the order in which they come, and names only the adapter in its answers. So one
//! question at a time is under way, and its answer is of what was asked then, whatever has been typed meanwhile.

use std::sync::Arc;

use crate::projection::{PlanRow, Request};
use crate::protocol::{ItemId, PlanHead};
use crate::report::{ProjectedModule, ProjectionReport};

pub mod figures;
pub mod form;
pub mod pair;
pub mod plan;
pub mod rank;
pub mod result;
mod state;
#[cfg(test)]
mod testing;

use form::Form;
use plan::{Plan, Planned};
use result::Projected;

/// A projection that is asked for, or asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    pub item: ItemId,
    /// Of what was dropped, when it was asked: the same request may have another answer later.
    pub version: u64,
    pub request: Request,
}

impl Ask {
    /// Do both ask for the same of the same adapter?
    pub fn is_like(&self, other: &Ask) -> bool {
        self.item == other.item && self.request == other.request
    }
}

/// Something under way since a moment.
#[derive(Clone, Debug)]
struct Running {
    ask: Ask,
    since_ms: f64,
}

#[derive(Clone, Debug, Default)]
pub struct Projection {
    pub form: Form,
    /// The last plan that came whole, or why there was none.
    pub planned: Option<Arc<Planned>>,
    /// What the base model is called where the form does not say.
    pub base_model: Option<String>,
    pub result: Option<Arc<Projected>>,
    version: u64,
    asked: Option<Ask>,
    planning: Option<(PlanHead, Vec<PlanRow>)>,
    running: Option<Running>,
    arriving: Option<(usize, Projected)>,
    /// Why the last projection did not come.
    failed: Option<(Ask, String)>,
}

impl Projection {
    /// A question about a plan goes to the engine.
    pub fn asked(&mut self, ask: Ask) {
        self.asked = Some(ask);
        self.planning = None;
    }

    /// What was dropped has changed: the same request may have another answer.
    pub(super) fn world_changed(&mut self) {
        self.version += 1;
    }

    pub(super) fn planned(&mut self, item: ItemId, plan: Result<Box<PlanHead>, String>) {
        let Some(ask) = self.asked.take_if(|ask| ask.item == item) else { return };
        match plan {
            Err(text) => self.planned = Some(Arc::new(Planned { ask, outcome: Err(text) })),
            Ok(head) => {
                self.asked = Some(ask);
                self.planning = Some((*head, Vec::new()));
                self.plan_rows(item, Vec::new());
            }
        }
    }

    pub(super) fn plan_rows(&mut self, item: ItemId, more: Vec<PlanRow>) {
        let is_ours = self.asked.as_ref().is_some_and(|ask| ask.item == item);
        let Some((head, rows)) = self.planning.as_mut().filter(|_| is_ours) else { return };
        rows.extend(more);
        if rows.len() < head.rows {
            return;
        }
        let (Some(ask), Some((head, rows))) = (self.asked.take(), self.planning.take()) else { return };
        if ask.request.base_model.is_none() {
            self.base_model.clone_from(&head.base_model);
        }
        let plan = Arc::new(Plan::new(head, rows, &ask));
        self.planned = Some(Arc::new(Planned { ask, outcome: Ok(plan) }));
    }

    pub(super) fn projected(&mut self, item: ItemId, modules: usize, report: ProjectionReport, now_ms: f64) {
        let ask = self.running.as_ref().map(|running| running.ask.clone()).filter(|ask| ask.item == item);
        let projected =
            Projected { item, ask, report, modules: Vec::with_capacity(modules.min(1 << 16)), seconds: None };
        self.arriving = Some((modules, projected));
        self.modules(Vec::new(), now_ms);
    }

    /// The result comes into view only when it is whole.
    pub(super) fn modules(&mut self, more: Vec<ProjectedModule>, now_ms: f64) {
        let Some((expected, projected)) = &mut self.arriving else { return };
        projected.modules.extend(more);
        if projected.modules.len() < *expected {
            return;
        }
        let Some((_, mut projected)) = self.arriving.take() else { return };
        projected.seconds = self.running.take().map(|running| (now_ms - running.since_ms) / 1000.0);
        self.result = Some(Arc::new(projected));
    }

    /// `None` is a cancel: nothing went wrong.
    pub(super) fn not_projected(&mut self, text: Option<String>) {
        if let Some((running, text)) = self.running.take().zip(text) {
            self.failed = Some((running.ask, text));
        }
    }

    pub(super) fn gone(&mut self) {
        (self.result, self.arriving) = (None, None);
    }

    /// The engine has ended what it was doing.
    pub(super) fn ended(&mut self) {
        (self.running, self.arriving) = (None, None);
    }

    /// The engine is gone, and with it what it was asked.
    pub(super) fn crashed(&mut self) {
        self.ended();
        (self.asked, self.planning) = (None, None);
    }

    pub(super) fn lost(&mut self, item: ItemId) {
        self.form.lost(item);
        self.world_changed();
        // Items are never numbered again: a late answer finds nobody.
        if self.asked.take_if(|ask| ask.item == item).is_some() {
            self.planning = None;
        }
        if self.result.as_ref().is_some_and(|result| result.item == item) {
            self.gone();
        }
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

#[cfg(test)]
mod tests;
