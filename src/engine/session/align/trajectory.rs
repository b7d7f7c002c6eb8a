//! The alignment of adapters with updates between adapters: X = ΔW(to) − ΔW(from) has the form of factors, and every
//! figure comes from products of factors, in f64.

use std::collections::{HashMap, HashSet};

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::analysis::alignment::{NotAligned, Sums};
use crate::session::align::known::Update;
use crate::session::analyse::{Stopped, Work};
use crate::session::compute::backend::Chosen;
use crate::session::compute::crew::{self, Answer, Outcome};
use crate::session::compute::schedule::{Batch, Each, Parts};
use crate::session::factors::subspaces::{Basis, bases};
use crate::session::factors::tensors::{self, Node, OfFile, gathered};
use crate::session::holdings::item::Held;
use crate::session::holdings::series::updates;
use crate::session::{Emit, Session};
use lorascope_format::adapter::Module;
use lorascope_format::bytes::{ByteSource, Metered};
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
    modules: Vec<Module>,
    /// The numbers of those that have a spectrum, by name.
    named: HashMap<String, usize>,
}

/// An adapter beside an update: the outcome of every module so far.
struct Outcomes {
    update: Update,
    modules: Vec<Result<Sums, NotAligned>>,
}

/// Some modules of all adapters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    files: Vec<OfFile>,
    /// A module, and those that an update begins and ends with.
    pub(crate) asks: Vec<[Node; 3]>,
}

/// A module of an adapter that is aligned with updates.
struct Own<'a> {
    basis: &'a Basis,
    u: DMatrix<f64>,
    v: DMatrix<f64>,
    /// s·Uᵀ·P·V for the product P of every state's factors.
    cores: HashMap<Node, DMatrix<f64>>,
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
        let members: Vec<Member<S>> = self.held.iter().filter_map(Member::of).collect();
        let at = |id: ItemId| members.iter().position(|member| member.id == id).unwrap_or_default();
        let outcomes = |update: Update| {
            let modules = vec![Err(NotAligned::NoFactors); members[at(update.adapter)].modules.len()];
            Outcomes { update, modules }
        };
        let mut known: Vec<Outcomes> = wanted.into_iter().map(outcomes).collect();
        let asking: HashSet<usize> = known.iter().map(|known| at(known.update.adapter)).collect();
        let mut names: Vec<&String> = asking.iter().flat_map(|&member| members[member].named.keys()).collect();
        names.sort_unstable();
        names.dedup();
        // Of every name, who is asked for which update.
        let mut asked: Vec<Vec<(usize, [Node; 3])>> = Vec::with_capacity(names.len());
        for name in &names {
            let mut of_name = Vec::new();
            for (number, Outcomes { update, modules }) in known.iter_mut().enumerate() {
                let own = at(update.adapter);
                let Some(&n) = members[own].named.get(*name) else { continue };
                match meet(&members, (own, n), [update.pair.0, update.pair.1].map(at), name) {
                    Ok(nodes) => of_name.push((number, nodes)),
                    Err(reason) => modules[n] = Err(reason),
                }
            }
            asked.push(of_name);
        }
        let cost = |of_name: &Vec<(usize, [Node; 3])>| {
            let nodes: HashSet<Node> = of_name.iter().flat_map(|(_, nodes)| *nodes).collect();
            let costs = nodes.into_iter().filter_map(|(member, n)| tensors::cost(&members[member].modules[n]));
            costs.fold(Cost::default(), Cost::plus)
        };
        let costs: Vec<Cost> = asked.iter().map(cost).collect();
        let total = costs.iter().map(|cost| cost.bytes).sum();
        let of_member = |member: usize| (&members[member].source, &members[member].modules[..]);
        let batches = self.in_batches(costs).map(|(range, cost, is_shared)| {
            let text = format!("Comparing adapters: {} of {} modules", range.start, names.len());
            let asks = || asked[range.clone()].iter().flatten().map(|(_, nodes)| nodes);
            let (files, reads, places) = gathered(asks().flatten().copied(), of_member);
            let asks = asks().map(|nodes| nodes.map(|node| places[&node])).collect();
            let task = crew::Task::Along(Task { files, asks });
            Batch { is_shared, ..Batch::new(text, cost.bytes, reads, task) }
        });
        let mut order = asked.iter().flatten();
        let accept = |answer: Answer<S::Piece>| {
            for (outcome, (number, [(_, n), ..])) in answer.outcomes.into_iter().zip(&mut order) {
                let Outcome::Along(sums) = outcome else { continue };
                known[*number].modules[*n] = sums;
            }
            Ok(())
        };
        self.schedule(&mut Each(batches, accept), &mut Work { done: 0, total }).await?;
        for Outcomes { update, modules } in known {
            self.aligned.keep(update, modules, update.sources(&self.held));
        }
        Ok(())
    }
}

