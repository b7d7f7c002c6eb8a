//! Projections in the page's state: what is wanted, what may be asked, what went wrong.

use super::Ask;
use crate::model::shown::State;
use lorascope_protocol::{ItemKind, JobId, Question, Refusal};

impl State {
    /// What the form asks of the adapter in view, or which field holds no usable value; `None` without an adapter.
    pub fn wanted(&self) -> Option<Result<Ask, String>> {
        let adapter = self.adapters.get(&self.selected.filter(|_| !self.is_recalled())?)?;
        let request = self.projection.form.request(&adapter.modules);
        Some(request.map(|request| Ask { item: adapter.item, version: self.projection.version, request }))
    }

    /// The question that a plan should answer now: none while one is under way, while the engine works, or where
    /// the answer is there.
    pub fn plan_due(&self) -> Option<Ask> {
        if self.projection.planning.is_some() || !self.is_free() {
            return None;
        }
        let ask = self.wanted()?.ok()?;
        let answered = self.projection.planned.as_ref().is_some_and(|planned| planned.ask == ask);
        (!answered).then_some(ask)
    }

    /// The plan in view is of what the form says now.
    pub fn plan_is_current(&self) -> bool {
        let wanted = self.wanted();
        self.projection.planned.as_ref().is_some_and(|planned| wanted == Some(Ok(planned.ask.clone())))
    }

    /// What keeps the form from a result, in words: a field, then what the engine says of just this.
    pub fn projection_problem(&self) -> Option<String> {
        let ask = match self.wanted()? {
            Ok(ask) => ask,
            Err(text) => return Some(text),
        };
        let refused = self.projection.planned.as_ref().filter(|planned| planned.ask == ask);
        let refused = refused.and_then(|planned| planned.outcome.as_ref().err());
        refused.map(Refusal::to_string).or(self.projection.run.refusal(&ask).cloned())
    }

    /// Why the adapter in view cannot be projected whatever the form says: its format, or that only its report is here.
    pub fn projection_excluded(&self) -> Option<String> {
        let adapter = self.adapters.get(&self.selected?)?;
        if self.is_recalled() {
            return Some(Refusal::NeedsItsFile.to_string());
        }
        let planned = self.projection.planned.as_ref().filter(|planned| planned.ask.item == adapter.item)?;
        let refusal = planned.outcome.as_ref().err()?;
        matches!(refusal, Refusal::NotOfPeft(_) | Refusal::NeedsItsFile).then(|| refusal.to_string())
    }

    /// The last result is of other settings or of another adapter than the form shows.
    pub fn result_is_other(&self) -> bool {
        let Some(result) = &self.projection.run.result else { return false };
        match (self.wanted(), &result.ask) {
            (Some(Ok(wanted)), Some(ask)) => !wanted.is_like(ask),
            _ => true,
        }
    }

    /// The engine is there and waits.
    pub fn is_free(&self) -> bool {
        !self.phase.is_busy() && self.crash.is_none() && self.no_backend.is_none() && self.engine.is_some()
    }

    /// A projection goes to the engine.
    pub fn begin_projection(&mut self, job: JobId, ask: Ask, now_ms: f64) -> Question {
        self.begin_job("Projecting");
        self.projection.is_shown = false;
        let question = Question::Project { item: ask.item, request: Box::new(ask.request.clone()) };
        self.projection.run.begin(job, ask, now_ms);
        question
    }

    /// A question about a plan goes to the engine.
    pub fn begin_plan(&mut self, job: JobId, ask: Ask) -> Question {
        let question = Question::Plan { item: ask.item, request: Box::new(ask.request.clone()) };
        self.projection.planning = Some((job, ask));
        question
    }

    /// Dropped things that can be a target, with their labels.
    pub fn targets(&self) -> Vec<(u32, String)> {
        let is_target = |kind| matches!(kind, ItemKind::ModelConfig | ItemKind::Checkpoint);
        self.items.iter().filter(|i| is_target(i.kind)).map(|i| (i.item, i.label.clone())).collect()
    }
}
