//! What the page asks the engine to compute, one at a time: from the question to the result, or to why there is none.

use std::sync::Arc;

/// A result that arrives in pieces: its report, then its modules.
pub trait Arriving {
    type Module;

    fn modules(&mut self) -> &mut Vec<Self::Module>;
    /// From the question to the last module; `None` where the page did not ask.
    fn took(&mut self, seconds: Option<f64>);
}

/// Questions `Q` and their results `R`. The last result stays until the next one is whole.
#[derive(Clone, Debug)]
pub struct Run<Q, R> {
    pub result: Option<Arc<R>>,
    /// What is being computed, since when.
    running: Option<(Q, f64)>,
    /// With the number of modules that it is to have.
    arriving: Option<(usize, R)>,
    /// Why the last one did not come.
    failed: Option<(Q, String)>,
}

impl<Q, R> Default for Run<Q, R> {
    fn default() -> Run<Q, R> {
        Run { result: None, running: None, arriving: None, failed: None }
    }
}

impl<Q: Clone + PartialEq, R: Arriving> Run<Q, R> {
    /// A question goes to the engine.
    pub fn begin(&mut self, question: Q, now_ms: f64) {
        self.failed = None;
        self.running = Some((question, now_ms));
    }

    /// The question under way.
    pub fn asked(&self) -> Option<&Q> {
        self.running.as_ref().map(|(question, _)| question)
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// A result follows, `modules` of them.
    pub fn announced(&mut self, modules: usize, mut result: R, now_ms: f64) {
        result.modules().reserve(modules.min(1 << 16));
        self.arriving = Some((modules, result));
        self.pieces(Vec::new(), now_ms);
    }

    /// The result comes into view only when it is whole.
    pub fn pieces(&mut self, more: Vec<R::Module>, now_ms: f64) {
        let Some((expected, result)) = &mut self.arriving else { return };
        result.modules().extend(more);
        if result.modules().len() < *expected {
            return;
        }
        let Some((_, mut result)) = self.arriving.take() else { return };
        result.took(self.running.take().map(|(_, since_ms)| (now_ms - since_ms) / 1000.0));
        self.result = Some(Arc::new(result));
    }

    /// `None` is a cancel: nothing went wrong.
    pub fn refused(&mut self, text: Option<String>) {
        if let Some(((question, _), text)) = self.running.take().zip(text) {
            self.failed = Some((question, text));
        }
    }

    /// Why the last answer to just this question did not come.
    pub fn refusal(&self, question: &Q) -> Option<&String> {
        self.failed.as_ref().filter(|(of, _)| of == question).map(|(_, text)| text)
    }

    /// What it was of is gone.
    pub fn gone(&mut self) {
        (self.result, self.arriving) = (None, None);
    }

    /// The engine has ended what it was doing, or is gone.
    pub fn ended(&mut self) {
        (self.running, self.arriving) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Answer(Vec<u32>, Option<f64>);

    impl Arriving for Answer {
        type Module = u32;

        fn modules(&mut self) -> &mut Vec<u32> {
            &mut self.0
        }

        fn took(&mut self, seconds: Option<f64>) {
            self.1 = seconds;
        }
    }

    #[test]
    fn the_last_result_stays_until_the_next_is_whole() {
        let mut run: Run<u32, Answer> = Run::default();
        run.begin(7, 500.0);
        assert_eq!((run.asked(), run.is_running()), (Some(&7), true));
        run.announced(2, Answer::default(), 600.0);
        run.pieces(vec![1], 700.0);
        assert_eq!(run.result, None);
        run.pieces(vec![2], 1500.0);
        assert_eq!((run.result.as_deref(), run.is_running()), (Some(&Answer(vec![1, 2], Some(1.0))), false));
        run.begin(8, 0.0);
        run.announced(1, Answer::default(), 0.0);
        run.ended();
        run.pieces(vec![3], 0.0);
        assert_eq!(run.result.as_ref().map(|r| r.0.len()), Some(2), "nobody waits for it");
        // Unasked, and of no module: it is whole at once.
        run.announced(0, Answer::default(), 0.0);
        assert_eq!(run.result.as_deref(), Some(&Answer(vec![], None)));
        run.gone();
        assert_eq!(run.result, None);
    }

    #[test]
    fn a_refusal_is_of_its_question_and_a_cancel_is_none() {
        let mut run: Run<u32, Answer> = Run::default();
        run.begin(7, 0.0);
        run.refused(Some("too large".to_owned()));
        assert_eq!((run.refusal(&7).map(String::as_str), run.refusal(&8)), (Some("too large"), None));
        run.begin(7, 0.0);
        assert_eq!(run.refusal(&7), None);
        run.refused(None);
        assert_eq!((run.refusal(&7), run.is_running()), (None, false));
    }
}
