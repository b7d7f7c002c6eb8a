//! The layer × module grid: which module lies in which cell.

use std::collections::{BTreeMap, HashMap};

use super::layer_path::{labels, without_expert, without_layer};
use lorascope_protocol::flat::dotted;
use lorascope_protocol::names::{self, Side, StackOrder, role_order, stack_order};
use lorascope_protocol::report::ModuleReport;

mod columns;

pub use columns::{Column, words as stack_words};

/// Columns drawn at most: a canvas may not be wider in every browser. The table has them all.
pub const MOST_COLUMNS: usize = 4096;

/// Rows are module paths inside their layer, columns are the layers of every stack; a cell shows at most one module.
///
/// Stacks stand side by side and share the rows of modules that their layers have in common. Where a layer of a U-Net
/// holds several transformer blocks, each is a column, so that none hides another. The experts of a layer, of which
/// there may be hundreds, are one row for each of their parameters until they are opened: its cells show the strongest.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    pub rows: Vec<Row>,
    pub columns: Vec<Column>,
    /// Columns beyond [`MOST_COLUMNS`], which are not drawn.
    pub columns_left_out: usize,
    /// Row by row, `rows × columns`: the module's index in the adapter.
    cells: Vec<Option<u32>>,
    places: HashMap<usize, (usize, usize)>,
    /// How many experts a cell stands for, where it is more than one.
    experts: HashMap<usize, u32>,
    /// Some modules are experts of many, whether they share cells or not.
    pub has_experts: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `model.layers.*.self_attn.q_proj`; `*.self_attn.q_proj` where stacks of several paths share the row.
    pub path: String,
    /// `q_proj`.
    pub label: String,
}

/// Columns that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// `text encoder 2`; empty for what belongs to no stack.
    pub name: String,
    pub from: usize,
    pub to: usize,
}

impl Grid {
    #[cfg(test)]
    pub fn new(modules: &[ModuleReport], total_layers: u32) -> Grid {
        Grid::of(&modules.iter().collect::<Vec<_>>(), total_layers, false)
    }

    /// The modules of an adapter, or of two. `open`: every expert has a row of its own.
    pub fn of(modules: &[&ModuleReport], total_layers: u32, open: bool) -> Grid {
        let patterns: Vec<_> =
            modules.iter().map(|m| names::pattern(&m.name).filter(|pattern| Some(pattern.layer) == m.layer)).collect();
        let (mut columns, column_of_module) = columns::columns(modules, &patterns, total_layers);
        let columns_left_out = columns.len().saturating_sub(MOST_COLUMNS);
        columns.truncate(MOST_COLUMNS);
        let column_of: HashMap<&Column, usize> = columns.iter().enumerate().map(|(i, c)| (c, i)).collect();

        let mut rows = Rows::default();
        for ((module, pattern), column) in modules.iter().zip(patterns).zip(&column_of_module) {
            rows.push(module, pattern, column, open);
        }
        let has_experts = rows.has_experts;
        let (rows, row_of_module) = rows.settle();

        let mut cells = vec![None; rows.len() * columns.len()];
        let (mut places, mut experts) = (HashMap::with_capacity(modules.len()), HashMap::new());
        for (index, (column, row)) in column_of_module.iter().zip(row_of_module).enumerate() {
            if let Some(&column) = column_of.get(column) {
                let at = row * columns.len() + column;
                let former: &mut Option<u32> = &mut cells[at];
                if former.is_some() {
                    *experts.entry(at).or_insert(1) += 1;
                }
                let is_stronger = |former: u32| modules[index].frobenius > modules[former as usize].frobenius;
                if former.is_none_or(is_stronger) {
                    *former = Some(index as u32);
                }
                places.insert(index, (row, column));
            }
        }
        Grid { rows, columns, columns_left_out, cells, places, experts, has_experts }
    }

    /// The module in a cell, by its index in the adapter.
    pub fn module_at(&self, row: usize, column: usize) -> Option<usize> {
        if row >= self.rows.len() || column >= self.columns.len() {
            return None;
        }
        self.cells[row * self.columns.len() + column].map(|i| i as usize)
    }

    /// How many experts a cell stands for, of which the module in it is the strongest; `None` for one module alone.
    pub fn experts_at(&self, row: usize, column: usize) -> Option<u32> {
        self.experts.get(&(row * self.columns.len() + column)).copied()
    }

    /// Row and column of a module.
    pub fn place_of(&self, module: usize) -> Option<(usize, usize)> {
        self.places.get(&module).copied()
    }

