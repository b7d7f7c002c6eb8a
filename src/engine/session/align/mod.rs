//! The alignment of adapters with updates between checkpoints: every weight is read once from every checkpoint, tile
//! by tile, for all adapters and all updates that need it.

pub(crate) mod known;
pub(crate) mod remarks;
pub(crate) mod trajectory;
pub(crate) mod weights;

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::analysis::alignment::{NotAligned, Sums};
use crate::session::align::known::Update;
use crate::session::align::weights::{Asked, Outcomes, User};
use crate::session::analyse::{Stopped, Work};
use crate::session::compute::backend::Chosen;
use crate::session::compute::crew::{self, Answer};
use crate::session::compute::schedule::{Batch, Batches, Bytes, Next, Parts, read};
use crate::session::factors::subspaces::{Bases, ModuleId, bases};
use crate::session::factors::tensors::OfFile;
use crate::session::holdings::series::updates;
use crate::session::tiles::jobs::{Align, OnTiles};
use crate::session::tiles::{self, BUDGET, InPart, Tile};
use crate::session::{Emit, Session};
use lorascope_format::bytes::{ByteSource, SourceError};
use lorascope_kernels::{Aligned, Pulse, RawTall, Sides};
use lorascope_protocol::ItemId;
use lorascope_protocol::report::Along;

/// Sums over the tiles of a module's weight so far, per update.
type Running = HashMap<(ModuleId, usize), Aligned>;

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Computes what is not known yet of the updates between checkpoints.
    pub(crate) async fn align_checkpoints(&mut self) -> Result<(), Stopped> {
        let (states, _) = self.series(Along::Checkpoints);
        let updates = updates(&states);
        let mut wanted: Vec<(ItemId, (ItemId, ItemId))> = Vec::new();
        for held in self.held.iter().filter(|held| held.analysed().is_some()) {
            wanted.extend(updates.iter().map(|&pair| (held.id, pair)));
        }
        wanted.retain(|&(adapter, pair)| !self.aligned.knows(&Update { along: Along::Checkpoints, adapter, pair }));
        if wanted.is_empty() {
            return Ok(());
        }
        // Those that the wanted updates begin or end with.
        let ends: HashSet<ItemId> = wanted.iter().flat_map(|&(_, (from, to))| [from, to]).collect();
        let states: Vec<ItemId> = states.into_iter().filter(|id| ends.contains(id)).collect();
        let mut asked = self.lay_out(&states, &wanted);
        let batches = tiles::batches(&asked.weights, BUDGET);
        let total = batches.iter().flatten().map(|tile| tile.bytes(&asked.weights)).sum();
        let outcomes = std::mem::take(&mut asked.outcomes);
        let mut job = Aligning::new(&asked, &batches, outcomes, self.is_shared(total));
        self.schedule(&mut job, &mut Work { done: 0, total }).await?;
        let mut outcomes: Vec<_> = job.outcomes.into_iter().collect();
        outcomes.sort_unstable_by_key(|(key, _)| *key);
        for ((adapter, pair), modules) in outcomes {
            let [from, to] = asked.pairs[pair];
            let update = Update { along: Along::Checkpoints, adapter, pair: (states[from], states[to]) };
            self.aligned.keep(update, modules, update.sources(&self.held));
        }
        Ok(())
    }
}

/// Tiles in its parts, the changes between them that are asked about, and the bases beside these, which are its last
/// part.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Task {
    tiles: Vec<InPart>,
    pub(crate) changes: Vec<OfTiles>,
}

/// A change: its tiles, the columns of the basis, and the numbers of its rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OfTiles {
    tiles: [usize; 2],
    k: u32,
    left: Range<usize>,
    right: Range<usize>,
}

/// An [`Aligned`]; the core column by column.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OnTile {
    core: Vec<f64>,
    update_sq: f64,
    before_sq: f64,
    not_finite: u64,
}

