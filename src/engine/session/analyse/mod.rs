//! One adapter: its batches, one after the other, to the singular values of every module.

pub(crate) mod in_memory;
pub(crate) mod layers;
pub(crate) mod with_base;

use std::ops::Range;

use crate::analysis::Sigma;
use crate::formula::Made;
use crate::intake::AdapterFile;
use crate::session::analyse::in_memory::largest;
use crate::session::compute::jobs::Spectra;
use crate::session::factors::tensors::{self, Way};
use crate::session::holdings::item::Found;
use crate::session::{Emit, Session};
use lorascope_format::adapter::{Adapter, Module, ModuleFault};
use lorascope_format::bytes::{ByteSource, SourceError};
use lorascope_kernels::linalg::{Pair, Spectrum, Want};
use lorascope_kernels::plan::{self, Cost};
use lorascope_kernels::{ComputeError, Part, Pulse, timed};
use lorascope_protocol::{Progress, Refusal, ToPage};

/// Bytes of a batch, at most, that is read while the one before it is computed.
const READ_AHEAD: u64 = 64 << 20;

/// Why an adapter has no result.
pub(crate) enum Stopped {
    Cancelled,
    /// A sentence that names the file.
    Failed(String),
}

impl Stopped {
    /// As the page is told it: `None` where it was cancelled.
    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Cancelled => None,
            Self::Failed(text) => Some(Refusal::Words(text)),
        }
    }
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
pub(crate) struct Work {
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
pub(crate) fn bytes_of(adapter: &Adapter) -> u64 {
    adapter.modules.iter().filter_map(|m| batch_cost(tensors::way(m))).map(|cost| cost.bytes).sum()
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Reads and computes every module, as far as the file alone gives it.
    pub(crate) async fn analyse(
        &mut self,
        file: &AdapterFile<lorascope_format::bytes::Metered<S>>,
        adapter: &Adapter,
        work: &mut Work,
    ) -> Result<Found, Stopped> {
        let mut found = Found::of(adapter.modules.len());
        let mut numbers = Vec::new();
        for (n, module) in adapter.modules.iter().enumerate() {
            let way = tensors::way(module);
            match batch_cost(way) {
                Some(cost) => numbers.push((n, cost)),
                None if way == Way::OfBase => {
                    found.faults.push(module.name.clone(), ModuleFault::NeedsBase { kind: module.update.algorithm() });
                }
                None => {
                    let shape = format!("{:?}", module.shape);
                    found.faults.push(module.name.clone(), ModuleFault::TooLarge { shape });
                }
            }
        }
        self.read_other_scales(file, adapter, &mut found).await?;
        let all = numbers.len();
        let rest = self.analyse_by_crew(file, adapter, numbers, &mut found, work).await?;
        let before = all - rest.len();
        let (numbers, costs): (Vec<usize>, Vec<Cost>) = rest.into_iter().unzip();
        let batches = plan::batches(&costs, self.chosen.aim());
        let cost_of = |batch: &Range<usize>| costs[batch.clone()].iter().copied().fold(Cost::default(), Cost::plus);
        let modules_of =
            |batch: &Range<usize>| numbers[batch.clone()].iter().map(|&n| &adapter.modules[n]).collect::<Vec<_>>();
        let mut ahead = None;
        for (place, batch) in batches.iter().enumerate() {
            let cost = cost_of(batch);
            self.progress(&file.label, before + batch.start, all, *work);
            let (numbers, modules) = (&numbers[batch.clone()], modules_of(batch));
            let reading = ahead.take().unwrap_or_else(|| tensors::read(&file.source, &modules));
            let tensors = timed(self.chosen.pulse(), Part::Read, reading).await?;
            // The next batch is read while this one is computed.
            let next = batches.get(place + 1).filter(|next| cost_of(next).bytes <= READ_AHEAD);
            ahead = next.map(|next| tensors::read(&file.source, &modules_of(next)));
            let mut waiting = Vec::with_capacity(numbers.len());
            for (&n, module) in numbers.iter().zip(&modules) {
                found.stored[n] = tensors.stored(module);
                match tensors.made(module) {
                    Some(made) => waiting.push((n, made)),
                    None => {
                        let has = module.update.algorithm().to_owned();
                        found.faults.push(module.name.clone(), ModuleFault::Parts { has });
                    }
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
                found.tell_of(n, &adapter.modules[n], spectrum);
            }
            work.done += cost.bytes;
        }
        Ok(found)
    }

    /// The stored scales of modules that nothing else is computed of yet.
    async fn read_other_scales(
        &mut self,
        file: &AdapterFile<lorascope_format::bytes::Metered<S>>,
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
    pub(crate) async fn spectra_of(
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
        let mut spectra = spectra.into_iter().map(|spectrum| self.values(spectrum));
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
        Ok(done)
    }

    /// The singular values of one pair.
    pub(crate) fn values(&mut self, spectrum: Spectrum) -> Result<Vec<f64>, ModuleFault> {
        match spectrum {
            Spectrum::Found { sigma, fallback, .. } => {
                self.fallbacks += u64::from(fallback);
                Ok(sigma)
            }
            Spectrum::NotFinite { count } => Err(ModuleFault::NotFinite { count }),
            Spectrum::OutOfRange => Err(ModuleFault::OutOfRange),
        }
    }

    pub(crate) fn progress(&self, label: &str, done: usize, modules: usize, work: Work) {
        let text = format!("Analysing {label}: {done} of {modules} modules");
        self.emit.emit(ToPage::Progress(Progress { text, done: work.done, total: work.total }));
    }
}
