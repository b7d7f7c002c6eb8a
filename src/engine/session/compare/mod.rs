//! Every adapter that is held beside every other: what the page asks for, and what it is told.

pub(crate) mod adapters;
pub(crate) mod products;
pub(crate) mod units;

use std::collections::HashSet;

use crate::analysis::comparison::{Both, whole};
use crate::session::analyse::Stopped;
use crate::session::compare::adapters::{Entrant, Meeting};
use crate::session::compare::products::{Met, Outcome, batch};
use crate::session::compare::units::{Edge, pairs};
use crate::session::compute::crew::Outcome::Crossed;
use crate::session::results::Answer;
use crate::session::send::{OVERHEAD, packed};
use crate::session::{Emit, Session};
use lorascope_format::bytes::ByteSource;
use lorascope_format::container::quoted;
use lorascope_kernels::Pulse;
use lorascope_protocol::report::{ComparedModule, ComparisonReport, NotAnalyzed, OverlapGrid, PairReport};
use lorascope_protocol::{ItemId, MODULES_PER_MESSAGE, PairPiece};

/// A comparison that is done.
pub(crate) struct Compared {
    pub items: Vec<ItemId>,
    pub left_out: Vec<NotAnalyzed>,
    pub pairs: Vec<PairReport>,
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// The lists of one pair of the last comparison, a before b in its order; `None` where it is not there.
    pub(crate) fn pair(&self, a: ItemId, b: ItemId) -> Option<PairReport> {
        let compared = self.results.iter().find_map(|kept| match &kept.made {
            Answer::Comparison(compared) => Some(compared),
            _ => None,
        })?;
        let place = |id| compared.items.iter().position(|&item| item == id).map(|place| place as u32);
        let (a, b) = (place(a)?, place(b)?);
        compared.pairs.iter().find(|pair| (pair.a, pair.b) == (a, b)).cloned()
    }

    pub(crate) fn comparison_report(&self, compared: &Compared) -> ComparisonReport {
        let adapters = compared.items.iter().map(|&item| self.held.label(item).to_owned()).collect();
        ComparisonReport { adapters, pairs: compared.pairs.clone() }
    }

    pub(crate) async fn compute_comparison(&mut self) -> Result<Compared, Stopped> {
        let all = self.held.iter().filter_map(Entrant::of);
        let (entrants, others): (Vec<_>, Vec<_>) = all.partition(Entrant::is_comparable);
        let reason =
            "none of its updates can be had as two thin factors from its file alone, which is what is compared";
        let left_out = others.into_iter().map(|entrant| NotAnalyzed { name: entrant.label, reason: reason.to_owned() });
        let recalled = self.held.iter().filter(|held| held.analysed().is_none() && held.report().is_some());
        let reason = "only its report is here, from a link or a saved file, and comparing takes its tensors";
        let without_file = recalled.map(|held| NotAnalyzed { name: held.label.clone(), reason: reason.to_owned() });
        let left_out: Vec<NotAnalyzed> = left_out.chain(without_file).collect();
        if entrants.len() < 2 {
            let mut text = "Comparing takes two adapters at least. Drop another one for the same model.".to_owned();
            for NotAnalyzed { name, reason } in left_out {
                text.push_str(&format!(" {name} does not count: {reason}."));
            }
            return Err(Stopped::Failed(text));
        }
        let meetings: Vec<Meeting> = pairs(entrants.len()).map(|(a, b)| entrants[a].meet(&entrants[b])).collect();
        let (units, weights) = units::units(&entrants, &meetings);
        let mut of_pairs: Vec<Vec<Outcome>> = meetings.iter().map(|_| Vec::new()).collect();
        for outcome in self.cross_units(&entrants, &units, weights).await? {
            of_pairs[outcome.0.pair].push(outcome);
        }
        let reports = pairs(entrants.len()).zip(meetings).zip(of_pairs);
        Ok(Compared {
            items: entrants.iter().map(|entrant| entrant.id).collect(),
            left_out,
            pairs: reports.map(|((pair, meeting), outcomes)| report(&entrants, pair, meeting, outcomes)).collect(),
        })
    }

