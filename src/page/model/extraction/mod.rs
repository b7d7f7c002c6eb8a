//! What the page knows of extractions: the form and the last result.

use crate::model::run::{Run, rows};
use lorascope_protocol::report::ExtractionReport;
use lorascope_protocol::{ExtractRequest, JobId, Piece};

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
    pub(super) fn extracted(&mut self, job: Option<JobId>, report: ExtractionReport, pieces: Vec<Piece>, now_ms: f64) {
        let modules = rows(pieces, |piece| if let Piece::Extracted(modules) = piece { Some(modules) } else { None });
        let made = |request, seconds| Extracted { job, request, report, modules, seconds };
        self.run.answered(job, now_ms, made);
    }
}

#[cfg(test)]
mod tests;
