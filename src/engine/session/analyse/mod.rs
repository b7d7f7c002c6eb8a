//! One adapter: its batches, to the singular values of every module.

pub(crate) mod in_memory;
pub(crate) mod layers;
pub(crate) mod with_base;

use serde::{Deserialize, Serialize};

use crate::analysis::Sigma;
use crate::formula::Made;
use crate::intake::AdapterFile;
use crate::session::analyse::in_memory::largest;
use crate::session::compute::backend::Chosen;
use crate::session::compute::crew::{Answer, Outcome, Task};
use crate::session::compute::jobs::Spectra;
use crate::session::compute::schedule::{Batch, Each, Parts};
use crate::session::factors::tensors::{self, OfFile, Way};
use crate::session::holdings::item::Found;
use crate::session::{Emit, Session};
use lorascope_format::adapter::{Adapter, Module, ModuleFault};
use lorascope_format::bytes::{ByteSource, Metered, SourceError};
use lorascope_kernels::linalg::{Pair, Spectrum, Want};
use lorascope_kernels::plan::Cost;
use lorascope_kernels::{ComputeError, Pulse};
use lorascope_protocol::Refusal;

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

/// What is known of a module once its tensors have been read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Known {
    /// The bytes of the scale that the file stores.
    stored: Option<Vec<u8>>,
    sigma: Result<Sigma, NoSigma>,
}

/// Why an update has no singular values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum NoSigma {
    /// Its tensors do not make an update.
    Parts,
    NotFinite(u64),
    OutOfRange,
}

impl NoSigma {
    pub fn of(self, module: &Module) -> ModuleFault {
        match self {
            Self::Parts => ModuleFault::Parts { has: module.update.algorithm().to_owned() },
            Self::NotFinite(count) => ModuleFault::NotFinite { count },
            Self::OutOfRange => ModuleFault::OutOfRange,
        }
    }
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
        file: &AdapterFile<Metered<S>>,
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
        let (numbers, costs): (Vec<usize>, Vec<Cost>) = numbers.into_iter().unzip();
        let batches = self.in_batches(costs).map(|(range, cost, is_shared)| {
            let text = format!("Analysing {}: {} of {all} modules", file.label, range.start);
            let modules = numbers[range].iter().map(|&n| &adapter.modules[n]);
            // What is formed whole takes more memory than its tensors.
            let is_shared = is_shared && cost.words < u64::MAX;
            let (of, reads) = OfFile::new(&file.source, modules);
            Batch { is_shared, ..Batch::new(text, cost.bytes, reads, Task::Analyse(of)) }
        });
        let mut order = numbers.iter();
        let accept = |answer: Answer<S::Piece>| {
            for (outcome, &n) in answer.outcomes.into_iter().zip(&mut order) {
                let Outcome::Analysed(Known { stored, sigma }) = outcome else { continue };
                let module = &adapter.modules[n];
                found.stored[n] = module.stored_scale.as_ref().zip(stored).map(|(scale, bytes)| scale.resolve(&bytes));
                found.tell_of(n, module, sigma.map_err(|none| none.of(module)));
            }
            Ok(())
        };
        self.schedule(&mut Each(batches, accept), work).await?;
        Ok(found)
    }

    /// The stored scales of modules that nothing else is computed of yet.
    async fn read_other_scales(
        &mut self,
        file: &AdapterFile<Metered<S>>,
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
}

impl OfFile {
    /// The singular values of all modules, and their scales.
    pub(crate) async fn analysed<S: ByteSource, P: Pulse + Clone>(
        &self,
        chosen: &mut Chosen<P>,
        parts: Parts,
    ) -> Result<Vec<Known>, Stopped> {
        let tensors = self.tensors(&mut parts.into_iter());
        let (mut known, mut waiting) = (Vec::with_capacity(self.modules.len()), Vec::new());
        for (n, module) in self.modules.iter().enumerate() {
            waiting.extend(tensors.made(module).map(|made| (n, made)));
            known.push(Known { stored: tensors.stored(module), sigma: Err(NoSigma::Parts) });
            if chosen.is_cancelled().await {
                return Err(Stopped::Cancelled);
            }
        }
        drop(tensors);
        let costs = self.modules.iter().filter_map(|module| batch_cost(tensors::way(module)));
        for (n, sigma) in spectra_of::<S, P>(chosen, waiting, costs.fold(Cost::default(), Cost::plus)).await? {
            known[n].sigma = sigma;
        }
        Ok(known)
    }
}

/// The singular values of updates, each by what it was made into.
pub(crate) async fn spectra_of<S: ByteSource, P: Pulse + Clone>(
    chosen: &mut Chosen<P>,
    made: Vec<(usize, Made)>,
    cost: Cost,
) -> Result<Vec<(usize, Result<Sigma, NoSigma>)>, Stopped> {
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
            Made::NotFinite { count } => done.push((n, Err(NoSigma::NotFinite(count)))),
            Made::Dense(dense) if dense.not_finite() > 0 => done.push((n, Err(NoSigma::OutOfRange))),
            Made::Dense(dense) => done.push((n, Ok(largest::<S, P>(chosen.pulse().clone(), dense).await?))),
        }
    }
    if pairs.is_empty() {
        return Ok(done);
    }
    let spectra = chosen.run(&Spectra { pairs: &pairs, want: Want::Values }, cost).await?;
    let mut spectra = spectra.into_iter().map(|spectrum| match spectrum {
        Spectrum::Found { sigma, fallback, .. } => {
            chosen.count_fallbacks(u64::from(fallback));
            Ok(sigma)
        }
        Spectrum::NotFinite { count } => Err(NoSigma::NotFinite(count)),
        Spectrum::OutOfRange => Err(NoSigma::OutOfRange),
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
    Ok(done)
}