    pub(crate) async fn overlap_of(&mut self, a: ItemId, b: ItemId, name: &str) -> Result<OverlapGrid, Stopped> {
        let refused = |text: String| Stopped::Failed(format!("{}: {text}.", quoted(name)));
        let entrant = |id: ItemId| self.held.of(id).and_then(Entrant::of);
        let (Some(a), Some(b)) = (entrant(a), entrant(b)) else {
            return Err(refused("one of the two adapters is no longer here".to_owned()));
        };
        let entrants = [a, b];
        let [a, b] = &entrants;
        let here = a.modules.iter().position(|module| module.name == name);
        let n = here.ok_or_else(|| refused(format!("{} has no such module", a.label)))?;
        let m = a.names.counterpart(n, &b.names).ok_or_else(|| refused(format!("{} has no such module", b.label)))?;
        a.can_meet(n, b, m).map_err(refused)?;
        let edge = Edge { pair: 0, ends: [(0, n), (1, m)] };
        let cost = units::cost(&[edge], &entrants);
        let batch = batch(String::new(), &entrants, [edge].into_iter(), cost, true);
        let mut outcomes = self.compute(&batch, None).await?.outcomes;
        let Some(Crossed(Met { both, grid })) = outcomes.pop() else {
            return Err(refused("nothing was computed".to_owned()));
        };
        both.map_err(refused)?;
        grid.ok_or_else(|| refused("one of the two updates is zero, which has no directions".to_owned()))
    }
}

fn report<S: ByteSource>(
    entrants: &[Entrant<S>],
    (a, b): (usize, usize),
    meeting: Meeting,
    mut outcomes: Vec<Outcome>,
) -> PairReport {
    let ends = [&entrants[a], &entrants[b]];
    let Meeting { mut refused, only, .. } = meeting;
    outcomes.sort_unstable_by_key(|(edge, _)| edge.ends[0]);
    let (mut figures, mut modules): (Vec<Both>, Vec<ComparedModule>) = Default::default();
    // Of what a file holds twice one counts: what both adapters have, else what the other modules are copies of.
    let met: [HashSet<usize>; 2] = [0, 1].map(|end| {
        let met = outcomes.iter().filter(|(_, outcome)| outcome.is_ok());
        met.map(|(edge, _)| edge.ends[end].1).collect()
    });
    let mut counted_by_copy: [HashSet<usize>; 2] = Default::default();
    for (Edge { ends: [(_, n), (_, m)], .. }, outcome) in outcomes {
        let pair = [(n, ends[0]), (m, ends[1])];
        let [name, other] = pair.map(|(n, end)| &end.modules[n].name);
        match outcome {
            Ok(both) => {
                let is_copy = |end: usize| pair[end].1.modules[pair[end].0].is_copy_among(|of| met[end].contains(&of));
                if ![0, 1].into_iter().any(is_copy) {
                    figures.push(both);
                    for (counted, (n, end)) in counted_by_copy.iter_mut().zip(pair) {
                        counted.extend(end.modules[n].copy_of.iter().flat_map(|copied| copied.of.iter().copied()));
                    }
                }
                modules.push(both.reported(name.clone(), Some(other.clone()).filter(|other| other != name)));
            }
            Err(reason) => refused.push((n, reason)),
        }
    }
    refused.sort_unstable_by_key(|(n, _)| *n);
    let norms = [0, 1].map(|end| {
        let has_norm = |of: usize| ends[end].norm(of) > 0.0;
        let is_copy = |n: usize| ends[end].modules[n].is_copy_among(has_norm);
        let counts = |n: &&usize| !is_copy(**n) && !counted_by_copy[end].contains(*n);
        only[end].iter().filter(counts).map(|&n| ends[end].norm(n)).collect::<Vec<f64>>()
    });
    let names = |end: usize| only[end].iter().map(|&n| ends[end].modules[n].name.clone()).collect();
    let not_compared =
        refused.into_iter().map(|(n, reason)| NotAnalyzed { name: ends[0].modules[n].name.clone(), reason });
    let not_compared: Vec<NotAnalyzed> = not_compared.collect();
    let numbers = [modules.len(), only[0].len(), only[1].len(), not_compared.len()];
    PairReport {
        a: a as u32,
        b: b as u32,
        figures: whole(&figures, [&norms[0], &norms[1]], numbers),
        modules,
        only_a: names(0),
        only_b: names(1),
        not_compared,
    }
}

/// A pair's lists in messages of bounded size.
pub(crate) fn pair_pieces(pair: PairReport) -> Vec<PairPiece> {
    let of_module = |module: &ComparedModule| {
        4 * OVERHEAD + 8 * 20 + module.name.len() + module.other_name.as_ref().map_or(0, String::len)
    };
    let of_name = |name: &String| OVERHEAD + name.len();
    let of_refused = |entry: &NotAnalyzed| 2 * OVERHEAD + entry.name.len() + entry.reason.len();
    let mut pieces: Vec<PairPiece> = Vec::new();
    pieces.extend(packed(pair.modules, MODULES_PER_MESSAGE, of_module).map(PairPiece::Modules));
    pieces.extend(packed(pair.only_a, MODULES_PER_MESSAGE, of_name).map(PairPiece::OnlyA));
    pieces.extend(packed(pair.only_b, MODULES_PER_MESSAGE, of_name).map(PairPiece::OnlyB));
    pieces.extend(packed(pair.not_compared, MODULES_PER_MESSAGE, of_refused).map(PairPiece::NotCompared));
    pieces
}
