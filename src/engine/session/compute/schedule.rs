//! The one way from files to results: a job gives batches, which are read ahead, computed by the crew or here, and
//! taken in order.

use std::collections::VecDeque;
use std::future::{Future, poll_fn, ready};
use std::ops::Range;
use std::pin::{Pin, pin};
use std::task::Poll;

use crate::session::analyse::{Stopped, Work};
use crate::session::compute::backend::{Backend, Chosen};
use crate::session::compute::crew::{Answer, Crew, Task};
use crate::session::{Emit, Session};
use lorascope_format::bytes::{ByteSource, Metered, SourceError};
use lorascope_kernels::plan::{self, Aim, Cost};
use lorascope_kernels::{Part, Pulse, timed};
use lorascope_protocol::{Progress, ToPage};

/// Batches in hand beyond those that are computed: they are read meanwhile.
const AHEAD: usize = 2;
/// Bytes of all batches in hand, unless one alone is larger, where the engine computes alone.
const ALONE: u64 = 128 << 20;
/// Bytes of a batch above which no helper is asked: it may be one of eight, each with a copy of its own.
const TOO_LARGE: u64 = 128 << 20;
/// Bytes of all batches in hand that are shared with a crew: of the largest that are, two are computed and one is read.
const SHARED: u64 = 3 * TOO_LARGE;
/// Bytes of a job below which messages between threads cost more than they gain.
const WORTH_IT: u64 = 2 << 20;

/// A range of a file.
pub(crate) type Read<'a, S> = (&'a S, Range<u64>);

/// What was read of a range, wherever it lies.
pub trait Bytes {
    /// A copy of `len` of them; `None` where there are not as many.
    fn copy(&self, begin: usize, len: usize) -> Option<Vec<u8>>;
    /// All of them, which are gone here.
    fn take(&mut self) -> Vec<u8>;
}

impl Bytes for Vec<u8> {
    fn copy(&self, begin: usize, len: usize) -> Option<Vec<u8>> {
        self.get(begin..begin.checked_add(len)?).map(<[u8]>::to_vec)
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(self)
    }
}

/// What is read, and what is computed of it.
pub(crate) struct Batch<'a, S> {
    /// What is told while it is waited for.
    pub text: String,
    /// How much of the job it is.
    pub bytes: u64,
    pub reads: Vec<Read<'a, Metered<S>>>,
    /// It is read piece by piece while it is computed: it does not fit into memory.
    pub is_streamed: bool,
    /// A helper may compute it.
    pub is_shared: bool,
    pub task: Task,
    /// What the task takes beside the files, as one more part.
    pub beside: Vec<u8>,
}

impl<'a, S> Batch<'a, S> {
    /// One that stays with the engine, of files alone.
    pub fn new(text: String, bytes: u64, reads: Vec<Read<'a, Metered<S>>>, task: Task) -> Self {
        Self { text, bytes, reads, is_streamed: false, is_shared: false, task, beside: Vec::new() }
    }

    /// Bytes of its parts, unless they are read while it is computed.
    fn read(&self) -> u64 {
        if self.is_streamed { 0 } else { self.reads.iter().map(|(_, range)| range.end - range.start).sum() }
    }

    /// Bytes that it holds before it is computed, or that are made of its parts where those are more.
    fn size(&self) -> u64 {
        let made = if self.is_streamed { 0 } else { self.bytes };
        self.read().max(made) + self.beside.len() as u64
    }
}

/// A batch that is being made.
pub(crate) type Next<'s, 'a, S> = Pin<Box<dyn Future<Output = Result<Option<Batch<'a, S>>, Stopped>> + 's>>;

/// A job.
pub(crate) trait Batches<'a, S: ByteSource + 'a, P> {
    /// The next batch, which may be asked for long before the last one's answer is taken.
    fn next<'s>(&'s mut self, chosen: &'s mut Chosen<P>) -> Next<'s, 'a, S>
    where
        'a: 's;

    /// Takes the answers, in the order of the batches; each has an outcome for everything that its task asks for.
    fn take(&mut self, answer: Answer<S::Piece>) -> Result<(), Stopped>;
}

/// Batches that need nothing to be made, and what takes their answers.
pub(crate) struct Each<I, F>(pub I, pub F);

impl<'a, S, P, I, F> Batches<'a, S, P> for Each<I, F>
where
    S: ByteSource + 'a,
    I: Iterator<Item = Batch<'a, S>>,
    F: FnMut(Answer<S::Piece>) -> Result<(), Stopped>,
{
    fn next<'s>(&'s mut self, _: &'s mut Chosen<P>) -> Next<'s, 'a, S>
    where
        'a: 's,
    {
        Box::pin(ready(Ok(self.0.next())))
    }

    fn take(&mut self, answer: Answer<S::Piece>) -> Result<(), Stopped> {
        (self.1)(answer)
    }
}

/// What was read.
pub(crate) type Parts = Vec<Box<dyn Bytes>>;

/// What comes of a batch under way: a helper's answer, or parts to be computed here; neither where a helper was lost.
type Coming<'a, B> = Pin<Box<dyn Future<Output = Result<(Option<Answer<B>>, Option<Parts>), SourceError>> + 'a>>;

