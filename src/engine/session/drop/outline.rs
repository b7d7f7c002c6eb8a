//! What a header says of an adapter.

use std::collections::HashMap;

use lorascope_format::adapter::Adapter;
use lorascope_protocol::report::{Outline, RankRange, ShapeCount};

/// Distinct shapes that are listed.
const SHAPES: usize = 24;
/// Bytes of a name out of the files, at most.
const NAME: usize = 300;

/// The outline of an adapter whose file takes `bytes`.
pub(crate) fn outline(label: &str, bytes: u64, adapter: &Adapter) -> Outline {
    let ranks = adapter.modules.iter().map(|module| module.rank).filter(|rank| *rank > 0);
    let rank = ranks.clone().min().zip(ranks.max()).map(|(min, max)| RankRange { min, max });
    let mut counts: HashMap<[u64; 2], u64> = HashMap::new();
    for module in &adapter.modules {
        *counts.entry(module.shape).or_default() += 1;
    }
    let mut shapes: Vec<ShapeCount> = counts.into_iter().map(|(shape, count)| ShapeCount { shape, count }).collect();
    shapes.sort_by_key(|known| (std::cmp::Reverse(known.count), known.shape));
    let more_shapes = shapes.len().saturating_sub(SHAPES) as u64;
    shapes.truncate(SHAPES);
    Outline {
        label: bounded(label),
        format: adapter.format.clone(),
        base_model: adapter.base_model.as_deref().map(bounded),
        rank,
        modules: adapter.modules.len() as u64,
        parameters: adapter.modules.iter().map(|module| module.parameters()).fold(0, u64::saturating_add),
        bytes,
        shapes,
        more_shapes,
    }
}

fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(NAME)].to_owned()
}
