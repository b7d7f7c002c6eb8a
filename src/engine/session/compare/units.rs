//! The work of a comparison, in units that a backend holds at once: one module of every adapter that has it, so that
//! each adapter's factors are read and made orthonormal once. Where not even one module of all adapters fits, the
//! adapters are taken in blocks, two at a time.

use std::collections::{BTreeSet, HashMap};

use crate::session::compare::adapters::{Entrant, Meeting, shape};
use crate::session::factors::tensors::Node;
use lorascope_format::bytes::ByteSource;
use lorascope_kernels::plan::Cost;

/// Two modules that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    /// The number of the pair of adapters.
    pub pair: usize,
    pub ends: [Node; 2],
}

/// Some modules of one weight.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    /// The number of the weight among all that are compared.
    pub weight: usize,
    pub edges: Vec<Edge>,
    pub cost: Cost,
}

/// All units, and how many weights there are. `meetings` are of all pairs of entrants, by a and then by b.
pub(crate) fn units<S: ByteSource>(entrants: &[Entrant<S>], meetings: &[Meeting]) -> (Vec<Unit>, usize) {
    let mut groups: Vec<Vec<Edge>> = Vec::new();
    let mut by_key: HashMap<&str, usize> = HashMap::new();
    for (pair, ((a, b), meeting)) in pairs(entrants.len()).zip(meetings).enumerate() {
        for &(n, m) in &meeting.shared {
            let group = *by_key.entry(entrants[a].names.key(n)).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push(Edge { pair, ends: [(a, n), (b, m)] });
        }
    }
    let weights = groups.len();
    let units = groups.into_iter().enumerate().flat_map(|(weight, edges)| fitting(weight, edges, entrants));
    (units.collect(), weights)
}

/// Every pair of `count` adapters, a < b, by a and then by b.
pub(crate) fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |a| (a + 1..count).map(move |b| (a, b)))
}

/// One weight's edges in one unit, or in as few blocks as fit.
fn fitting<S: ByteSource>(weight: usize, edges: Vec<Edge>, entrants: &[Entrant<S>]) -> Vec<Unit> {
    let parts = in_blocks(&edges, |edges| cost(edges, entrants).fits());
    parts.into_iter().map(|edges| Unit { weight, cost: cost(&edges, entrants), edges }).collect()
}

/// The edges in parts that fit, each between two blocks of modules or inside of them; the blocks are halved until all
/// parts fit, or are single edges.
fn in_blocks(edges: &[Edge], fits: impl Fn(&[Edge]) -> bool) -> Vec<Vec<Edge>> {
    let nodes = nodes(edges);
    let mut size = nodes.len();
    loop {
        let blocks: Vec<&[Node]> = nodes.chunks(size.max(1)).collect();
        let mut rest = edges.to_vec();
        let mut parts = Vec::new();
        for (i, a) in blocks.iter().enumerate() {
            for b in &blocks[(i + 1).min(blocks.len() - 1)..] {
                let is_inside = |edge: &Edge| edge.ends.iter().all(|end| a.contains(end) || b.contains(end));
                let (inside, others) = rest.into_iter().partition::<Vec<Edge>, _>(is_inside);
                rest = others;
                if !inside.is_empty() {
                    parts.push(inside);
                }
            }
        }
        if size <= 1 || parts.iter().all(|part| fits(part)) {
            return parts;
        }
        size = size.div_ceil(2);
    }
}

/// The modules of some edges, each once, by adapter.
pub(crate) fn nodes(edges: &[Edge]) -> Vec<Node> {
    edges.iter().flat_map(|edge| edge.ends).collect::<BTreeSet<Node>>().into_iter().collect()
}

/// What some edges of one weight ask of a batch.
pub(crate) fn cost<S: ByteSource>(edges: &[Edge], entrants: &[Entrant<S>]) -> Cost {
    let width = |(e, n): Node| {
        let module = &entrants[e].modules[n];
        let [out, inn] = shape(module);
        module.update.width().unwrap_or(u64::MAX).min(out).min(inn)
    };
    let own = nodes(edges).into_iter().filter_map(|(e, n)| entrants[e].cost(n).ok()).fold(Cost::default(), Cost::plus);
    let of_itself = |node: Node| Cost::cross(shape(&entrants[node.0].modules[node.1]), [width(node); 2]);
    let of_edge = |edge: &Edge| {
        let [(e, n), _] = edge.ends;
        Cost::cross(shape(&entrants[e].modules[n]), edge.ends.map(width))
    };
    let gram = nodes(edges).into_iter().map(of_itself).fold(Cost::default(), Cost::plus);
    let crossed = edges.iter().map(of_edge).fold(gram, Cost::plus);
    // One after the other, so that the larger result counts.
    Cost { bytes: own.bytes, words: own.words.max(crossed.words), products: own.products.max(crossed.products) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_is_in_one_part_and_parts_fit() {
        let edges: Vec<Edge> =
            pairs(7).enumerate().map(|(pair, (a, b))| Edge { pair, ends: [(a, 3), (b, 5)] }).collect();
        for most in 1..=14 {
            let parts = in_blocks(&edges, |part| nodes(part).len() <= most);
            let mut all: Vec<usize> = parts.iter().flatten().map(|edge| edge.pair).collect();
            all.sort_unstable();
            assert_eq!(all, (0..21).collect::<Vec<_>>());
            // Where not even two modules fit, each edge is alone.
            assert!(parts.iter().all(|part| nodes(part).len() <= most.max(2)), "{most}: {parts:?}");
        }
        assert_eq!(in_blocks(&edges, |_| true).len(), 1);
        assert_eq!(in_blocks(&[], |_| true).len(), 0);
    }
}