    /// `layer 21`, `down, layer 4`, or `outside the layers`.
    pub fn column_name(&self, column: usize) -> String {
        match self.columns.get(column) {
            Some(column) if column.layer.is_some() || self.layered() => column.name(),
            _ => "outside the layers".to_owned(),
        }
    }

    /// The column's short name, for a table's head.
    pub fn column_head(&self, column: usize) -> String {
        let short = self.columns.get(column).filter(|_| self.layered()).map(Column::head);
        short.unwrap_or_else(|| "none".to_owned())
    }

    fn layered(&self) -> bool {
        self.columns.iter().any(|column| column.layer.is_some())
    }

    /// The stacks, each with its columns, where there is more than one.
    pub fn stretches(&self) -> Vec<Stretch> {
        if self.columns.iter().all(|column| column.stack.is_empty()) {
            return Vec::new();
        }
        let mut to = 0;
        let stacks = self.columns.chunk_by(|a, b| a.stack == b.stack).map(|of_stack| {
            let from = to;
            to += of_stack.len();
            Stretch { name: columns::words(&of_stack[0].stack), from, to }
        });
        stacks.collect()
    }
}

/// Rows while they are being found. None may hide a module: where two of one column have the same path inside their
/// layer, the second gets a row of its own.
#[derive(Default)]
struct Rows {
    /// The paths of a stack that look the same inside the layer.
    variants: HashMap<(String, String), Vec<String>>,
    /// The path inside the layer, with the number of its variant.
    inner: HashMap<(String, usize), usize>,
    /// How many modules of a column have the same inner path.
    twins: HashMap<(usize, Column), usize>,
    /// The row of an inner path's n-th twin.
    rows: HashMap<(usize, usize), usize>,
    found: Vec<Found>,
    of_modules: Vec<usize>,
    has_experts: bool,
}

struct Found {
    stack: StackOrder,
    role: usize,
    path: String,
    inside: String,
    shared: bool,
}

impl Rows {
    fn push(&mut self, module: &ModuleReport, pattern: Option<names::Pattern>, column: &Column, open: bool) {
        let (path, inside) = match pattern {
            Some(pattern) if pattern.inside.is_empty() => (pattern.path.clone(), pattern.path),
            Some(pattern) => (pattern.path, pattern.inside),
            None => {
                let path = without_layer(&dotted(&module.name), module.layer);
                (path.clone(), path)
            }
        };
        let closed = without_expert(&path).zip(without_expert(&inside));
        self.has_experts |= closed.is_some();
        let closed = closed.filter(|_| !open);
        let shares_cell = closed.is_some();
        let (path, inside) = closed.unwrap_or((path, inside));
        let paths = self.variants.entry((module.stack.clone(), inside.clone())).or_default();
        let variant = paths.iter().position(|known| *known == path).unwrap_or_else(|| {
            paths.push(path.clone());
            paths.len() - 1
        });
        let next = self.inner.len();
        let inner = *self.inner.entry((inside.clone(), variant)).or_insert(next);
        let twins = self.twins.entry((inner, column.clone())).or_insert(0);
        let (twin, next) = (*twins, self.found.len());
        // Experts share a cell.
        *twins += usize::from(!shares_cell);
        let row = *self.rows.entry((inner, twin)).or_insert(next);
        match self.found.get_mut(row) {
            Some(found) => found.shared |= found.path != path,
            None => {
                let stack = stack_order(&module.stack, Side::Layers);
                self.found.push(Found { stack, role: role_order(&module.role), path, inside, shared: false });
            }
        }
        self.of_modules.push(row);
    }

    /// The rows from top to bottom, and the row of each module: by stack, in it as the data flows.
    fn settle(self) -> (Vec<Row>, Vec<usize>) {
        let mut order: BTreeMap<_, Found> = BTreeMap::new();
        for (row, found) in self.found.into_iter().enumerate() {
            order.insert((found.stack, found.role, row), found);
        }
        let mut new_place = vec![0; order.len()];
        for (place, (_, _, row)) in order.keys().enumerate() {
            new_place[*row] = place;
        }
        let path = |found: Found| if found.shared { format!("*.{}", found.inside) } else { found.path };
        let paths: Vec<String> = order.into_values().map(path).collect();
        let rows = labels(&paths).into_iter().zip(paths).map(|(label, path)| Row { path, label }).collect();
        (rows, self.of_modules.into_iter().map(|row| new_place[row]).collect())
    }
}

#[cfg(test)]
mod tests;
