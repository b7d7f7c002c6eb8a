//! The alignment of adapters with updates between adapters: X = ΔW(to) − ΔW(from) has the form of factors, and every
//! figure comes from products of factors, in f64.

use std::collections::HashMap;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::analysis::alignment::{NotAligned, Sums};
use crate::session::align::known::Update;
use crate::session::analyse::{Stopped, Work};
use crate::session::compute::backend::Chosen;
use crate::session::compute::crew::{self, Answer, Outcome};
use crate::session::compute::schedule::{Batch, Bytes, Each, Read};
use crate::session::factors::subspaces::{Basis, bases};
use crate::session::factors::tensors::{self, OfFile};
use crate::session::holdings::series::updates;
use crate::session::{Emit, Session};
use lorascope_format::adapter::Module;
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_kernels::Pulse;
use lorascope_kernels::linalg::Factored;
use lorascope_kernels::plan::Cost;
use lorascope_protocol::ItemId;
use lorascope_protocol::report::Along;

/// One adapter, as the series sees it.
struct Member<S> {
    id: ItemId,
    label: String,
    source: Metered<S>,
    /// By name: the number and the module, where it has a spectrum.
    modules: HashMap<String, (usize, Module)>,
    count: usize,
    /// It is aligned with updates.
    is_asking: bool,
    /// Updates begin or end with it.
    is_state: bool,
}

/// An adapter beside an update: the outcome of every module so far.
struct Outcomes {
    update: Update,
    modules: Vec<Result<Sums, NotAligned>>,
}

/// A module of an adapter that updates begin or end with.
struct End<'a> {
    factors: Factored,
    module: &'a Module,
}

/// A module of an adapter that is aligned with updates.
struct Own<'a> {
    basis: &'a Basis,
    u: DMatrix<f64>,
    v: DMatrix<f64>,
    /// s·Uᵀ·P·V for the product P of every state's factors.
    cores: HashMap<usize, DMatrix<f64>>,
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Computes what is not known yet of the updates between adapters.
    pub(crate) async fn align_adapters(&mut self) -> Result<(), Stopped> {
        let (states, _) = self.series(Along::Adapters);
        let pairs = updates(&states);
        let mut wanted: Vec<Update> = Vec::new();
        for held in self.held.iter().filter(|held| held.analysed().is_some()) {
            wanted.extend(pairs.iter().map(|&pair| Update { along: Along::Adapters, adapter: held.id, pair }));
        }
        wanted.retain(|update| !self.aligned.knows(update));
        if wanted.is_empty() {
            return Ok(());
        }
        let members = self.members(&wanted);
        let mut outcomes: Vec<Outcomes> = wanted
            .into_iter()
            .map(|update| {
                let count = members.iter().find(|m| m.id == update.adapter).map_or(0, |m| m.count);
                Outcomes { update, modules: vec![Err(NotAligned::NoFactors); count] }
            })
            .collect();
        let mut names: Vec<&String> = members.iter().filter(|m| m.is_asking).flat_map(|m| m.modules.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let cost = |name: &&String| {
            let modules = members.iter().filter_map(|member| member.modules.get(*name));
            modules.filter_map(|(_, module)| tensors::cost(module)).fold(Cost::default(), Cost::plus)
        };
        let costs: Vec<Cost> = names.iter().map(cost).collect();
        let total = costs.iter().map(|cost| cost.bytes).sum();
        let number = |id: ItemId| members.iter().position(|member| member.id == id).unwrap_or_default();
        let updates =
            outcomes.iter().map(|Outcomes { update, .. }| [update.adapter, update.pair.0, update.pair.1].map(number));
        let updates: Vec<[usize; 3]> = updates.collect();
        let batches = self.in_batches(costs).map(|(range, cost, is_shared)| {
            let text = format!("Comparing adapters: {} of {} modules", range.start, names.len());
            let mut reads = Vec::new();
            let present = members.iter().map(|member| {
                let (present, own) = member.some(&names[range.clone()]);
                reads.extend(own);
                present
            });
            let task = Task { members: present.collect(), updates: updates.clone() };
            Batch { is_shared, ..Batch::new(text, cost.bytes, reads, crew::Task::Along(task)) }
        });
        let mut order = names.iter().flat_map(|name| (0..updates.len()).map(move |update| (name, update)));
        let accept = |answer: Answer<S::Piece>| {
            for (outcome, (name, update)) in answer.outcomes.into_iter().zip(&mut order) {
                let module = members[updates[update][0]].modules.get(*name);
                if let (Outcome::Along(Some(sums)), Some((n, _))) = (outcome, module) {
                    outcomes[update].modules[*n] = sums;
                }
            }
            Ok(())
        };
        self.schedule(Each(batches, accept), &mut Work { done: 0, total }).await?;
        for Outcomes { update, modules } in outcomes {
            self.aligned.keep(update, modules, update.sources(&self.held));
        }
        Ok(())
    }

    /// The adapters that have a part in these updates.
    fn members(&self, wanted: &[Update]) -> Vec<Member<S>> {
        let member = |held: &crate::session::Held<S>| {
            let analysed = held.analysed()?;
            let is_asking = wanted.iter().any(|update| update.adapter == held.id);
            let is_state = wanted.iter().any(|update| [update.pair.0, update.pair.1].contains(&held.id));
            let modules = analysed.adapter.modules.iter().zip(&analysed.found.spectra).enumerate();
            (is_asking || is_state).then(|| Member {
                id: held.id,
                label: held.label.clone(),
                source: analysed.file.source.clone(),
                modules: modules
                    .filter(|(_, (module, spectrum))| spectrum.is_some() && tensors::cost(module).is_some())
                    .map(|(n, (module, _))| (module.name.clone(), (n, module.clone())))
                    .collect(),
                count: analysed.adapter.modules.len(),
                is_asking,
                is_state,
            })
        };
        self.held.iter().filter_map(member).collect()
    }
}

