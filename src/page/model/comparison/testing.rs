//! Comparisons to test the models with.

use super::{Compared, PairLists};
use lorascope_protocol::report::{ComparedModule, OverlapGrid, PairFigures};

pub fn figures(cosine: f64) -> PairFigures {
    PairFigures {
        cosine: Some(cosine),
        shared_cosine: Some(cosine * 1.5),
        overlap: Some([0.31, 0.2]),
        chance: Some([0.004, 0.01]),
        interference: Some(cosine * 0.8),
        norms: [1.0, 2.0, 2.2],
        counts: [3, 1, 1, 1],
    }
}

/// So many adapters, whose items are 10, 11, …; every pair has another cosine.
pub fn compared(n: usize) -> Compared {
    let count = n * (n - 1) / 2;
    let pairs = (0..count).map(|i| figures(i as f64 / count as f64 - 0.5)).collect();
    Compared { items: (10..10 + n as u32).collect(), pairs, left_out: Vec::new() }
}

pub fn module(name: &str, cosine: f64) -> ComparedModule {
    ComparedModule {
        name: name.to_owned(),
        other_name: None,
        cosine,
        overlap: Some([0.31, 0.2]),
        chance: Some([0.125, 0.25]),
        interference: cosine * 0.8,
        norms: [1.0, 2.0],
    }
}

/// Items 10 and 11: two shared modules, one of each alone, one that cannot be compared.
pub fn lists() -> PairLists {
    PairLists {
        pair: (10, 11),
        modules: vec![module("layers.0.q", 0.5), ComparedModule { norms: [3.0, 2.0], ..module("layers.1.q", -0.25) }],
        only_a: vec!["layers.0.v".to_owned()],
        only_b: vec!["layers.2.q".to_owned()],
        not_compared: vec![lorascope_protocol::report::NotAnalyzed {
            name: "layers.1.v".to_owned(),
            reason: "64×32 in one, 32×32 in the other".to_owned(),
        }],
    }
}

/// φ of 2 and 3 directions, rank 2 and 200.
pub fn overlap_grid() -> OverlapGrid {
    OverlapGrid {
        size: [2, 3],
        rank: [2, 200],
        sides: [vec![0.5, 0.6, 0.7, 0.4, 0.5, 0.9], vec![0.0, 0.1, 0.2, 0.3, 0.4, 0.5]],
        dims: [64, 32],
    }
}
