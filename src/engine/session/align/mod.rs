//! The alignment of adapters with updates between checkpoints: every weight is read once from every checkpoint, tile
//! by tile, for all adapters and all updates that need it.

pub(crate) mod known;
pub(crate) mod remarks;
pub(crate) mod trajectory;
pub(crate) mod weights;

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::rc::Rc;

use crate::analysis::alignment::{NotAligned, Sums};
use crate::session::align::known::Update;
use crate::session::align::weights::{Asked, Asking, Outcomes, User};
use crate::session::analyse::Stopped;
use crate::session::factors::subspaces::{Bases, ModuleId};
use crate::session::factors::tensors;
use crate::session::holdings::series::updates;
use crate::session::tiles::jobs::{Align, OnTiles};
use crate::session::tiles::{self, BUDGET, Tile};
use crate::session::{Emit, Session};
use lorascope_format::adapter::Module;
use lorascope_format::bytes::{ByteSource, SourceError};
use lorascope_kernels::linalg::Pair;
use lorascope_kernels::{Aligned, Pulse, RawTall};
use lorascope_protocol::report::Along;
use lorascope_protocol::{ItemId, Progress, ToPage};

/// Batches that are being read while one is computed: browsers read several ranges faster than one after the other.
const AHEAD: usize = 2;

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
        self.stream(&mut asked).await?;
        let mut outcomes: Vec<_> = asked.outcomes.into_iter().collect();
        outcomes.sort_unstable_by_key(|(key, _)| *key);
        for ((adapter, pair), modules) in outcomes {
            let [from, to] = asked.pairs[pair];
            let update = Update { along: Along::Checkpoints, adapter, pair: (states[from], states[to]) };
            self.aligned.keep(update, modules, update.sources(&self.held));
        }
        Ok(())
    }

    /// Reads and computes batch after batch, the next ones being read meanwhile.
    async fn stream(&mut self, asked: &mut Asked<S>) -> Result<(), Stopped> {
        let Asked { adapters, files, pairs, weights, users, outcomes } = asked;
        let batches = tiles::batches(weights, BUDGET);
        let last: HashMap<usize, usize> =
            batches.iter().enumerate().flat_map(|(n, batch)| batch.iter().map(move |tile| (tile.weight, n))).collect();
        let total = batches.iter().flatten().map(|tile| tile.bytes(weights)).sum();
        let mut done = 0;
        let mut bases = Bases::new();
        let mut running = Running::new();
        let begin = |n: usize| {
            let batch = batches.get(n)?;
            Some((factors(adapters, &entering(&batches, n, users)), tiles::read(files, weights, batch)))
        };
        let mut reading: VecDeque<_> = (0..AHEAD).filter_map(begin).collect();
        for (n, batch) in batches.iter().enumerate() {
            let weight = batch.first().map_or(0, |tile| tile.weight);
            let text = format!("Comparing checkpoints: weight {} of {}", weight + 1, weights.len());
            self.emit.emit(ToPage::Progress(Progress { text, done, total }));
            let Some((factors, pieces)) = reading.pop_front() else { break };
            let mut entered = Vec::with_capacity(factors.len());
            for (modules, pairs) in factors {
                entered.push((modules, pairs.await?));
            }
            let pieces = pieces.await?;
            if self.chosen.is_cancelled().await {
                return Err(Stopped::Cancelled);
            }
            reading.extend(begin(n + AHEAD));
            for (modules, pairs) in entered {
                bases.extend(self.bases(&modules, &pairs).await?);
            }
            self.align_batch(batch, pieces, (users, pairs, outcomes), &bases, &mut running).await?;
            done += batch.iter().map(|tile| tile.bytes(weights)).sum::<u64>();
            for weight in batch.iter().map(|tile| tile.weight).collect::<HashSet<_>>() {
                if last.get(&weight) != Some(&n) {
                    continue;
                }
                let is_here = |pair: &[usize; 2]| pair.iter().all(|&state| weights[weight].places[state].is_some());
                for User { module, .. } in &users[weight] {
                    let basis = bases.remove(module);
                    for (number, _) in pairs.iter().enumerate().filter(|(_, pair)| is_here(pair)) {
                        let slot = outcomes.get_mut(&(module.0, number)).and_then(|all| all.get_mut(module.1));
                        let Some(slot) = slot else { continue };
                        *slot = match (&basis, running.remove(&(*module, number))) {
                            (Some(basis), Some(sums)) => end(&sums, &basis.sigma),
                            _ => Err(NotAligned::NotDecomposed),
                        };
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds what a batch gives to what is known so far of those who ask.
    async fn align_batch(
        &mut self,
        batch: &[Tile],
        pieces: tiles::Pieces,
        (users, pairs, outcomes): (&[Vec<User>], &[[usize; 2]], &Outcomes),
        bases: &Bases,
        running: &mut Running,
    ) -> Result<(), Stopped> {
        let mut talls: Vec<Rc<RawTall>> = Vec::new();
        let mut changes = Vec::new();
        let mut owners = Vec::new();
        for (tile, states) in batch.iter().zip(pieces) {
            let numbers: Vec<Option<usize>> = states
                .into_iter()
                .map(|raw| {
                    talls.push(raw?);
                    Some(talls.len() - 1)
                })
                .collect();
            for User { module, swapped } in &users[tile.weight] {
                let Some(basis) = bases.get(module) else { continue };
                for (n, &[from, to]) in pairs.iter().enumerate() {
                    let (Some(before), Some(after)) = (numbers[from], numbers[to]) else { continue };
                    if outcomes.contains_key(&(module.0, n)) {
                        let sides = basis.beside(tile.rows.clone(), tile.cols.clone(), *swapped);
                        changes.push(([before, after], sides));
                        owners.push((*module, n));
                    }
                }
            }
        }
        let all = self.chosen.run_on_tiles(&Align(OnTiles { tiles: &talls, changes })).await?;
        for (owner, aligned) in owners.into_iter().zip(all) {
            match running.get_mut(&owner) {
                Some(running) => running.add(&aligned),
                None => drop(running.insert(owner, aligned)),
            }
        }
        Ok(())
    }
}

/// The modules whose weights begin in batch `n`.
fn entering(batches: &[Vec<Tile>], n: usize, users: &[Vec<User>]) -> Vec<ModuleId> {
    let before = n.checked_sub(1).and_then(|n| batches[n].last()).map(|tile| tile.weight);
    let mut weights: Vec<usize> = batches[n].iter().map(|tile| tile.weight).filter(|&w| Some(w) > before).collect();
    weights.dedup();
    weights.into_iter().flat_map(|weight| users[weight].iter().map(|user| user.module)).collect()
}

/// Modules of one adapter, and their factors, which are being read.
type Factors<'a, F> = Vec<(Vec<(ModuleId, &'a Module)>, F)>;

fn factors<'a, S: ByteSource>(
    adapters: &'a [Asking<S>],
    wanted: &[ModuleId],
) -> Factors<'a, impl Future<Output = Result<Vec<Pair>, SourceError>> + use<'a, S>> {
    adapters
        .iter()
        .map(|adapter| {
            let of_it = wanted.iter().filter(|(id, _)| *id == adapter.id);
            let modules: Vec<_> = of_it.filter_map(|&id| Some((id, adapter.modules.get(id.1)?))).collect();
            let refs: Vec<&Module> = modules.iter().map(|(_, module)| *module).collect();
            (modules, tensors::pairs(&adapter.source, &refs))
        })
        .collect()
}

fn end(sums: &Aligned, sigma: &[f64]) -> Result<Sums, NotAligned> {
    match sums.not_finite {
        0 => Ok(Sums::of_core(&sums.core, sigma, sums.update_sq, Some(sums.before_sq))),
        count => Err(NotAligned::NotFinite(count)),
    }
}