impl<S: ByteSource> Member<S> {
    /// What it has of these modules, and what is read for them.
    fn some(&self, names: &[&String]) -> (Present, Vec<Read<'_, Metered<S>>>) {
        let modules: Vec<_> = names.iter().map(|name| self.modules.get(*name).map(|(_, module)| module)).collect();
        let mut count = 0..;
        let places = modules.iter().map(|module| module.and_then(|_| count.next())).collect();
        let (of, reads) = OfFile::new(&self.source, modules.into_iter().flatten());
        let (label, is_asking, is_state) = (self.label.clone(), self.is_asking, self.is_state);
        (Present { label, of, places, is_asking, is_state }, reads)
    }
}

/// Some modules of all adapters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    members: Vec<Present>,
    /// Which adapter beside which update, by the members' numbers.
    updates: Vec<[usize; 3]>,
}

/// An adapter, and which of the modules it has: their places there.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Present {
    label: String,
    of: OfFile,
    places: Vec<Option<usize>>,
    is_asking: bool,
    is_state: bool,
}

impl Task {
    fn names(&self) -> usize {
        self.members.first().map_or(0, |member| member.places.len())
    }

    pub(crate) fn count(&self) -> usize {
        self.names() * self.updates.len()
    }

    /// Every module beside every update; `None` where the adapter has no such module.
    pub(crate) async fn run<P: Pulse + Clone>(
        &self,
        chosen: &mut Chosen<P>,
        parts: Vec<Box<dyn Bytes>>,
    ) -> Result<Vec<Option<Result<Sums, NotAligned>>>, Stopped> {
        let (mut parts, mut all) = (parts.into_iter(), Vec::with_capacity(self.members.len()));
        for Present { of, is_asking, is_state, .. } in &self.members {
            let pairs = of.pairs(&mut parts);
            let bases = if *is_asking { bases(chosen, &of.modules, &pairs).await? } else { Vec::new() };
            let ends = pairs.iter().zip(&of.modules).filter(|_| *is_state);
            let ends: Vec<End<'_>> = ends.map(|(pair, module)| End { factors: Factored::new(pair), module }).collect();
            all.push((bases, ends));
        }
        let mut outcomes = Vec::with_capacity(self.count());
        for name in 0..self.names() {
            let mut squares = HashMap::new();
            for of_one in self.updates.chunk_by(|a, b| a[0] == b[0]) {
                let asking = of_one[0][0];
                let Present { of, places, .. } = &self.members[asking];
                let own = places[name].and_then(|place| all[asking].0.get(place)?.as_ref());
                let mut own = own.map(Own::new);
                for &[_, from, to] in of_one {
                    if chosen.is_cancelled().await {
                        return Err(Stopped::Cancelled);
                    }
                    let ends = [from, to].map(|n| {
                        let Present { label, places, .. } = &self.members[n];
                        (n, places[name].and_then(|place| all[n].1.get(place)), label.as_str())
                    });
                    let module = places[name].map(|place| &of.modules[place]);
                    outcomes.push(module.map(|module| sums(module, own.as_mut(), ends, &mut squares)));
                }
            }
        }
        Ok(outcomes)
    }
}

/// One module beside one update; `squares` are the updates' ‖X‖² of this module.
fn sums(
    module: &Module,
    own: Option<&mut Own<'_>>,
    ends: [(usize, Option<&End<'_>>, &str); 2],
    squares: &mut HashMap<(usize, usize), f64>,
) -> Result<Sums, NotAligned> {
    let [a, b] = ends.map(|(id, end, label)| {
        let end = end.ok_or_else(|| NotAligned::NoModule(label.to_owned()))?;
        Ok::<_, NotAligned>((id, end, label))
    });
    let ends @ [(from, a, _), (to, b, _)] = [a?, b?];
    let own = own.ok_or(NotAligned::NotDecomposed)?;
    for (_, end, label) in ends {
        if end.module.shape != module.shape {
            return Err(NotAligned::Shapes { own: module.shape, other: end.module.shape, state: label.to_owned() });
        }
    }
    let difference = || b.factors.difference_sq(b.module.scale, &a.factors, a.module.scale);
    let update_sq = *squares.entry((from, to)).or_insert_with(difference);
    Ok(own.sums([(from, a), (to, b)], update_sq))
}

impl<'a> Own<'a> {
    fn new(basis: &'a Basis) -> Self {
        let [u, v] = [&basis.left, &basis.right].map(|side| columns(side, basis.k));
        Self { basis, u, v, cores: HashMap::new() }
    }

    /// X = s_b·P_b − s_a·P_a for the products P of two states' factors.
    fn sums(&mut self, ends: [(usize, &End<'_>); 2], update_sq: f64) -> Sums {
        for (id, End { factors, module }) in ends {
            self.cores.entry(id).or_insert_with(|| factors.core(&self.u, &self.v) * module.scale);
        }
        let [a, b] = ends.map(|(id, _)| &self.cores[&id]);
        let core = if update_sq == 0.0 { DMatrix::zeros(a.nrows(), a.ncols()) } else { b - a };
        Sums::of_core(&core, &self.basis.sigma, update_sq, None)
    }
}

fn columns(by_row: &[f32], k: usize) -> DMatrix<f64> {
    let rows = by_row.len().checked_div(k).unwrap_or(0);
    DMatrix::from_row_iterator(rows, k, by_row.iter().map(|&x| f64::from(x)))
}
