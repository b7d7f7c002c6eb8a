//! What the page knows of projections: the form, the plan that previews it, the last result.
//!
//! The engine answers questions in the order in which they come, and names only the adapter in its answers. So one
//! question at a time is under way, and its answer is of what was asked then, whatever has been typed meanwhile.

use std::sync::Arc;

use crate::model::run::Run;
use lorascope_protocol::ItemId;
use lorascope_protocol::projection::PlanHead;
use lorascope_protocol::projection::{PlanRow, Refusal, Request};
use lorascope_protocol::report::ProjectionReport;

pub mod figures;
pub mod form;
pub mod pair;
pub mod plan;
pub mod rank;
pub mod result;
pub mod sizes;
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

#[derive(Clone, Debug, Default)]
pub struct Projection {
    pub form: Form,
    /// The last plan that came whole, or why there was none.
    pub planned: Option<Arc<Planned>>,
    /// What the base model is called where the form does not say.
    pub base_model: Option<String>,
    pub run: Run<Ask, Projected>,
    /// Its sample was asked for: it is computed as soon as it is here.
    pub(super) is_shown: bool,
    version: u64,
    asked: Option<Ask>,
    planning: Option<(PlanHead, Vec<PlanRow>)>,
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

    pub(super) fn planned(&mut self, item: ItemId, plan: Result<Box<PlanHead>, Refusal>) {
        let Some(ask) = self.asked.take_if(|ask| ask.item == item) else { return };
        match plan {
            Err(refusal) => self.planned = Some(Arc::new(Planned { ask, outcome: Err(refusal) })),
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
        let ask = self.run.asked().filter(|ask| ask.item == item).cloned();
        self.run.announced(modules, Projected { item, ask, report, modules: Vec::new(), seconds: None }, now_ms);
    }

    /// The engine is gone, and with it what it was asked.
    pub(super) fn crashed(&mut self) {
        self.run.ended();
        (self.asked, self.planning) = (None, None);
    }

    pub(super) fn lost(&mut self, item: ItemId) {
        self.form.lost(item);
        self.world_changed();
        // Items are never numbered again: a late answer finds nobody.
        if self.asked.take_if(|ask| ask.item == item).is_some() {
            self.planning = None;
        }
        if self.run.result.as_ref().is_some_and(|result| result.item == item) {
            self.run.gone();
        }
    }
}

#[cfg(test)]
mod tests;
