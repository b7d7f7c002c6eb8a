//! One adapter: its batches, one after the other, to the singular values of every module.

use super::held::Found;
use super::in_memory::largest;
use super::jobs::Spectra;
use super::tensors::{self, Way};
use super::{Emit, Session};
use crate::adapter::{Adapter, FaultLog, Module, ModuleFault};
use crate::analysis::Sigma;
use crate::compute::plan::{self, Cost};
use crate::compute::{ComputeError, Pulse};
use crate::formula::Made;
use crate::intake::AdapterFile;
use crate::linalg::{Pair, Spectrum, Want};
use crate::protocol::{Progress, ToPage};
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

/// What a module asks of a batch; one that is formed whole is a batch of its own.
fn batch_cost(way: Way) -> Option<Cost> {
    match way {
        Way::Thin(cost) => Some(cost),
        Way::Whole(numbers) => Some(Cost { bytes: numbers.saturating_mul(4), words: u64::MAX, products: u64::MAX }),
        Way::OfBase | Way::TooLarge => None,
    }
}

/// Bytes of what is to be computed.
pub(super) fn bytes_of(adapter: &Adapter) -> u64 {
    adapter.modules.iter().filter_map(|m| batch_cost(tensors::way(m))).map(|cost| cost.bytes).sum()
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Reads and computes every module, as far as the file alone gives it.
    pub(super) async fn analyse(
        &mut self,
        file: &AdapterFile<crate::source::Metered<S>>,
        adapter: &Adapter,
        work: &mut Work,
    ) -> Result<Found, Stopped> {
        let mut faults = FaultLog::default();
        let mut found = Found::of(adapter.modules.len());
        let mut numbers = Vec::new();
        let mut costs = Vec::new();
        for (n, module) in adapter.modules.iter().enumerate() {
            let way = tensors::way(module);
            match batch_cost(way) {
                Some(cost) => {
                    numbers.push(n);
                    costs.push(cost);
                }
                None if way == Way::OfBase => {
                    faults.push(module.name.clone(), ModuleFault::NeedsBase { kind: module.algorithm })
                }
                None => {
                    let shape = format!("{:?}", module.shape);
                    faults.push(module.name.clone(), ModuleFault::TooLarge { shape });
                }
            }
        }
        self.read_other_scales(file, adapter, &mut found).await?;
        for batch in plan::batches(&costs, self.chosen.aim()) {
            let cost = costs[batch.clone()].iter().copied().fold(Cost::default(), Cost::plus);
            self.progress(&file.label, batch.start, costs.len(), *work);
            let numbers = &numbers[batch];
            let modules: Vec<_> = numbers.iter().map(|&n| &adapter.modules[n]).collect();
            let tensors = tensors::read(&file.source, &modules).await?;
            let mut waiting = Vec::with_capacity(numbers.len());
            for (&n, module) in numbers.iter().zip(&modules) {
                found.stored[n] = tensors.stored(module);
                match tensors.made(module) {
                    Some(made) => waiting.push((n, made)),
                    None => faults.push(module.name.clone(), ModuleFault::Parts { has: module.algorithm.to_owned() }),
                }
                if self.chosen.is_cancelled().await {
                    return Err(Stopped::Cancelled);
                }
            }
            drop(tensors);
            let path = file.source.path();
            let spectra = self.spectra_of(waiting, cost).await.map_err(|stopped| match stopped {
                Stopped::Failed(text) => Stopped::Failed(format!("{path}: {text}")),
                Stopped::Cancelled => Stopped::Cancelled,
            })?;
            for (n, spectrum) in spectra {
                match spectrum {
                    Ok(sigma) => {
                        let module = &adapter.modules[n];
                        let count = module.shape[0].min(module.shape[1]);
                        let thin = module.update.width().map_or(count, |width| width.min(count));
                        let is_whole = sigma.rest_sq == 0.0;
                        found.spectra[n] = Some(if is_whole { sigma.resized(thin as usize) } else { sigma });
                    }
                    Err(fault) => faults.push(adapter.modules[n].name.clone(), fault),
                }
            }
            work.done += cost.bytes;
        }
        found.faults = faults;
        Ok(found)
    }

    /// The stored scales of modules that nothing else is computed of yet.
    async fn read_other_scales(
        &mut self,
        file: &AdapterFile<crate::source::Metered<S>>,
        adapter: &Adapter,
        found: &mut Found,
    ) -> Result<(), Stopped> {
        let waits =
            |(_, module): &(usize, &Module)| tensors::way(module) == Way::OfBase && module.stored_scale.is_some();
        for (n, module) in adapter.modules.iter().enumerate().filter(waits) {
            found.stored[n] = tensors::read_scale(&file.source, module).await?;
        }
        Ok(())
    }

    /// The singular values of updates, each by what it was made into.
    pub(super) async fn spectra_of(
        &mut self,
        made: Vec<(usize, Made)>,
        cost: Cost,
    ) -> Result<Vec<(usize, Result<Sigma, ModuleFault>)>, Stopped> {
        let mut done = Vec::with_capacity(made.len());
        let mut pairs: Vec<Pair> = Vec::new();
        let mut owners: Vec<(usize, bool)> = Vec::new();
        for (n, made) in made {
            match made {
                Made::Pair(pair) => {
                    pairs.push(pair);
                    owners.push((n, false));
                }
                Made::Kron(halves) => {
                    pairs.extend(halves);
                    owners.push((n, true));
                }
                Made::NotFinite { count } => done.push((n, Err(ModuleFault::NotFinite { count }))),
                Made::Dense(dense) if dense.not_finite() > 0 => {
                    done.push((n, Err(ModuleFault::OutOfRange)));
                }
                Made::Dense(dense) => done.push((n, Ok(largest(&self.chosen, dense).await?))),
            }
        }
        if pairs.is_empty() {
            return Ok(done);
        }
        let spectra = self.chosen.run(&Spectra { pairs: &pairs, want: Want::Values }, cost).await?;
        let mut fallbacks = 0;
        let mut spectra = spectra.into_iter().map(|spectrum| match spectrum {
            Spectrum::Found { sigma, fallback, .. } => {
                fallbacks += u64::from(fallback);
                Ok(sigma)
            }
            Spectrum::NotFinite { count } => Err(ModuleFault::NotFinite { count }),
            Spectrum::OutOfRange => Err(ModuleFault::OutOfRange),
        });
        for (n, is_kron) in owners {
            let Some(first) = spectra.next() else { break };
            let sigma = if is_kron {
                let Some(second) = spectra.next() else { break };
                first.and_then(|a| second.map(|b| Sigma::products(&a, &b)))
            } else {
                first.map(Sigma::whole)
            };
            done.push((n, sigma));
        }
        drop(spectra);
        self.fallbacks += fallbacks;
        Ok(done)
    }

    fn progress(&self, label: &str, done: usize, modules: usize, work: Work) {
        let text = format!("Analysing {label}: {done} of {modules} modules");
        self.emit.emit(ToPage::Progress(Progress { text, done: work.done, total: work.total }));
    }
}
