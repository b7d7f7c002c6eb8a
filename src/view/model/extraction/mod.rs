//! What the page knows of extractions: the form and the last result.

use std::sync::Arc;

use crate::protocol::{ExtractRequest, ItemId};
use crate::report::{ExtractedModule, ExtractionReport};

pub mod form;
pub mod result;
mod state;
#[cfg(test)]
mod testing;

use form::Form;
use result::Extracted;

/// The rank suggested where no adapter says one.
pub const USUAL_RANK: u32 = 16;

#[derive(Clone, Debug, Default)]
pub struct Extraction {
    pub form: Form,
    pub result: Option<Arc<Extracted>>,
    /// What is being computed, since when.
    running: Option<(ExtractRequest, f64)>,
    arriving: Option<(usize, Extracted)>,
    /// Why the last one did not come.
    failed: Option<(ExtractRequest, String)>,
}

impl Extraction {
    pub(super) fn extracted(&mut self, modules: usize, report: ExtractionReport, now_ms: f64) {
        let request = self.running.as_ref().map(|(request, _)| *request);
        let modules_of = Vec::with_capacity(modules.min(1 << 16));
        self.arriving = Some((modules, Extracted { request, report, modules: modules_of, seconds: None }));
        self.modules(Vec::new(), now_ms);
    }

    /// The result comes into view only when it is whole.
    pub(super) fn modules(&mut self, more: Vec<ExtractedModule>, now_ms: f64) {
        let Some((expected, extracted)) = &mut self.arriving else { return };
        extracted.modules.extend(more);
        if extracted.modules.len() < *expected {
            return;
        }
        let Some((_, mut extracted)) = self.arriving.take() else { return };
        extracted.seconds = self.running.take().map(|(_, since_ms)| (now_ms - since_ms) / 1000.0);
        self.result = Some(Arc::new(extracted));
    }

    /// `None` is a cancel: nothing went wrong.
    pub(super) fn not_extracted(&mut self, text: Option<String>) {
        if let Some(((request, _), text)) = self.running.take().zip(text) {
            self.failed = Some((request, text));
        }
    }

    pub(super) fn gone(&mut self) {
        (self.result, self.arriving) = (None, None);
    }

    /// The engine has ended what it was doing, or is gone.
    pub(super) fn ended(&mut self) {
        (self.running, self.arriving) = (None, None);
    }

    pub(super) fn lost(&mut self, item: ItemId) {
        self.form.lost(item);
        let has = |request: &ExtractRequest| request.from == item || request.to == item;
        if self.result.as_ref().and_then(|r| r.request.as_ref()).is_some_and(has) {
            self.gone();
        }
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

#[cfg(test)]
mod tests;
