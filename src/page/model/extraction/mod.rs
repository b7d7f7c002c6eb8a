//! What the page knows of extractions: the form and the last result.

use crate::model::run::Run;
use lorascope_protocol::report::ExtractionReport;
use lorascope_protocol::{ExtractRequest, ItemId};

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
    pub run: Run<ExtractRequest, Extracted>,
}

impl Extraction {
    pub(super) fn extracted(&mut self, modules: usize, report: ExtractionReport, now_ms: f64) {
        let request = self.run.asked().copied();
        self.run.announced(modules, Extracted { request, report, modules: Vec::new(), seconds: None }, now_ms);
    }

    pub(super) fn lost(&mut self, item: ItemId) {
        self.form.lost(item);
        let has = |request: &ExtractRequest| request.from == item || request.to == item;
        if self.run.result.as_ref().and_then(|r| r.request.as_ref()).is_some_and(has) {
            self.run.gone();
        }
    }
}

#[cfg(test)]
mod tests;
