//! The alignment of adapters with updates between checkpoints: every weight is read once from every checkpoint, tile
//! by tile, for all adapters and all updates that need it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::rc::Rc;

use nalgebra::DMatrix;

use super::aligned::{Known, Update};
use super::analyse::Stopped;
use super::bases::{Bases, ModuleId};
use super::jobs::Align;
use super::series::updates;
use super::tiles::{self, BUDGET, Place, Tile, Weight};
use super::{Emit, Session, tensors};
use crate::adapter::Module;
use crate::analysis::alignment::Sums;
use crate::checkpoint::{Matched, match_modules};
use crate::compute::plan::Cost;
use crate::compute::{Aligned, ComputeError, FactorType, Pulse, RawTall};
use crate::container::TensorType;
use crate::linalg::Pair;
use crate::protocol::{ItemId, Progress, ToPage};
use crate::report::Along;
use crate::source::{ByteSource, Metered, SourceError};

/// Batches that are being read while one is computed: browsers read several ranges faster than one after the other.
const AHEAD: usize = 2;

/// A weight and those who ask for it.
struct Asked {
    users: Vec<User>,
}

struct User {
    module: ModuleId,
    /// The weight is stored the other way round than the module's ΔW.
    swapped: bool,
}

/// An adapter whose modules are asked about.
struct Asking<S> {
    id: ItemId,
    source: Metered<S>,
    modules: Vec<Module>,
}

/// What there is to do.
struct Work<S> {
    adapters: Vec<Asking<S>>,
    /// The states that are read, and the files of each.
    files: Vec<Vec<Metered<S>>>,
    /// The updates, by states.
    pairs: Vec<[usize; 2]>,
    weights: Vec<Weight>,
    asked: Vec<Asked>,
    /// Per adapter and update that is asked for: the outcome of every module.
    outcomes: HashMap<(ItemId, usize), Vec<Result<Sums, String>>>,
}

/// Sums over the tiles of a weight so far.
struct Running {
    core: DMatrix<f64>,
    update_sq: f64,
    before_sq: f64,
    not_finite: u64,
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Computes what is not known yet of the updates between checkpoints.
    pub(super) async fn align_checkpoints(&mut self) -> Result<(), Stopped> {
        let (states, _) = self.series(Along::Checkpoints);
        let updates = updates(&states);
        let adapters: Vec<ItemId> =
            self.held.iter().filter(|held| held.analysed().is_some()).map(|held| held.id).collect();
        let mut wanted: Vec<(ItemId, (ItemId, ItemId))> = Vec::new();
        for &adapter in &adapters {
            wanted.extend(updates.iter().map(|&pair| (adapter, pair)));
        }
        wanted.retain(|&(adapter, pair)| !self.aligned.knows(&Update { along: Along::Checkpoints, adapter, pair }));
        if wanted.is_empty() {
            return Ok(());
        }
        let mut work = self.lay_out(&states, &wanted);
        let outcome = self.stream(&mut work).await;
        outcome?;
        let states: Vec<ItemId> = self.read_states(&states, &wanted);
        let mut outcomes: Vec<_> = work.outcomes.into_iter().collect();
        outcomes.sort_unstable_by_key(|(key, _)| *key);
        for ((adapter, pair), modules) in outcomes {
            let [from, to] = work.pairs[pair];
            let update = Update { along: Along::Checkpoints, adapter, pair: (states[from], states[to]) };
            self.aligned.keep(Known { update, modules });
        }
        Ok(())
    }

    /// The states that the wanted updates begin or end with, in order.
    fn read_states(&self, states: &[ItemId], wanted: &[(ItemId, (ItemId, ItemId))]) -> Vec<ItemId> {
        let ends: HashSet<ItemId> = wanted.iter().flat_map(|&(_, (from, to))| [from, to]).collect();
        states.iter().copied().filter(|id| ends.contains(id)).collect()
    }