impl Task {
    /// Every change.
    pub(crate) async fn run<P: Pulse + Clone>(
        &self,
        chosen: &mut Chosen<P>,
        mut parts: Parts,
    ) -> Result<Vec<OnTile>, Stopped> {
        let lacking = || Stopped::Failed("A part of a weight was not read whole.".to_owned());
        let has_bases = self.changes.iter().any(|change| change.k > 0);
        let beside = if has_bases { parts.pop() } else { None };
        let beside: Vec<f32> = bytemuck::pod_collect_to_vec(&beside.map(|mut part| part.take()).unwrap_or_default());
        let tiles = self.tiles.iter().map(|tile| tiles::cut_out(tile, &mut parts));
        let tiles: Vec<Rc<RawTall>> = tiles.collect::<Option<_>>().ok_or_else(lacking)?;
        drop(parts);
        let change = |OfTiles { tiles, k, left, right }: &OfTiles| {
            let sides = Sides { k: *k, left: beside.get(left.clone())?, right: beside.get(right.clone())? };
            Some((*tiles, sides))
        };
        let changes = self.changes.iter().map(change).collect::<Option<_>>().ok_or_else(lacking)?;
        let all = chosen.run_on_tiles(&OnTiles { tiles: &tiles, changes, job: Align }).await?;
        Ok(all
            .into_iter()
            .map(|Aligned { core, update_sq, before_sq, not_finite }| OnTile {
                core: core.as_slice().to_vec(),
                update_sq,
                before_sq,
                not_finite,
            })
            .collect())
    }
}

/// The factors of the modules whose weights begin in a batch, while they are read.
type Reading<'a> = Pin<Box<dyn Future<Output = Result<Vec<Box<dyn Bytes>>, SourceError>> + 'a>>;
type Entering<'a> = Vec<(Vec<ModuleId>, OfFile, Reading<'a>)>;

/// The job: batches of tiles, each with the bases of the modules that they are asked for.
struct Aligning<'a, S> {
    asked: &'a Asked<S>,
    batches: &'a [Vec<Tile>],
    outcomes: Outcomes,
    is_shared: bool,
    /// Batches that have been made.
    made: usize,
    entering: Entering<'a>,
    bases: Bases,
    running: Running,
    /// Of each batch under way: its number, and whose the changes are.
    under_way: VecDeque<(usize, Vec<(ModuleId, usize)>)>,
}

impl<'a, S: ByteSource> Aligning<'a, S> {
    fn new(asked: &'a Asked<S>, batches: &'a [Vec<Tile>], outcomes: Outcomes, is_shared: bool) -> Self {
        let (bases, running, under_way) = Default::default();
        let entering = entering(asked, batches, 0);
        Self { asked, batches, outcomes, is_shared, made: 0, entering, bases, running, under_way }
    }

    /// The task of a batch, and the bases that it takes along.
    fn task(&mut self, batch: &[Tile], laid: Vec<Vec<Option<InPart>>>) -> (Task, Vec<u8>) {
        let (mut task, mut beside, mut owners) = (Task::default(), Vec::<u8>::new(), Vec::new());
        // Tiles share what lies beside them: a side is added once.
        let mut added: HashMap<(ModuleId, bool, Range<u64>), Range<usize>> = HashMap::new();
        for (tile, states) in batch.iter().zip(laid) {
            let numbers: Vec<Option<usize>> = states
                .into_iter()
                .map(|laid| {
                    task.tiles.push(laid?);
                    Some(task.tiles.len() - 1)
                })
                .collect();
            for User { module, swapped } in &self.asked.users[tile.weight] {
                let Some(basis) = self.bases.get(module) else { continue };
                let Sides { k, left, right } = basis.beside(tile.rows.clone(), tile.cols.clone(), *swapped);
                let mut add = |is_left: bool, along: &Range<u64>, side: &[f32]| {
                    let numbers = added.entry((*module, is_left, along.clone())).or_insert_with(|| {
                        let first = beside.len() / size_of::<f32>();
                        beside.extend_from_slice(bytemuck::cast_slice(side));
                        first..first + side.len()
                    });
                    numbers.clone()
                };
                let (left, right) = (add(true, &tile.rows, left), add(false, &tile.cols, right));
                for (n, &[from, to]) in self.asked.pairs.iter().enumerate() {
                    let (Some(before), Some(after)) = (numbers[from], numbers[to]) else { continue };
                    if self.outcomes.contains_key(&(module.0, n)) {
                        let (left, right) = (left.clone(), right.clone());
                        task.changes.push(OfTiles { tiles: [before, after], k, left, right });
                        owners.push((*module, n));
                    }
                }
            }
        }
        self.under_way.push_back((self.made, owners));
        (task, beside)
    }

