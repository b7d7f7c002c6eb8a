//! Extractions in the page's state: what is wanted, what went wrong.

use super::USUAL_RANK;
use crate::model::shown::State;
use lorascope_protocol::{ExtractRequest, ItemId, JobId, Question, Stage};

impl State {
    /// The checkpoints that a LoRA can be taken out of, in the order of their series.
    pub fn extraction_states(&self) -> impl Iterator<Item = &Stage> {
        self.alignment.checkpoints.all()
    }

    /// The two ends: as chosen, else the first and the last that the series uses; `None` with less than two.
    pub fn extraction_ends(&self) -> Option<(ItemId, ItemId)> {
        let all: Vec<ItemId> = self.extraction_states().map(|s| s.item).collect();
        let used = self.alignment.checkpoints.wanted();
        let order = if used.len() > 1 { &used } else { &all };
        let [first, .., last] = order[..] else { return None };
        let there = |item: Option<ItemId>| item.filter(|item| all.contains(item));
        let form = &self.extraction.form;
        Some((there(form.from).unwrap_or(first), there(form.to).unwrap_or(last)))
    }

    /// The rank where none has been typed: that of the adapter in view.
    pub fn suggested_rank(&self) -> u32 {
        self.selected().map_or(USUAL_RANK, |adapter| adapter.report.rank.max.max(1))
    }

    /// What the form asks for, or which field holds no usable value; `None` without two checkpoints.
    pub fn extraction_wanted(&self) -> Option<Result<ExtractRequest, String>> {
        let (from, to) = self.extraction_ends()?;
        Some(self.extraction.form.request(from, to, self.suggested_rank()))
    }

    /// What keeps the form from a result, in words: a field, then what the engine said of just this.
    pub fn extraction_problem(&self) -> Option<String> {
        match self.extraction_wanted()? {
            Err(text) => Some(text),
            Ok(wanted) => self.extraction.run.refusal(&wanted).cloned(),
        }
    }

    /// The last result is of other settings than the form shows.
    pub fn extraction_is_other(&self) -> bool {
        let Some(result) = &self.extraction.run.result else { return false };
        match (self.extraction_wanted(), result.request) {
            (Some(Ok(wanted)), Some(request)) => wanted != request,
            _ => true,
        }
    }

    /// An extraction goes to the engine.
    pub fn begin_extraction(&mut self, job: JobId, request: ExtractRequest, now_ms: f64) -> Question {
        self.begin_job("Extracting");
        self.extraction.run.begin(job, request, now_ms);
        Question::Extract(request)
    }
}
