//! The batches of a comparison: factors are read, their directions multiplied, figures made of the products.

use std::collections::HashMap;

use crate::analysis::comparison::{Both, Own};
use crate::session::analyse::Stopped;
use crate::session::compare::adapters::{Entrant, Node, outputs_first, shape};
use crate::session::compare::units::{Edge, Unit, nodes};
use crate::session::compute::jobs::Cross;
use crate::session::factors::tensors;
use crate::session::{Emit, Session};
use lorascope_format::adapter::Module;
use lorascope_format::bytes::ByteSource;
use lorascope_kernels::Pulse;
use lorascope_kernels::linalg::{Crossed, Directed, Pair};
use lorascope_kernels::plan::{self, Cost};
use lorascope_protocol::{Progress, ToPage};

/// What became of two modules: their figures, or why there are none.
pub(crate) type Outcome = (Edge, Result<Both, String>);

/// Two modules' directions, with the figures that follow from them.
pub(crate) struct Met {
    pub both: Both,
    /// `None` where one of the two is zero.
    pub crossed: Option<Crossed>,
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
        let (mut done, mut outcomes) = (0, Vec::new());
        for batch in plan::batches(&costs, self.chosen.aim()) {
            let first = units[batch.start].weight;
            let text = format!("Comparing {} adapters: {first} of {weights} modules", entrants.len());
            self.emit.emit(ToPage::Progress(Progress { text, done, total }));
            let cost = costs[batch.clone()].iter().copied().fold(Cost::default(), Cost::plus);
            let edges: Vec<Edge> = units[batch].iter().flat_map(|unit| unit.edges.iter().copied()).collect();
            for (edge, met) in self.cross_edges(entrants, &edges, cost).await? {
                outcomes.push((edge, met.map(|met| met.both)));
            }
            done += cost.bytes;
        }
        Ok(outcomes)
    }

    /// Modules that the backend holds at once.
    pub(crate) async fn cross_edges(
        &mut self,
        entrants: &[Entrant<S>],
        edges: &[Edge],
        cost: Cost,
    ) -> Result<Vec<(Edge, Result<Met, String>)>, Stopped> {
        let mut updates: Vec<Pair> = Vec::new();
        let mut places: HashMap<Node, usize> = HashMap::new();
        for of_one in nodes(edges).chunk_by(|a, b| a.0 == b.0) {
            let entrant = &entrants[of_one[0].0];
            let modules: Vec<&Module> = of_one.iter().map(|&(_, n)| &entrant.modules[n]).collect();
            let pairs = tensors::pairs(&entrant.source, &modules).await?;
            for ((&node, module), pair) in of_one.iter().zip(modules).zip(pairs) {
                if let Some(pair) = outputs_first(module, pair) {
                    places.insert(node, updates.len());
                    updates.push(pair);
                }
            }
            if self.chosen.is_cancelled().await {
                return Err(Stopped::Cancelled);
            }
        }
        let place = |edge: &Edge| Some([*places.get(&edge.ends[0])?, *places.get(&edge.ends[1])?]);
        let wanted: Vec<[usize; 2]> = edges.iter().filter_map(place).collect();
        let (directed, crossed) = self.chosen.run(&Cross::new(&updates, &wanted), cost).await?;
        let fallback = |one: &&Directed| matches!(one, Directed::Found { fallback: true, .. });
        self.fallbacks += directed.iter().filter(fallback).count() as u64;
        let mut crossed = crossed.into_iter();
        let mut all = Vec::with_capacity(edges.len());
        for edge in edges {
            let met = match place(edge) {
                Some([a, b]) => meet(entrants, edge, [&directed[a], &directed[b]], crossed.next().flatten()),
                None => Err("its tensors hold other numbers than their header says".to_owned()),
            };
            all.push((*edge, met));
        }
        Ok(all)
    }
}

fn meet<S: ByteSource>(
    entrants: &[Entrant<S>],
    edge: &Edge,
    directed: [&Directed; 2],
    crossed: Option<Crossed>,
) -> Result<Met, String> {
    let own = |n: usize| {
        let (e, module) = edge.ends[n];
        let (label, module) = (&entrants[e].label, &entrants[e].modules[module]);
        match directed[n] {
            Directed::Found { sigma, rank, .. } => Ok(Own { sigma, rank: *rank, scale: module.scale }),
            Directed::NotFinite { count } => Err(format!("{label} holds {count} numbers of it that are not finite")),
            Directed::OutOfRange => Err(format!("its update in {label} is beyond double precision")),
        }
    };
    let own = [own(0)?, own(1)?];
    let (e, module) = edge.ends[0];
    let both = Both::new(own, crossed.as_ref(), shape(&entrants[e].modules[module]));
    let both = both.ok_or("its update is beyond double precision")?;
    Ok(Met { both, crossed })
}