impl<S: ByteSource> Member<S> {
    fn of(held: &Held<S>) -> Option<Self> {
        let analysed = held.analysed()?;
        let modules = analysed.adapter.modules.clone();
        let has_basis = |n: &usize| analysed.found.spectra[*n].is_some() && tensors::cost(&modules[*n]).is_some();
        let named = (0..modules.len()).filter(has_basis).map(|n| (modules[n].name.clone(), n)).collect();
        let (label, source) = (held.label.clone(), analysed.file.source.clone());
        Some(Self { id: held.id, label, source, modules, named })
    }
}

/// The modules of this name that an update begins and ends with.
///
/// # Errors
/// Why it is not compared with them, as part of a sentence.
fn meet<S>(members: &[Member<S>], own: Node, ends: [usize; 2], name: &str) -> Result<[Node; 3], NotAligned> {
    let [from, to] = ends.map(|member| {
        let Member { label, named, .. } = &members[member];
        named.get(name).map(|&n| (member, n)).ok_or_else(|| NotAligned::NoModule(label.clone()))
    });
    let (from, to) = (from?, to?);
    let shape = |(member, n): Node| members[member].modules[n].shape;
    for end in [from, to] {
        if shape(end) != shape(own) {
            let state = members[end.0].label.clone();
            return Err(NotAligned::Shapes { own: shape(own), other: shape(end), state });
        }
    }
    Ok([own, from, to])
}

impl Task {
    /// Every module beside its update.
    pub(crate) async fn run<P: Pulse + Clone>(
        &self,
        chosen: &mut Chosen<P>,
        parts: Parts,
    ) -> Result<Vec<Result<Sums, NotAligned>>, Stopped> {
        let (mut parts, mut found, mut factors) = (parts.into_iter(), HashMap::new(), HashMap::new());
        for (e, of) in self.files.iter().enumerate() {
            let pairs = of.pairs(&mut parts);
            if self.asks.iter().any(|[own, ..]| own.0 == e) {
                let of_file = bases(chosen, &of.modules, &pairs).await?.into_iter().enumerate();
                found.extend(of_file.filter_map(|(n, basis)| Some(((e, n), basis?))));
            }
            factors.extend(pairs.iter().enumerate().map(|(n, pair)| ((e, n), Factored::new(pair))));
        }
        let state = |node: Node| (node, &factors[&node], self.files[node.0].modules[node.1].scale);
        let mut squares: HashMap<[Node; 2], f64> = HashMap::new();
        let mut outcomes = Vec::with_capacity(self.asks.len());
        for of_one in self.asks.chunk_by(|a, b| a[0] == b[0]) {
            let mut own = found.get(&of_one[0][0]).map(Own::new);
            for &[_, from, to] in of_one {
                if chosen.is_cancelled().await {
                    return Err(Stopped::Cancelled);
                }
                let [a, b] = [from, to].map(state);
                let update_sq = *squares.entry([from, to]).or_insert_with(|| b.1.difference_sq(b.2, a.1, a.2));
                let sums = own.as_mut().map(|own| own.sums([a, b], update_sq));
                outcomes.push(sums.ok_or(NotAligned::NotDecomposed));
            }
        }
        Ok(outcomes)
    }
}

impl<'a> Own<'a> {
    fn new(basis: &'a Basis) -> Self {
        let [u, v] = [&basis.left, &basis.right].map(|side| columns(side, basis.k));
        Self { basis, u, v, cores: HashMap::new() }
    }

    /// X = s_b·P_b − s_a·P_a for the products P of two states' factors, each with its s.
    fn sums(&mut self, states: [(Node, &Factored, f64); 2], update_sq: f64) -> Sums {
        for (node, factors, scale) in states {
            self.cores.entry(node).or_insert_with(|| factors.core(&self.u, &self.v) * scale);
        }
        let [a, b] = states.map(|(node, ..)| &self.cores[&node]);
        let core = if update_sq == 0.0 { DMatrix::zeros(a.nrows(), a.ncols()) } else { b - a };
        Sums::of_core(&core, &self.basis.sigma, update_sq, None)
    }
}

fn columns(by_row: &[f32], k: usize) -> DMatrix<f64> {
    let rows = by_row.len().checked_div(k).unwrap_or(0);
    DMatrix::from_row_iterator(rows, k, by_row.iter().map(|&x| f64::from(x)))
}
