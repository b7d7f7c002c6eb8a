//! What the page asks the engine to compute, one at a time: from the question to the result, or to why there is none.

use std::sync::Arc;

use lorascope_protocol::{JobId, Piece};

/// Why the last question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    Cancelled,
    Refused(String),
}

/// Questions `Q` and their results `R`. The last result stays until the next one is there.
#[derive(Clone, Debug)]
pub struct Run<Q, R> {
    pub result: Option<Arc<R>>,
    /// The job that gave it.
    of: Option<JobId>,
    /// The last question, and when it was asked.
    last: Option<(JobId, Q, f64)>,
    is_running: bool,
    stopped: Option<Stopped>,
}

impl<Q, R> Default for Run<Q, R> {
    fn default() -> Run<Q, R> {
        Run { result: None, of: None, last: None, is_running: false, stopped: None }
    }
}

impl<Q: Clone + PartialEq, R> Run<Q, R> {
    /// A question goes to the engine.
    pub fn begin(&mut self, job: JobId, question: Q, now_ms: f64) {
        self.last = Some((job, question, now_ms));
        (self.is_running, self.stopped) = (true, None);
    }

    pub fn is_running(&self) -> bool {
        self.is_running
    }

    /// The answer to a job is there: `make` makes a result of it, with the question and the seconds that it took where the
    /// page knows them. An earlier one may come again, after it was gone.
    pub fn answered(&mut self, job: Option<JobId>, now_ms: f64, make: impl FnOnce(Option<Q>, Option<f64>) -> R) {
        let asked = self.last.as_ref().filter(|(last, ..)| Some(*last) == job);
        let seconds = asked.filter(|_| self.is_running).map(|(_, _, since_ms)| (now_ms - since_ms) / 1000.0);
        if asked.is_some() {
            (self.is_running, self.stopped) = (false, None);
        }
        let result = make(asked.map(|(_, question, _)| question.clone()), seconds);
        (self.result, self.of) = (Some(Arc::new(result)), job);
    }

    /// The questions of a run whose results are about to come back, unless there is something newer here.
    pub fn remember(&mut self, former: Run<Q, R>) {
        if self.result.is_none() && !self.is_running {
            *self = Run { result: None, of: None, is_running: false, ..former };
        }
    }

    /// There will be no answer: in words, or cancelled. False where it is not of this run's last question.
    pub fn refused(&mut self, job: JobId, text: Option<&str>) -> bool {
        let is_mine = self.last.as_ref().is_some_and(|(last, ..)| *last == job);
        if is_mine {
            self.is_running = false;
            self.stopped = Some(text.map_or(Stopped::Cancelled, |text| Stopped::Refused(text.to_owned())));
        }
        is_mine
    }

    /// Why the last answer to just this question did not come; a cancel is no reason.
    pub fn refusal(&self, question: &Q) -> Option<&String> {
        match (&self.last, &self.stopped) {
            (Some((_, last, _)), Some(Stopped::Refused(text))) if last == question => Some(text),
            _ => None,
        }
    }

    pub fn stopped(&self) -> Option<&Stopped> {
        self.stopped.as_ref()
    }

    /// What kept the last answer from coming may be over.
    pub fn world_changed(&mut self) {
        self.stopped = None;
    }

    /// The result of that job no longer fits what is here. False where it is not this one.
    pub fn gone(&mut self, job: JobId) -> bool {
        let is_mine = self.of == Some(job);
        if is_mine {
            (self.result, self.of) = (None, None);
        }
        is_mine
    }

    /// The engine has ended what it was doing, or is gone.
    pub fn ended(&mut self) {
        if std::mem::take(&mut self.is_running) && self.stopped.is_none() {
            self.stopped = Some(Stopped::Cancelled);
        }
    }
}

/// The rows of a result's pieces, in order; `of` gives those of one piece.
pub fn rows<T>(pieces: Vec<Piece>, of: impl FnMut(Piece) -> Option<Vec<T>>) -> Vec<T> {
    pieces.into_iter().filter_map(of).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_result_stays_until_the_next_is_there() {
        let mut run: Run<u32, (Option<u32>, Option<f64>)> = Run::default();
        let made = |asked: Option<u32>, seconds: Option<f64>| (asked, seconds);
        run.begin(1, 7, 500.0);
        assert!(run.is_running());
        run.answered(Some(1), 1500.0, made);
        assert_eq!((run.result.as_deref(), run.is_running()), (Some(&(Some(7), Some(1.0))), false));
        run.begin(2, 8, 0.0);
        run.ended();
        assert_eq!(run.stopped(), Some(&Stopped::Cancelled));
        assert!(!run.gone(2) && run.result.is_some());
        assert!(run.gone(1) && run.result.is_none());
        // A removal was undone: it is there again, whatever has been asked since.
        run.answered(Some(1), 0.0, made);
        assert_eq!(run.result.as_deref(), Some(&(None, None)));
        // After a Clear, with what was asked then.
        let mut fresh = Run::default();
        fresh.remember(run);
        fresh.answered(Some(2), 9000.0, made);
        assert_eq!(fresh.result.as_deref(), Some(&(Some(8), None)), "nobody waited for it");
    }

    #[test]
    fn a_refusal_is_of_its_question_and_a_cancel_is_none() {
        let mut run: Run<u32, ()> = Run::default();
        run.begin(1, 7, 0.0);
        assert!(!run.refused(9, Some("another job")) && run.is_running());
        assert!(run.refused(1, Some("too large")));
        assert_eq!((run.refusal(&7).map(String::as_str), run.refusal(&8)), (Some("too large"), None));
        run.begin(2, 7, 0.0);
        assert_eq!(run.refusal(&7), None);
        run.refused(2, None);
        assert_eq!((run.refusal(&7), run.is_running()), (None, false));
    }
}
