//! The batches of a comparison: factors are read, their directions multiplied, figures made of the products.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::analysis::comparison::{Both, Own, grid};
use crate::session::analyse::{Stopped, Work};
use crate::session::compare::adapters::{Entrant, outputs_first, shape};
use crate::session::compare::units::{Edge, Unit};
use crate::session::compute::backend::Chosen;
use crate::session::compute::crew::{self, Answer};
use crate::session::compute::jobs::Cross;
use crate::session::compute::schedule::{Batch, Each, Parts};
use crate::session::factors::tensors::{Node, OfFile, gathered};
use crate::session::{Emit, Session};
use lorascope_format::adapter::Module;
use lorascope_format::bytes::ByteSource;
use lorascope_kernels::Pulse;
use lorascope_kernels::linalg::{Crossed, Directed, Pair};
use lorascope_kernels::plan::Cost;
use lorascope_protocol::report::OverlapGrid;

/// What became of two modules: their figures, or why there are none.
pub(crate) type Outcome = (Edge, Result<Both, String>);

/// Modules of several adapters, and those that meet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    files: Vec<OfFile>,
    /// The adapters'.
    labels: Vec<String>,
    /// By the numbers of the adapters and of the modules here.
    pub(crate) edges: Vec<[Node; 2]>,
    cost: Cost,
    /// Overlaps are wanted too.
    with_grids: bool,
}

/// The figures of two modules, and how their directions overlap, where that is wanted and neither is zero.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Met {
    pub(crate) both: Result<Both, String>,
    pub(crate) grid: Option<OverlapGrid>,
}

/// Modules that the backend, or a helper, holds at once.
pub(crate) fn batch<'a, S: ByteSource>(
    text: String,
    entrants: &'a [Entrant<S>],
    edges: impl Iterator<Item = Edge>,
    cost: Cost,
    with_grids: bool,
) -> Batch<'a, S> {
    let edges: Vec<Edge> = edges.collect();
    let of_adapter = |e: usize| (&entrants[e].source, &entrants[e].modules[..]);
    let (files, reads, places) = gathered(edges.iter().flat_map(|edge| edge.ends), of_adapter);
    let mut labels = vec![String::new(); files.len()];
    places.iter().for_each(|((e, _), (file, _))| labels[*file].clone_from(&entrants[*e].label));
    let edges = edges.iter().map(|edge| edge.ends.map(|node| places[&node])).collect();
    let task = Task { files, labels, edges, cost, with_grids };
    Batch::new(text, cost.bytes, reads, crew::Task::Cross(task))
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// All units, batch after batch.
    pub(crate) async fn cross_units(
        &mut self,
        entrants: &[Entrant<S>],
        units: &[Unit],
        weights: usize,
    ) -> Result<Vec<Outcome>, Stopped> {
        let costs: Vec<Cost> = units.iter().map(|unit| unit.cost).collect();
        let total = costs.iter().map(|cost| cost.bytes).sum();
        let edges = |units: &[Unit]| -> Vec<Edge> { units.iter().flat_map(|unit| unit.edges.clone()).collect() };
        let batches = self.in_batches(costs).map(|(range, cost, is_shared)| {
            let first = units[range.start].weight;
            let text = format!("Comparing {} adapters: {first} of {weights} modules", entrants.len());
            Batch { is_shared, ..batch(text, entrants, edges(&units[range]).into_iter(), cost, false) }
        });
        let (mut order, mut outcomes) = (edges(units).into_iter(), Vec::new());
        let accept = |answer: Answer<S::Piece>| {
            for (outcome, edge) in answer.outcomes.into_iter().zip(&mut order) {
                if let crew::Outcome::Crossed(met) = outcome {
                    outcomes.push((edge, met.both));
                }
            }
            Ok(())
        };
        self.schedule(&mut Each(batches, accept), &mut Work { done: 0, total }).await?;
        Ok(outcomes)
    }
}

impl Task {
    /// Whatever meets.
    pub(crate) async fn run<P: Pulse + Clone>(
        &self,
        chosen: &mut Chosen<P>,
        parts: Parts,
    ) -> Result<Vec<Met>, Stopped> {
        let (mut updates, mut places): (Vec<Pair>, HashMap<Node, usize>) = Default::default();
        let mut parts = parts.into_iter();
        for (e, of) in self.files.iter().enumerate() {
            for (n, (module, pair)) in of.modules.iter().zip(of.pairs(&mut parts)).enumerate() {
                if let Some(pair) = outputs_first(module, pair) {
                    places.insert((e, n), updates.len());
                    updates.push(pair);
                }
            }
            if chosen.is_cancelled().await {
                return Err(Stopped::Cancelled);
            }
        }
        let place = |edge: &[Node; 2]| Some([*places.get(&edge[0])?, *places.get(&edge[1])?]);
        let wanted: Vec<[usize; 2]> = self.edges.iter().filter_map(place).collect();
        let (directed, crossed) = chosen.run(&Cross::new(&updates, &wanted), self.cost).await?;
        let fallback = |one: &&Directed| matches!(one, Directed::Found { fallback: true, .. });
        chosen.count_fallbacks(directed.iter().filter(fallback).count() as u64);
        let mut crossed = crossed.into_iter();
        let met = |edge: &[Node; 2]| {
            let Some([a, b]) = place(edge) else {
                let both = Err("its tensors hold other numbers than their header says".to_owned());
                return Met { both, grid: None };
            };
            let crossed = crossed.next().flatten();
            let both = self.meet(edge, [&directed[a], &directed[b]], crossed.as_ref());
            let figures = both.as_ref().ok().zip(crossed.as_ref()).filter(|_| self.with_grids);
            let grid = figures.map(|(both, crossed)| grid(crossed, both.ranks, both.shape));
            Met { both, grid }
        };
        Ok(self.edges.iter().map(met).collect())
    }

    fn meet(&self, edge: &[Node; 2], directed: [&Directed; 2], crossed: Option<&Crossed>) -> Result<Both, String> {
        let module = |(e, n): Node| -> (&String, &Module) { (&self.labels[e], &self.files[e].modules[n]) };
        let own = |n: usize| {
            let (label, module) = module(edge[n]);
            match directed[n] {
                Directed::Found { sigma, rank, .. } => Ok(Own { sigma, rank: *rank, scale: module.scale }),
                Directed::NotFinite { count } => {
                    Err(format!("{label} holds {count} numbers of it that are not finite"))
                }
                Directed::OutOfRange => Err(format!("its update in {label} is beyond double precision")),
            }
        };
        let own = [own(0)?, own(1)?];
        let both = Both::new(own, crossed, shape(module(edge[0]).1));
        both.ok_or_else(|| "its update is beyond double precision".to_owned())
    }
}