/// Begins to read, from all files at once; what is done before the future is awaited overlaps with it.
pub(crate) fn read<'a, S: ByteSource>(
    reads: &[Read<'a, S>],
) -> impl Future<Output = Result<Parts, SourceError>> + use<'a, S> {
    let begun: Vec<_> = reads.iter().map(|(source, range)| source.read(range.clone())).collect();
    async move {
        let mut parts: Parts = Vec::with_capacity(begun.len());
        for reading in begun {
            parts.push(Box::new(reading.await?));
        }
        Ok(parts)
    }
}

/// What comes, unless a cancel comes before it: a helper may take long.
async fn unless_stopped<B>(
    pulse: &impl Pulse,
    mut coming: Coming<'_, B>,
) -> Result<(Option<Answer<B>>, Option<Parts>), Stopped> {
    let mut stopped = pin!(pulse.stopped());
    poll_fn(|context| match coming.as_mut().poll(context) {
        Poll::Pending => stopped.as_mut().poll(context).map(|()| Err(Stopped::Cancelled)),
        Poll::Ready(came) => Poll::Ready(came.map_err(Stopped::from)),
    })
    .await
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Whether the crew is given a job of so many bytes.
    pub(crate) fn is_shared(&self, bytes: u64) -> bool {
        bytes >= WORTH_IT && self.crew().is_some()
    }

    /// Modules of these costs, in order, in batches that the helpers, or the engine, hold at once: of each the modules'
    /// numbers, its cost, and whether helpers may compute it.
    pub(crate) fn in_batches(
        &self,
        costs: Vec<Cost>,
    ) -> impl Iterator<Item = (Range<usize>, Cost, bool)> + use<S, P, E> {
        let is_shared = self.is_shared(costs.iter().map(|cost| cost.bytes).sum());
        let aim = if is_shared { Aim::WORKER } else { self.aim() };
        plan::batches(&costs, aim).into_iter().map(move |range| {
            let cost = costs[range.clone()].iter().copied().fold(Cost::default(), Cost::plus);
            (range, cost, is_shared)
        })
    }

    /// The crew, while the CPU computes.
    pub(crate) fn crew(&self) -> Option<std::rc::Rc<dyn Crew<S::Piece>>> {
        self.crew.clone().filter(|crew| matches!(self.chosen.backend, Backend::Cpu(_)) && crew.workers() > 0)
    }

    /// Does a job: reads ahead, shares with the crew what can be shared, and computes here what cannot, or what a helper
    /// left undone.
    pub(crate) async fn schedule<'a>(&mut self, job: &mut dyn Batches<'a, S, P>, work: &mut Work) -> Result<(), Stopped>
    where
        S: 'a,
        P: 'a,
    {
        let (mut in_hand, mut begun) = (0, VecDeque::new());
        let mut next = job.next(&mut self.chosen).await?;
        loop {
            let crew = self.crew();
            let workers = crew.as_ref().map_or(1, |crew| crew.workers());
            let is_for_crew = |batch: &Batch<'_, S>| {
                crew.is_some() && batch.is_shared && !batch.is_streamed && batch.size() <= TOO_LARGE
            };
            let bound = |batch: &Batch<'_, S>| if is_for_crew(batch) { SHARED } else { ALONE };
            while begun.len() < workers + AHEAD
                && let Some(batch) = next.take_if(|next| begun.is_empty() || in_hand + next.size() <= bound(next))
            {
                in_hand += batch.size();
                let crew = crew.as_ref().filter(|_| is_for_crew(&batch));
                let coming: Coming<'a, S::Piece> = if let Some(crew) = crew {
                    let part = |(source, range): &Read<'a, Metered<S>>| source.part(range.clone());
                    let parts = batch.reads.iter().map(part).collect::<Result<_, _>>()?;
                    let answer = crew.send(&batch.task, &batch.beside, parts);
                    Box::pin(async { Ok((answer.await, None)) })
                } else {
                    let reading = read(if batch.is_streamed { &[] } else { &batch.reads });
                    let pulse = self.chosen.pulse().clone();
                    Box::pin(async move { Ok((None, Some(timed(&pulse, Part::Read, reading).await?))) })
                };
                begun.push_back((batch, coming));
                next = job.next(&mut self.chosen).await?;
            }
            let Some((batch, coming)) = begun.pop_front() else { return Ok(()) };
            let text = batch.text.clone();
            self.emit.emit(ToPage::Progress(Progress { text, done: work.done, total: work.total }));
            let (answer, parts) = unless_stopped(self.chosen.pulse(), coming).await?;
            if self.chosen.is_cancelled().await {
                return Err(Stopped::Cancelled);
            }
            let answer = match answer.filter(|answer| answer.outcomes.len() == batch.task.count()) {
                Some(answer) => {
                    self.bytes_read.set(self.bytes_read.get() + batch.read());
                    answer.spent.tell(self.chosen.pulse());
                    self.chosen.count_fallbacks(answer.fallbacks);
                    answer
                }
                None => self.compute(&batch, parts).await?,
            };
            job.take(answer)?;
            in_hand -= batch.size();
            work.done += batch.bytes;
        }
    }

    /// Computes a batch here, of its parts where they have been read.
    pub(crate) async fn compute(
        &mut self,
        batch: &Batch<'_, S>,
        parts: Option<Parts>,
    ) -> Result<Answer<S::Piece>, Stopped> {
        let mut parts = match parts {
            Some(parts) => parts,
            None => timed(self.chosen.pulse(), Part::Read, read(&batch.reads)).await?,
        };
        if !batch.beside.is_empty() {
            parts.push(Box::new(batch.beside.clone()));
        }
        batch.task.compute(&mut self.chosen, parts, &batch.reads).await
    }
}
