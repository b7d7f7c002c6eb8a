//! The CPU's work on several threads: batches of factors go to workers, each an engine of its own, and come back as
//! singular values. Nothing here knows a browser; `worker/` has them.

use std::collections::VecDeque;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::analysis::Sigma;
use crate::intake::AdapterFile;
use crate::session::analyse::{Stopped, Work};
use crate::session::compute::backend::Backend;
use crate::session::compute::jobs::{Job, Spectra};
use crate::session::factors::tensors::{self, Way};
use crate::session::holdings::item::Found;
use crate::session::{Emit, Session};
use lorascope_format::adapter::{Adapter, Factor, Module, Update};
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_format::container::TensorEntry;
use lorascope_kernels::cpu::CpuBackend;
use lorascope_kernels::linalg::{Pair, Spectrum, Want};
use lorascope_kernels::plan::{self, Aim, Cost};
use lorascope_kernels::{FactorType, Pulse, RawTall, Spent};

/// Batches in hand beyond one for each worker: they are read meanwhile.
const AHEAD: usize = 2;
/// Bytes below which messages between threads cost more than they gain.
const WORTH_IT: u64 = 2 << 20;

/// Bytes in one of a task's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub part: usize,
    pub begin: usize,
    pub len: usize,
}

/// A stored factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFactor {
    pub place: Place,
    pub rows: u32,
    pub cols: u32,
    pub transposed: bool,
    pub dtype: FactorType,
}

/// A batch for a worker. Its parts, ranges of a file, travel beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub pairs: Vec<[StoredFactor; 2]>,
    /// Bytes that are wanted back as they are: numbers that give scales.
    pub asked: Vec<Place>,
}

/// What a worker makes of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Of each pair.
    pub spectra: Vec<Spectrum>,
    pub asked: Vec<Vec<u8>>,
    pub spent: Spent,
}

/// Workers on other threads.
pub trait Crew<P> {
    /// How many there are.
    fn workers(&self) -> usize;

    /// Begins to read the parts and hands both to the next worker that is free; `None` if it cannot be done there.
    /// This happens whether or not the future is polled.
    fn send(&self, task: Task, parts: Vec<P>) -> Pin<Box<dyn Future<Output = Option<Answer>>>>;
}

/// A worker's side: `bytes_of` copies the bytes of a place. `None` where the parts do not have them, or after a
/// cancel.
pub async fn serve<P: Pulse>(
    task: &Task,
    bytes_of: impl Fn(Place) -> Option<Vec<u8>>,
    pulse: P,
) -> Option<(Vec<Spectrum>, Vec<Vec<u8>>)> {
    let factor = |stored: &StoredFactor| {
        let StoredFactor { rows, cols, transposed, dtype, place } = *stored;
        let raw = RawTall { rows, cols, transposed, dtype, bytes: bytes_of(place)? };
        raw.is_whole().then(|| Rc::new(raw))
    };
    let pairs = task.pairs.iter().map(|[left, right]| Some(Pair { left: factor(left)?, right: factor(right)? }));
    let pairs: Vec<Pair> = pairs.collect::<Option<_>>()?;
    let spectra = Spectra { pairs: &pairs, want: Want::Values }.run(&CpuBackend::new(pulse)).await.ok()?;
    Some((spectra, task.asked.iter().map(|&place| bytes_of(place)).collect::<Option<_>>()?))
}