    /// Finds every module's weight in every checkpoint.
    fn lay_out(&self, states: &[ItemId], wanted: &[(ItemId, (ItemId, ItemId))]) -> Work<S> {
        let states = self.read_states(states, wanted);
        let at = |id: ItemId| states.iter().position(|&state| state == id).unwrap_or_default();
        let mut pairs: Vec<[usize; 2]> = Vec::new();
        let mut outcomes = HashMap::new();
        let checkpoints: Vec<_> = states.iter().filter_map(|&id| self.checkpoint(id)).collect();
        let files = checkpoints.iter().map(|(_, c)| c.files.iter().map(|file| file.source.clone()).collect()).collect();
        let mut adapters = Vec::new();
        let mut weights: Vec<Weight> = Vec::new();
        let mut asked: Vec<Asked> = Vec::new();
        let mut places: HashMap<Vec<Option<Place>>, usize> = HashMap::new();
        for of_one in wanted.chunk_by(|a, b| a.0 == b.0) {
            let adapter = of_one[0].0;
            let Some(analysed) = self.held.iter().find(|h| h.id == adapter).and_then(|h| h.analysed()) else {
                continue;
            };
            let modules = &analysed.adapter.modules;
            adapters.push(Asking { id: adapter, source: analysed.file.source.clone(), modules: modules.clone() });
            let matched: Vec<Vec<Matched>> = checkpoints.iter().map(|(_, c)| match_modules(modules, c)).collect();
            for &(_, (from, to)) in of_one {
                let pair = [at(from), at(to)];
                let number = pairs.iter().position(|known| *known == pair).unwrap_or_else(|| {
                    pairs.push(pair);
                    pairs.len() - 1
                });
                let labels = pair.map(|state| checkpoints[state].0);
                let reason = |n: usize| not_beside([&matched[pair[0]][n], &matched[pair[1]][n]], labels);
                outcomes.insert((adapter, number), (0..modules.len()).map(|n| Err(reason(n))).collect());
            }
            for (n, module) in modules.iter().enumerate() {
                if analysed.found.spectra[n].is_none() {
                    continue;
                }
                let refs: Vec<Option<_>> = matched.iter().map(|of_state| of_state[n].as_ref().ok()).collect();
                let Some(first) = refs.iter().flatten().next() else { continue };
                let key: Vec<Option<Place>> = refs
                    .iter()
                    .map(|found| {
                        let found =
                            found.filter(|f| (f.rows, f.cols, f.swapped) == (first.rows, first.cols, first.swapped))?;
                        let dtype = dtype(&found.tensor.dtype)?;
                        Some(Place { file: found.file, begin: found.tensor.begin, dtype })
                    })
                    .collect();
                let weight = *places.entry(key.clone()).or_insert_with(|| {
                    weights.push(Weight { rows: first.rows, cols: first.cols, places: key, most: u64::MAX });
                    asked.push(Asked { users: Vec::new() });
                    weights.len() - 1
                });
                let most = self.chosen.aim().products / u64::from(module.rank.max(1));
                weights[weight].most = weights[weight].most.min(most.max(1));
                asked[weight].users.push(User { module: (adapter, n), swapped: first.swapped });
            }
        }
        // In the order of the first file, so that neighbours are read together.
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by_key(|&n| weights[n].places.iter().map(|p| p.map(|p| (p.file, p.begin))).collect::<Vec<_>>());
        let mut sorted = (Vec::new(), Vec::new());
        let mut slots: Vec<Option<(Weight, Asked)>> = weights.into_iter().zip(asked).map(Some).collect();
        for n in order {
            if let Some((weight, asked)) = slots[n].take() {
                sorted.0.push(weight);
                sorted.1.push(asked);
            }
        }
        Work { adapters, files, pairs, weights: sorted.0, asked: sorted.1, outcomes }
    }

