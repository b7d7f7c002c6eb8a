//! What an alignment with checkpoints has to read: every module's weight in every state, and who asks for it.

use std::collections::{HashMap, HashSet};

use crate::analysis::alignment::{NotAligned, Sums};
use crate::session::Session;
use crate::session::factors::subspaces::ModuleId;
use crate::session::factors::tensors;
use crate::session::tiles::{Place, Weight};
use lorascope_format::adapter::Module;
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_format::checkpoint::{Lookup, Matched};
use lorascope_kernels::Pulse;
use lorascope_protocol::ItemId;

/// Who asks for a weight.
pub(crate) struct User {
    pub module: ModuleId,
    /// The weight is stored the other way round than the module's ΔW.
    pub swapped: bool,
}

/// An adapter whose modules are asked about.
pub(crate) struct Asking<S> {
    pub id: ItemId,
    pub source: Metered<S>,
    pub modules: Vec<Module>,
}

/// Per adapter and update that is asked for: the outcome of every module.
pub(crate) type Outcomes = HashMap<(ItemId, usize), Vec<Result<Sums, NotAligned>>>;

/// What there is to do.
pub(crate) struct Asked<S> {
    pub adapters: Vec<Asking<S>>,
    /// The files of each state that is read.
    pub files: Vec<Vec<Metered<S>>>,
    /// The updates, by states.
    pub pairs: Vec<[usize; 2]>,
    pub weights: Vec<Weight>,
    /// Of each weight.
    pub users: Vec<Vec<User>>,
    pub outcomes: Outcomes,
}

impl<S: ByteSource, P: Pulse + Clone, E: crate::session::Emit> Session<S, P, E> {
    /// Finds every module's weight in every checkpoint. `wanted` are adapters, each with the updates between `states`
    /// that are not known of it.
    pub(crate) fn lay_out(&self, states: &[ItemId], wanted: &[(ItemId, (ItemId, ItemId))]) -> Asked<S> {
        let at = |id: ItemId| states.iter().position(|&state| state == id).unwrap_or_default();
        let mut pairs: Vec<[usize; 2]> = Vec::new();
        for &(_, (from, to)) in wanted {
            let pair = [at(from), at(to)];
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        let checkpoints: Vec<_> = states.iter().filter_map(|&id| self.held.checkpoint(id)).collect();
        let lookups: Vec<Lookup<'_>> = checkpoints.iter().map(|(_, checkpoint)| Lookup::new(*checkpoint)).collect();
        let mut outcomes = Outcomes::new();
        let mut adapters = Vec::new();
        let mut asked: Vec<(Weight, Vec<User>)> = Vec::new();
        let mut known: HashMap<Vec<Option<Place>>, usize> = HashMap::new();
        for of_one in wanted.chunk_by(|a, b| a.0 == b.0) {
            let adapter = of_one[0].0;
            let Some(analysed) = self.held.adapter(adapter) else {
                continue;
            };
            let modules = &analysed.adapter.modules;
            adapters.push(Asking { id: adapter, source: analysed.file.source.clone(), modules: modules.clone() });
            let find = |lookup: &Lookup<'_>| modules.iter().map(|module| lookup.find(module)).collect();
            let matched: Vec<Vec<Matched>> = lookups.iter().map(find).collect();
            let own: HashSet<[usize; 2]> = of_one.iter().map(|&(_, (from, to))| [at(from), at(to)]).collect();
            for (number, &[from, to]) in pairs.iter().enumerate().filter(|(_, pair)| own.contains(*pair)) {
                let labels = [from, to].map(|state| checkpoints[state].0);
                let reason = |n: usize| match tensors::cost(&modules[n]) {
                    Some(_) => not_beside([&matched[from][n], &matched[to][n]], labels),
                    None => NotAligned::NoFactors,
                };
                outcomes.insert((adapter, number), (0..modules.len()).map(|n| Err(reason(n))).collect());
            }
            for (n, module) in modules.iter().enumerate() {
                if analysed.found.spectra[n].is_none() || tensors::cost(module).is_none() {
                    continue;
                }
                let found: Vec<&Matched> = matched.iter().map(|of_state| &of_state[n]).collect();
                let Some((places, [rows, cols], swapped)) = places(&found, &pairs) else { continue };
                let number = *known.entry(places.clone()).or_insert_with(|| {
                    asked.push((Weight { rows, cols, places, most: u64::MAX }, Vec::new()));
                    asked.len() - 1
                });
                let (weight, users) = &mut asked[number];
                let most = self.chosen.aim().products / u64::from(module.rank.max(1));
                weight.most = weight.most.min(most.max(1));
                users.push(User { module: (adapter, n), swapped });
            }
        }
        // In the order of the first file, so that neighbours are read together.
        asked.sort_by_cached_key(|(weight, _)| -> Vec<_> {
            weight.places.iter().map(|place| place.map(|place| (place.file, place.begin))).collect()
        });
        let (weights, users) = asked.into_iter().unzip();
        let files = |checkpoint: &lorascope_format::checkpoint::Checkpoint<Metered<S>>| {
            checkpoint.files.iter().map(|file| file.source.clone()).collect()
        };
        let files = checkpoints.iter().map(|(_, checkpoint)| files(checkpoint)).collect();
        Asked { adapters, files, pairs, weights, users, outcomes }
    }
}

/// Where a module's weight lies in the states of which an update is asked for that has it at both ends, its rows and
/// columns, and whether it is stored the other way round; `None` where there is no such state.
fn places(found: &[&Matched], pairs: &[[usize; 2]]) -> Option<(Vec<Option<Place>>, [u64; 2], bool)> {
    let first = found.iter().find_map(|found| found.as_ref().ok())?;
    let place = |found: &&Matched| {
        let found = found.as_ref().ok()?;
        let same = (found.rows, found.cols, found.swapped) == (first.rows, first.cols, first.swapped);
        let dtype = crate::factor_type::of_tensor(&found.tensor.dtype).filter(|_| same)?;
        Some(Place { file: found.file, begin: found.tensor.begin, dtype })
    };
    let all: Vec<Option<Place>> = found.iter().map(place).collect();
    let is_read =
        |state: usize| pairs.iter().any(|pair| pair.contains(&state) && pair.iter().all(|&end| all[end].is_some()));
    let read: Vec<Option<Place>> = (0..all.len()).map(|state| all[state].filter(|_| is_read(state))).collect();
    read.iter().any(Option::is_some).then_some((read, [first.rows, first.cols], first.swapped))
}

/// Why a module has no figure for an update; overwritten by its figures where it gets them.
fn not_beside(matched: [&Matched; 2], [from, to]: [&str; 2]) -> NotAligned {
    let (why, states) = match matched {
        // Said once of both.
        [Err(a), Err(b)] if a == b => (a, format!("{from} and {to}")),
        [Err(a), _] => (a, from.to_owned()),
        [_, Err(b)] => (b, to.to_owned()),
        [Ok(_), Ok(_)] => return NotAligned::StoredApart,
    };
    NotAligned::NoWeight { why: why.clone(), states }
}