    /// The next batch; the bases of the modules that enter with it are computed here.
    async fn make<P: Pulse + Clone>(&mut self, chosen: &mut Chosen<P>) -> Result<Option<Batch<'a, S>>, Stopped> {
        let (asked, batches) = (self.asked, self.batches);
        let Some(batch) = batches.get(self.made) else { return Ok(None) };
        let next = entering(asked, batches, self.made + 1);
        for (modules, of, parts) in std::mem::replace(&mut self.entering, next) {
            let pairs = of.pairs(&mut parts.await?.into_iter());
            let found = bases(chosen, &of.modules, &pairs).await?;
            self.bases.extend(modules.into_iter().zip(found).filter_map(|(id, basis)| Some((id, basis?))));
        }
        let weights = &asked.weights;
        let wanted = tiles::wanted(asked.files.len(), weights, batch);
        let (task, beside) = self.task(batch, tiles::laid(weights, batch, &wanted));
        let reads = wanted.into_iter().map(|wanted| (&asked.files[wanted.state][wanted.file], wanted.range));
        let weight = batch.first().map_or(0, |tile| tile.weight);
        let text = format!("Comparing checkpoints: weight {} of {}", weight + 1, weights.len());
        let bytes = batch.iter().map(|tile| tile.bytes(weights)).sum();
        self.made += 1;
        let batch = Batch::new(text, bytes, reads.collect(), crew::Task::Align(task));
        Ok(Some(Batch { is_shared: self.is_shared, beside, ..batch }))
    }
}

impl<'a, S: ByteSource, P: Pulse + Clone> Batches<'a, S, P> for Aligning<'a, S> {
    fn next<'s>(&'s mut self, chosen: &'s mut Chosen<P>) -> Next<'s, 'a, S>
    where
        'a: 's,
    {
        Box::pin(self.make(chosen))
    }

    fn take(&mut self, answer: Answer<S::Piece>) -> Result<(), Stopped> {
        let Some((n, owners)) = self.under_way.pop_front() else { return Ok(()) };
        for (owner, outcome) in owners.into_iter().zip(answer.outcomes) {
            let crew::Outcome::Aligned(OnTile { core, update_sq, before_sq, not_finite }) = outcome else { continue };
            let k = core.len().isqrt();
            let aligned = Aligned { core: DMatrix::from_vec(k, k, core), update_sq, before_sq, not_finite };
            match self.running.get_mut(&owner) {
                Some(running) => running.add(&aligned),
                None => drop(self.running.insert(owner, aligned)),
            }
        }
        let Asked { pairs, weights, users, .. } = self.asked;
        let later = self.batches.get(n + 1).and_then(|batch| batch.first()).map(|tile| tile.weight);
        let done: HashSet<usize> = self.batches[n].iter().map(|tile| tile.weight).collect();
        for weight in done.into_iter().filter(|&weight| Some(weight) != later) {
            let is_here = |pair: &[usize; 2]| pair.iter().all(|&state| weights[weight].places[state].is_some());
            for User { module, .. } in &users[weight] {
                let basis = self.bases.remove(module);
                for (number, _) in pairs.iter().enumerate().filter(|(_, pair)| is_here(pair)) {
                    let slot = self.outcomes.get_mut(&(module.0, number)).and_then(|all| all.get_mut(module.1));
                    let Some(slot) = slot else { continue };
                    *slot = match (&basis, self.running.remove(&(*module, number))) {
                        (Some(basis), Some(sums)) => end(&sums, &basis.sigma),
                        _ => Err(NotAligned::NotDecomposed),
                    };
                }
            }
        }
        Ok(())
    }
}

/// Begins to read the factors of the modules whose weights begin in batch `n`.
fn entering<'a, S: ByteSource>(asked: &'a Asked<S>, batches: &[Vec<Tile>], n: usize) -> Entering<'a> {
    let before = n.checked_sub(1).and_then(|n| batches[n].last()).map(|tile| tile.weight);
    let tiles = batches.get(n).into_iter().flatten();
    let mut weights: Vec<usize> = tiles.map(|tile| tile.weight).filter(|&weight| Some(weight) > before).collect();
    weights.dedup();
    let wanted: Vec<ModuleId> = weights.iter().flat_map(|&w| asked.users[w].iter().map(|user| user.module)).collect();
    let of_adapter = |adapter: &'a weights::Asking<S>| {
        let ids: Vec<ModuleId> = wanted.iter().copied().filter(|(id, _)| *id == adapter.id).collect();
        let (of, reads) = OfFile::new(&adapter.source, ids.iter().map(|&(_, n)| &adapter.modules[n]));
        (ids, of, Box::pin(read(&reads)) as Reading<'a>)
    };
    asked.adapters.iter().map(of_adapter).collect()
}

fn end(sums: &Aligned, sigma: &[f64]) -> Result<Sums, NotAligned> {
    match sums.not_finite {
        0 => Ok(Sums::of_core(&sums.core, sigma, sums.update_sq, Some(sums.before_sq))),
        count => Err(NotAligned::NotFinite(count)),
    }
}
