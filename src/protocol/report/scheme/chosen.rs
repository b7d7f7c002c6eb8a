//! The scheme that a person chose for the adapters in view.

use serde::{Deserialize, Serialize};

use super::Scheme;
use crate::report::{DomainReport, ModuleReport, Report};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Chosen {
    /// The one that fits the model, or that the report came with.
    #[default]
    Fitting,
    LegalExam,
    ByBlock,
    Own(Box<Scheme>),
}

impl Chosen {
    /// The scheme for these modules; `None` where it is the one that the report has.
    pub fn scheme(&self, modules: &[ModuleReport]) -> Option<Scheme> {
        match self {
            Self::Fitting => None,
            Self::LegalExam => Some(Scheme::legal_exam()),
            Self::ByBlock => Some(Scheme::of_blocks(modules)),
            Self::Own(scheme) => Some(scheme.as_ref().clone()),
        }
    }

    /// The scores of an adapter's modules, whose report has `known`.
    pub fn score(&self, known: &DomainReport, modules: &[ModuleReport]) -> DomainReport {
        // A report that came by a link has rounded modules, and scores that are not.
        let is_known = |scheme: &Scheme| match scheme.built_in {
            Some(_) => known.built_in() == scheme.built_in,
            None => known.own.as_ref() == Some(scheme),
        };
        match self.scheme(modules) {
            Some(scheme) if !is_known(&scheme) => scheme.score_modules(modules),
            _ => known.clone(),
        }
    }

    /// Scores every adapter of a report.
    pub fn apply(&self, report: &mut Report) {
        for adapter in &mut report.adapters {
            adapter.domains = self.score(&adapter.domains, &adapter.modules);
        }
    }
}
