//! What the page knows of projections: the form, the plan that previews it, the last result.

use std::sync::Arc;

use crate::model::run::{Run, rows};
use lorascope_protocol::projection::{PlanHead, Request};
use lorascope_protocol::report::ProjectionReport;
use lorascope_protocol::{ItemId, JobId, Piece, Refusal};

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
    /// The plan that is asked for.
    planning: Option<(JobId, Ask)>,
}

impl Projection {
    /// What was dropped has changed: the same request may have another answer.
    pub(super) fn world_changed(&mut self) {
        self.version += 1;
    }

    pub(super) fn planned(&mut self, job: Option<JobId>, head: PlanHead, pieces: Vec<Piece>) {
        let Some((_, ask)) = self.planning.take_if(|(asked, _)| Some(*asked) == job) else { return };
        let rows = rows(pieces, |piece| if let Piece::Plan(rows) = piece { Some(rows) } else { None });
        if ask.request.base_model.is_none() {
            self.base_model.clone_from(&head.base_model);
        }
        let plan = Arc::new(Plan::new(head, rows, &ask));
        self.planned = Some(Arc::new(Planned { ask, outcome: Ok(plan) }));
    }

    /// False where that was no plan.
    pub(super) fn plan_refused(&mut self, job: JobId, why: Option<Refusal>) -> bool {
        let Some((_, ask)) = self.planning.take_if(|(asked, _)| *asked == job) else { return false };
        let outcome = Err(why.unwrap_or_else(|| Refusal::Words("Cancelled.".to_owned())));
        self.planned = Some(Arc::new(Planned { ask, outcome }));
        true
    }

    pub(super) fn projected(
        &mut self,
        job: Option<JobId>,
        item: ItemId,
        report: ProjectionReport,
        pieces: Vec<Piece>,
        now_ms: f64,
    ) {
        let modules = rows(pieces, |piece| if let Piece::Projected(modules) = piece { Some(modules) } else { None });
        self.run.answered(job, now_ms, |ask, seconds| Projected { job, item, ask, report, modules, seconds });
    }

    /// The engine is gone, and with it what it was asked.
    pub(super) fn crashed(&mut self) {
        self.planning = None;
    }

    pub(super) fn lost(&mut self, item: ItemId) {
        self.form.lost(item);
        self.world_changed();
    }
}

#[cfg(test)]
mod tests;
