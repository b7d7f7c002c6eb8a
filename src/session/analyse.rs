//! One adapter: its batches, one after the other, to the singular values of every module.

use super::held::Found;
use super::jobs::Spectra;
use super::{Emit, Session, tensors};
use crate::adapter::{Adapter, FaultLog, ModuleFault};
use crate::compute::plan::{self, Cost};
use crate::compute::{ComputeError, Pulse};
use crate::intake::AdapterFile;
use crate::linalg::{Spectrum, Want};
use crate::protocol::{Progress, ToPage};
use crate::report::NotAnalyzed;
use crate::source::{ByteSource, SourceError};

/// Why an adapter has no result.
pub(super) enum Stopped {
    Cancelled,
    /// A sentence that names the file.
    Failed(String),
}

impl From<SourceError> for Stopped {
    fn from(error: SourceError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ComputeError> for Stopped {
    fn from(error: ComputeError) -> Self {
        match error {
            ComputeError::Cancelled => Self::Cancelled,
            error => Self::Failed(format!("{error}.")),
        }
    }
}

/// What of a drop is done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Work {
    pub done: u64,
    pub total: u64,
}

/// Bytes of the factors that are to be read.
pub(super) fn bytes_of(adapter: &Adapter) -> u64 {
    adapter.modules.iter().filter_map(tensors::cost).map(|cost| cost.bytes).sum()
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Reads and computes every module.
    pub(super) async fn analyse(
        &mut self,
        file: &AdapterFile<crate::source::Metered<S>>,
        adapter: &Adapter,
        work: &mut Work,
    ) -> Result<Found, Stopped> {
        let mut faults = FaultLog::default();
        let mut spectra: Vec<Option<Vec<f64>>> = vec![None; adapter.modules.len()];
        let mut numbers = Vec::new();
        let mut costs = Vec::new();
        for (n, module) in adapter.modules.iter().enumerate() {
            match tensors::cost(module) {
                Some(cost) => {
                    numbers.push(n);
                    costs.push(cost);
                }
                None => {
                    let shape = format!("{:?}", module.shape);
                    faults.push(module.name.clone(), ModuleFault::TooLarge { shape });
                }
            }
        }
        for batch in plan::batches(&costs, self.chosen.aim()) {
            let cost = costs[batch.clone()].iter().copied().fold(Cost::default(), Cost::plus);
            self.progress(&file.label, batch.start, costs.len(), *work);
            let numbers = &numbers[batch];
            let modules: Vec<_> = numbers.iter().map(|&n| &adapter.modules[n]).collect();
            let pairs = tensors::read(&file.source, &modules).await?;
            let batch = match self.chosen.run(&Spectra { pairs: &pairs, want: Want::Values }, cost).await {
                Ok(batch) => batch,
                Err(ComputeError::Cancelled) => return Err(Stopped::Cancelled),
                Err(error) => return Err(Stopped::Failed(format!("{}: {error}.", file.source.path()))),
            };
            for (&n, spectrum) in numbers.iter().zip(batch) {
                let name = || adapter.modules[n].name.clone();
                match spectrum {
                    Spectrum::Found { sigma, fallback, .. } => {
                        self.fallbacks += u64::from(fallback);
                        spectra[n] = Some(sigma);
                    }
                    Spectrum::NotFinite { count } => faults.push(name(), ModuleFault::NotFinite { count }),
                    Spectrum::OutOfRange => faults.push(name(), ModuleFault::OutOfRange),
                }
            }
            work.done += cost.bytes;
        }
        let warnings = faults.sentences();
        let not_analyzed = faults.into_reasons().map(|(name, reason)| NotAnalyzed { name, reason }).collect();
        if spectra.iter().all(Option::is_none) {
            let warnings: Vec<String> = adapter.warnings.iter().chain(&warnings).cloned().collect();
            let warnings = warnings.join(" ");
            let text = format!("{}: nothing in this adapter can be analysed: {warnings}", file.source.path());
            return Err(Stopped::Failed(text));
        }
        Ok(Found { spectra, warnings, not_analyzed })
    }

    fn progress(&self, label: &str, done: usize, modules: usize, work: Work) {
        let text = format!("Analysing {label}: {done} of {modules} modules");
        self.emit.emit(ToPage::Progress(Progress { text, done: work.done, total: work.total }));
    }
}
