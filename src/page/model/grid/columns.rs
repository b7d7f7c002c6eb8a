//! The columns of the grid: the layers of every stack, in the order of the forward pass.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lorascope_protocol::names::{Pattern, Side, StackOrder, side, stack_order};
use lorascope_protocol::report::ModuleReport;

/// Beyond this many layers, or when few of them are adapted, only layers that hold a module are columns.
const MOST_DENSE_COLUMNS: u32 = 512;

/// A layer of a stack, or what the stack has outside its layers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    /// Empty where there is only one.
    pub stack: String,
    pub side: Side,
    /// `None` before and after the layers.
    pub layer: Option<u32>,
    /// The transformer block inside the layer, where the layer holds several. What lies beside them in such a layer
    /// has a column of its own before theirs.
    pub block: Option<u32>,
}

impl Column {
    /// A layer of the only stack.
    pub fn layer(layer: u32) -> Column {
        Column { stack: String::new(), side: Side::Layers, layer: Some(layer), block: None }
    }

    /// For a table's head: `21`, `down 4`, `down 4.1`, `before`.
    pub fn head(&self) -> String {
        let place = match (self.side, self.layer, self.block) {
            (Side::Before, ..) => "before".to_owned(),
            (_, Some(layer), Some(block)) => format!("{layer}.{block}"),
            (_, Some(layer), None) => layer.to_string(),
            (_, None, _) => "after".to_owned(),
        };
        if self.stack.is_empty() { place } else { format!("{} {place}", words(&self.stack)) }
    }

    /// In words: `layer 21`, `text encoder 2, layer 3`, `down, layer 7, transformer block 2`, `before the layers`.
    pub fn name(&self) -> String {
        let mut parts = Vec::new();
        if !self.stack.is_empty() {
            parts.push(words(&self.stack));
        }
        match (self.side, self.layer) {
            (Side::Before, _) => parts.push("before the layers".to_owned()),
            (_, Some(layer)) => parts.push(format!("layer {layer}")),
            (_, None) => parts.push("after the layers".to_owned()),
        }
        parts.extend(self.block.map(|block| format!("transformer block {block}")));
        parts.join(", ")
    }

    fn order(&self) -> (StackOrder, &str, Option<u32>, Option<u32>) {
        (stack_order(&self.stack, self.side), &self.stack, self.layer, self.block)
    }
}

/// A stack's name for a person: `text encoder 2`, `text encoder clip_l`, `down 1`.
pub fn words(stack: &str) -> String {
    let (tower, own) = stack.split_once('.').unwrap_or((stack, ""));
    let spaced = match tower.trim_end_matches(|c: char| c.is_ascii_digit()) {
        half @ ("down" | "up") if half != tower => format!("{half} {}", &tower[half.len()..]),
        _ => tower.replace('_', " "),
    };
    if own.is_empty() { spaced } else { format!("{spaced} {own}") }
}

/// The columns of these modules, and each module's column.
///
/// `patterns` are the modules' own, in their order. One stack has `total_layers` layers, or more where a module says
/// so; of several stacks each has as many as its modules reach.
pub fn columns(
    modules: &[&ModuleReport],
    patterns: &[Option<Pattern>],
    total_layers: u32,
) -> (Vec<Column>, Vec<Column>) {
    let mut layers: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    let mut blocks: HashMap<(&str, u32), BTreeSet<u32>> = HashMap::new();
    for (module, pattern) in modules.iter().zip(patterns) {
        let Some(layer) = module.layer else { continue };
        layers.entry(&module.stack).or_default().insert(layer);
        if let Some(block) = pattern.as_ref().and_then(|pattern| pattern.block) {
            blocks.entry((&module.stack, layer)).or_default().insert(block);
        }
    }
    let of_modules: Vec<Column> = modules
        .iter()
        .zip(patterns)
        .map(|(module, pattern)| {
            let several = |layer| blocks.get(&(module.stack.as_str(), layer)).is_some_and(|blocks| blocks.len() > 1);
            let block = pattern.as_ref().and_then(|pattern| pattern.block);
            Column {
                stack: module.stack.clone(),
                side: side(module.layer, &module.role, &module.name),
                layer: module.layer,
                block: block.filter(|_| module.layer.is_some_and(several)),
            }
        })
        .collect();
    let mut all: Vec<Column> = of_modules.clone();
    let one = layers.len() == 1;
    for (stack, layers) in layers {
        let reached = layers.last().map_or(0, |last| last.saturating_add(1));
        let total = if one { total_layers.max(reached) } else { reached };
        if total <= MOST_DENSE_COLUMNS && layers.len() * 4 >= total as usize {
            let absent = (0..total).filter(|layer| !layers.contains(layer));
            all.extend(absent.map(|layer| Column { stack: stack.to_owned(), ..Column::layer(layer) }));
        }
    }
    all.sort_by(|a, b| a.order().cmp(&b.order()));
    all.dedup();
    (all, of_modules)
}