    /// Reads and computes batch after batch, the next ones being read meanwhile.
    async fn stream(&mut self, work: &mut Work<S>) -> Result<(), Stopped> {
        let Work { adapters, files, pairs, weights, asked, outcomes } = work;
        let batches = tiles::batches(weights, BUDGET);
        let last: HashMap<usize, usize> =
            batches.iter().enumerate().flat_map(|(n, batch)| batch.iter().map(move |tile| (tile.weight, n))).collect();
        let total = batches.iter().flatten().map(|tile| tile.bytes(weights)).sum();
        let mut done = 0;
        let mut bases = Bases::new();
        let mut running: HashMap<(ModuleId, usize), Running> = HashMap::new();
        let begin = |n: usize| {
            let batch = batches.get(n)?;
            Some((factors(adapters, &entering(&batches, n, asked)), tiles::read(files, weights, batch)))
        };
        let mut reading: VecDeque<_> = (0..AHEAD).filter_map(begin).collect();
        for (n, batch) in batches.iter().enumerate() {
            let weight = batch.first().map_or(0, |tile| tile.weight);
            let text = format!("Comparing checkpoints: weight {} of {}", weight + 1, weights.len());
            self.emit.emit(ToPage::Progress(Progress { text, done, total }));
            let Some((factors, pieces)) = reading.pop_front() else { break };
            let unreadable = |error: SourceError| Stopped::Failed(error.to_string());
            let mut entered = Vec::with_capacity(factors.len());
            for (modules, pairs) in factors {
                entered.push((modules, pairs.await.map_err(unreadable)?));
            }
            let pieces = pieces.await.map_err(unreadable)?;
            if self.chosen.is_cancelled().await {
                return Err(Stopped::Cancelled);
            }
            reading.extend(begin(n + AHEAD));
            for (modules, pairs) in entered {
                bases.extend(self.bases(&modules, &pairs).await?);
            }
            self.align_batch(batch, pieces, asked, pairs, outcomes, &bases, &mut running).await?;
            done += batch.iter().map(|tile| tile.bytes(weights)).sum::<u64>();
            for weight in batch.iter().map(|tile| tile.weight).collect::<HashSet<_>>() {
                if last.get(&weight) != Some(&n) {
                    continue;
                }
                for User { module, .. } in &asked[weight].users {
                    for pair in 0..pairs.len() {
                        let sums = running.remove(&(*module, pair)).zip(bases.get(module));
                        let slot = outcomes.get_mut(&(module.0, pair)).and_then(|modules| modules.get_mut(module.1));
                        if let (Some((sums, basis)), Some(slot)) = (sums, slot) {
                            *slot = sums.end(&basis.sigma);
                        }
                    }
                    bases.remove(module);
                }
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // the loop's state, which lives only there
    async fn align_batch(
        &mut self,
        batch: &[Tile],
        pieces: tiles::Pieces,
        asked: &[Asked],
        pairs: &[[usize; 2]],
        outcomes: &HashMap<(ItemId, usize), Vec<Result<Sums, String>>>,
        bases: &Bases,
        running: &mut HashMap<(ModuleId, usize), Running>,
    ) -> Result<(), Stopped> {
        let mut talls: Vec<Rc<RawTall>> = Vec::new();
        let mut changes = Vec::new();
        let mut owners = Vec::new();
        let mut cost = Cost::default();
        for (tile, states) in batch.iter().zip(pieces) {
            let numbers: Vec<Option<usize>> = states
                .into_iter()
                .map(|raw| {
                    talls.push(raw?);
                    Some(talls.len() - 1)
                })
                .collect();
            for User { module, swapped } in &asked[tile.weight].users {
                let Some(basis) = bases.get(module) else { continue };
                for (n, &[from, to]) in pairs.iter().enumerate() {
                    let (Some(before), Some(after)) = (numbers[from], numbers[to]) else { continue };
                    if outcomes.contains_key(&(module.0, n)) {
                        let sides = basis.beside(tile.rows.clone(), tile.cols.clone(), *swapped);
                        cost.bytes += 4 * (sides.left.len() + sides.right.len()) as u64;
                        changes.push(([before, after], sides));
                        owners.push((*module, n));
                    }
                }
            }
        }
        cost.bytes += talls.iter().map(|tall| tall.bytes.len() as u64).sum::<u64>();
        let all = self.align_tiles(&talls, &changes, cost).await.map_err(|error| match error {
            ComputeError::Cancelled => Stopped::Cancelled,
            error => Stopped::Failed(format!("{error}.")),
        })?;
        for (owner, aligned) in owners.into_iter().zip(all) {
            match running.get_mut(&owner) {
                Some(running) => running.add(&aligned),
                None => drop(running.insert(owner, Running::of(aligned))),
            }
        }
        Ok(())
    }

    /// On the backend; what its dtypes or its range forbid, on the CPU.
    async fn align_tiles(
        &mut self,
        talls: &[Rc<RawTall>],
        changes: &[([usize; 2], crate::compute::Sides<'_>)],
        cost: Cost,
    ) -> Result<Vec<Aligned>, ComputeError> {
        if talls.iter().any(|tall| !tall.dtype.on_gpu()) {
            return self.chosen.run_on_cpu(&Align { tiles: talls, changes }).await;
        }
        let mut all = self.chosen.run(&Align { tiles: talls, changes }, cost).await?;
        let lost = |aligned: &Aligned| aligned.not_finite == 0 && !aligned.is_in_range();
        let again: Vec<usize> = (0..all.len()).filter(|&n| lost(&all[n])).collect();
        if !again.is_empty() {
            let changes: Vec<_> = again.iter().map(|&n| changes[n]).collect();
            let redone = self.chosen.run_on_cpu(&Align { tiles: talls, changes: &changes }).await?;
            self.fallbacks += redone.len() as u64;
            for (n, aligned) in again.into_iter().zip(redone) {
                all[n] = aligned;
            }
        }
        Ok(all)
    }
}

/// The modules whose weights begin in batch `n`.
fn entering(batches: &[Vec<Tile>], n: usize, asked: &[Asked]) -> Vec<ModuleId> {
    let before = n.checked_sub(1).and_then(|n| batches[n].last()).map(|tile| tile.weight);
    let mut weights: Vec<usize> = batches[n].iter().map(|tile| tile.weight).filter(|&w| Some(w) > before).collect();
    weights.dedup();
    weights.into_iter().flat_map(|weight| asked[weight].users.iter().map(|user| user.module)).collect()
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
            (modules, tensors::read(&adapter.source, &refs))
        })
        .collect()
}

impl Running {
    fn of(Aligned { core, update_sq, before_sq, not_finite }: Aligned) -> Self {
        Self { core, update_sq, before_sq, not_finite }
    }

    fn add(&mut self, more: &Aligned) {
        self.core += &more.core;
        self.update_sq += more.update_sq;
        self.before_sq += more.before_sq;
        self.not_finite += more.not_finite;
    }

    fn end(self, sigma: &[f64]) -> Result<Sums, String> {
        if self.not_finite > 0 {
            return Err(format!(
                "its weight holds {} numbers that are not finite (NaN or infinity) in these checkpoints",
                self.not_finite
            ));
        }
        Ok(Sums::of_core(&self.core, sigma, self.update_sq, Some(self.before_sq)))
    }
}

fn dtype(tensor: &TensorType) -> Option<FactorType> {
    match tensor {
        TensorType::Known(dtype) => FactorType::from_dtype(*dtype),
        TensorType::Unknown(_) => None,
    }
}

/// Why a module has no figure for an update; overwritten by its figures where it gets them.
fn not_beside(matched: [&Matched; 2], labels: [&str; 2]) -> String {
    match matched {
        [Err(a), Err(b)] if a == b => format!("{a} (in {} and {})", labels[0], labels[1]),
        [Err(a), _] => format!("{a} (in {})", labels[0]),
        [_, Err(b)] => format!("{b} (in {})", labels[1]),
        [Ok(_), Ok(_)] => "its weight is not stored the same way in both checkpoints".to_owned(),
    }
}