/// A batch under way.
struct Sent<'a> {
    numbers: &'a [usize],
    bytes: u64,
    read: u64,
    answer: Pin<Box<dyn Future<Output = Option<Answer>>>>,
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Lets the crew compute what it can: of `numbers` and their `costs`, modules whose factors the file stores as
    /// they are. The rest is given back.
    pub(crate) async fn analyse_by_crew(
        &mut self,
        file: &AdapterFile<Metered<S>>,
        adapter: &Adapter,
        numbers: Vec<(usize, Cost)>,
        found: &mut Found,
        work: &mut Work,
    ) -> Result<Vec<(usize, Cost)>, Stopped> {
        let Some(crew) = self.crew().filter(|_| numbers.iter().map(|(_, cost)| cost.bytes).sum::<u64>() >= WORTH_IT)
        else {
            return Ok(numbers);
        };
        let is_stored = |(n, _): &(usize, Cost)| stored_pair(&adapter.modules[*n]).is_some();
        let (stored, mut rest): (Vec<_>, Vec<_>) = numbers.into_iter().partition(is_stored);
        let (numbers, costs): (Vec<usize>, Vec<Cost>) = stored.into_iter().unzip();
        let batches = plan::batches(&costs, Aim::WORKER);
        let mut done = 0;
        let mut sent: VecDeque<(Range<usize>, Sent<'_>)> = VecDeque::new();
        let mut batches = batches.into_iter();
        loop {
            while sent.len() < crew.workers() + AHEAD
                && let Some(batch) = batches.next()
            {
                let modules: Vec<&Module> = numbers[batch.clone()].iter().map(|&n| &adapter.modules[n]).collect();
                let ranges = tensors::ranges(&modules);
                let parts = ranges.iter().map(|range| file.source.part(range.clone())).collect::<Result<_, _>>()?;
                let bytes = costs[batch.clone()].iter().map(|cost| cost.bytes).sum();
                let read = ranges.iter().map(|range| range.end - range.start).sum();
                let Some(task) = task(&modules, &ranges) else {
                    rest.extend(numbers[batch.clone()].iter().copied().zip(costs[batch].iter().copied()));
                    continue;
                };
                let answer = crew.send(task, parts);
                sent.push_back((batch.clone(), Sent { numbers: &numbers[batch], bytes, read, answer }));
            }
            let Some((batch, Sent { numbers, bytes, read, answer })) = sent.pop_front() else { break };
            self.progress(&file.label, done, costs.len() + rest.len(), *work);
            let answer = answer.await;
            if self.chosen.is_cancelled().await {
                return Err(Stopped::Cancelled);
            }
            let Some(answer) = answer.filter(|answer| answer.spectra.len() == numbers.len()) else {
                rest.extend(numbers.iter().copied().zip(costs[batch].iter().copied()));
                continue;
            };
            self.bytes_read.set(self.bytes_read.get() + read);
            answer.spent.tell(self.chosen.pulse());
            self.accept(adapter, numbers, answer, found);
            work.done += bytes;
            done += numbers.len();
        }
        Ok(rest)
    }

    /// The crew, while the CPU computes.
    pub(crate) fn crew(&self) -> Option<Rc<dyn Crew<S::Piece>>> {
        self.crew.clone().filter(|crew| matches!(self.chosen.backend, Backend::Cpu(_)) && crew.workers() > 0)
    }

    fn accept(&mut self, adapter: &Adapter, numbers: &[usize], answer: Answer, found: &mut Found) {
        let mut asked = answer.asked.iter();
        for (&n, spectrum) in numbers.iter().zip(answer.spectra) {
            let module = &adapter.modules[n];
            if let Some(stored) = &module.stored_scale {
                found.stored[n] = asked.next().map(|bytes| stored.resolve(bytes));
            }
            found.tell_of(n, module, self.values(spectrum).map(Sigma::whole));
        }
    }
}

/// Both factors of a module whose file stores them as a backend takes them.
fn stored_pair(module: &Module) -> Option<[&Factor; 2]> {
    match module.update.alone()? {
        Update::Pair { left, right } if matches!(tensors::way(module), Way::Thin(_)) => Some([left, right]),
        _ => None,
    }
}

/// The task of these modules over these ranges of their file.
fn task(modules: &[&Module], ranges: &[Range<u64>]) -> Option<Task> {
    let place = |tensor: &TensorEntry| {
        let part = ranges.partition_point(|range| range.start <= tensor.begin).checked_sub(1)?;
        let begin = usize::try_from(tensor.begin - ranges[part].start).ok()?;
        Some(Place { part, begin, len: usize::try_from(tensor.byte_len()).ok()? })
    };
    let factor = |factor: &Factor| {
        // Factors of a `Way::Thin` are within these types.
        let (rows, cols) = (factor.rows as u32, factor.cols as u32);
        let dtype = crate::factor_type::of_tensor(&factor.tensor.dtype)?;
        Some(StoredFactor { place: place(&factor.tensor)?, rows, cols, transposed: factor.transposed, dtype })
    };
    let pairs = modules.iter().map(|module| {
        let [left, right] = stored_pair(module)?;
        Some([factor(left)?, factor(right)?])
    });
    let scales = modules.iter().filter_map(|module| module.stored_scale.as_ref());
    let asked = scales.map(|scale| place(&scale.tensor));
    Some(Task { pairs: pairs.collect::<Option<_>>()?, asked: asked.collect::<Option<_>>()? })
}
