//! The CPU's work on several threads: tasks go to workers, each an engine of its own, and come back as answers. Nothing
//! here knows a browser; `worker/` has them.

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::analysis::alignment::{NotAligned, Sums};
use crate::projection::quality::Measured;
use crate::session::align::{self, trajectory};
use crate::session::analyse::{self, Stopped};
use crate::session::compare::products;
use crate::session::compute::backend::Chosen;
use crate::session::compute::schedule::Read;
use crate::session::extract;
use crate::session::factors::tensors::OfFile;
use crate::session::project;
use crate::session::written::Piece;
use lorascope_format::bytes::{ByteSource, Metered};
use lorascope_kernels::{Pulse, Spent};

pub use crate::session::compute::schedule::Bytes;

/// What is computed of a batch's parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Task {
    Analyse(OfFile),
    Project(project::Task),
    Cross(products::Task),
    Extract(extract::Task),
    Align(align::Task),
    Along(trajectory::Task),
}

/// What became of one of the things that a task asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Outcome {
    Analysed(analyse::Known),
    Projected(Measured),
    Crossed(products::Met),
    Extracted(extract::Outcome),
    Aligned(align::OnTile),
    Along(Result<Sums, NotAligned>),
}

/// What becomes of a task: an outcome of each thing that it asks for, and pieces of the file that is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer<B> {
    pub outcomes: Vec<Outcome>,
    pub pieces: Vec<Piece<B>>,
    /// Modules that went the f64 way.
    pub fallbacks: u64,
    pub spent: Spent,
}

/// Workers on other threads.
pub trait Crew<P> {
    /// How many there are.
    fn workers(&self) -> usize;

    /// Begins to read the parts and hands all to the next worker that is free, `beside` as the last part if it is not
    /// empty; `None` if it cannot be done there. This happens whether or not the future is polled.
    fn send(&self, task: &Task, beside: &[u8], parts: Vec<P>) -> Pin<Box<dyn Future<Output = Option<Answer<P>>>>>;
}

/// A worker's side. `None` where the engine has to do it, and to find out why; and after a cancel.
pub async fn serve<S: ByteSource, P: Pulse + Clone>(
    task: &Task,
    parts: Vec<Box<dyn Bytes>>,
    pulse: P,
) -> Option<Answer<S::Piece>> {
    let mut chosen = Chosen::of_cpu(pulse);
    // The engine's own type of source, so that it is the same code.
    let answer = task.compute::<Metered<S>, P>(&mut chosen, parts, &[]).await.ok()?;
    Some(Answer { fallbacks: chosen.counts().fallbacks, ..answer })
}

impl Task {
    /// How many outcomes it has.
    pub fn count(&self) -> usize {
        match self {
            Self::Analyse(of) => of.modules.len(),
            Self::Project(task) => task.of.modules.len(),
            Self::Cross(task) => task.edges.len(),
            Self::Extract(_) => 1,
            Self::Align(task) => task.changes.len(),
            Self::Along(task) => task.asks.len(),
        }
    }

    /// What the engine and its helpers do. `reads` are where the parts come from, for what is too large to be one.
    pub(crate) async fn compute<S: ByteSource, P: Pulse + Clone>(
        &self,
        chosen: &mut Chosen<P>,
        parts: Vec<Box<dyn Bytes>>,
        reads: &[Read<'_, S>],
    ) -> Result<Answer<S::Piece>, Stopped> {
        let mut pieces = Vec::new();
        let outcomes = match self {
            Self::Analyse(of) => each(of.analysed::<S, P>(chosen, parts).await?, Outcome::Analysed),
            Self::Project(task) => each(task.run::<S, P>(chosen, parts, &mut pieces).await?, Outcome::Projected),
            Self::Cross(task) => each(task.run(chosen, parts).await?, Outcome::Crossed),
            Self::Extract(task) => {
                let extracted = task.run(chosen, parts, reads, &mut pieces).await?;
                vec![Outcome::Extracted(extracted)]
            }
            Self::Align(task) => each(task.run(chosen, parts).await?, Outcome::Aligned),
            Self::Along(task) => each(task.run(chosen, parts).await?, Outcome::Along),
        };
        Ok(Answer { outcomes, pieces, fallbacks: 0, spent: Spent::default() })
    }
}

fn each<T>(found: Vec<T>, outcome: impl Fn(T) -> Outcome) -> Vec<Outcome> {
    found.into_iter().map(outcome).collect()
}

impl<B> Answer<B> {
    /// The same with other pieces; `None` where one has none.
    pub fn map<C>(self, mut change: impl FnMut(B) -> Option<C>) -> Option<Answer<C>> {
        let Self { outcomes, pieces, fallbacks, spent } = self;
        let piece = |Piece { at, bytes, sum }| Some(Piece { at, bytes: change(bytes)?, sum });
        Some(Answer { outcomes, pieces: pieces.into_iter().map(piece).collect::<Option<_>>()?, fallbacks, spent })
    }
}
