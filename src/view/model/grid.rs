//! The layer × module grid: which module lies in which cell.

use std::collections::{BTreeSet, HashMap};

use super::layer_path::{labels, without_layer};
use crate::adapter::names::role_order;
use crate::report::ModuleReport;

/// Beyond this many layers, or when few of them are adapted, only layers that hold a module are columns.
const MOST_DENSE_COLUMNS: u32 = 512;

/// Columns drawn at most: a canvas may not be wider in every browser. The table has them all.
pub const MOST_COLUMNS: usize = 4096;

/// Rows are module paths without their layer, columns are layers; a cell holds at most one module.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    pub rows: Vec<Row>,
    /// `None` is the leading column of the modules that belong to no layer.
    pub columns: Vec<Option<u32>>,
    /// Layers beyond [`MOST_COLUMNS`], which are not columns.
    pub columns_left_out: usize,
    /// Row by row, `rows × columns`: the module's index in the adapter.
    cells: Vec<Option<u32>>,
    places: HashMap<usize, (usize, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `model.layers.*.self_attn.q_proj`.
    pub path: String,
    /// `q_proj`.
    pub label: String,
}

impl Grid {
    pub fn new(modules: &[ModuleReport], total_layers: u32) -> Grid {
        let (columns, columns_left_out) = columns(modules, total_layers);
        let column_of: HashMap<Option<u32>, usize> = columns.iter().enumerate().map(|(i, c)| (*c, i)).collect();

        // The n-th module of the same path and layer gets a row of its own: none may hide another.
        let mut path_ids: HashMap<String, usize> = HashMap::new();
        let mut twins: HashMap<(usize, Option<u32>), usize> = HashMap::new();
        let mut row_ids: HashMap<(usize, usize), usize> = HashMap::new();
        let mut found: Vec<(usize, usize, String)> = Vec::new();
        let mut row_of_module = Vec::with_capacity(modules.len());
        for module in modules {
            let path = without_layer(&module.name, module.layer);
            let next_path = path_ids.len();
            let path_id = *path_ids.entry(path).or_insert(next_path);
            let twin = twins.entry((path_id, module.layer)).or_insert(0);
            let next_row = row_ids.len();
            let row = *row_ids.entry((path_id, *twin)).or_insert(next_row);
            *twin += 1;
            if row == next_row {
                let path = without_layer(&module.name, module.layer);
                found.push((role_order(&module.role), row, path));
            }
            row_of_module.push(row);
        }
        found.sort();
        let mut new_place = vec![0; found.len()];
        for (place, (_, row, _)) in found.iter().enumerate() {
            new_place[*row] = place;
        }
        let paths: Vec<String> = found.into_iter().map(|(_, _, path)| path).collect();
        let rows: Vec<Row> = labels(&paths).into_iter().zip(paths).map(|(label, path)| Row { path, label }).collect();

        let mut cells = vec![None; rows.len() * columns.len()];
        let mut places = HashMap::with_capacity(modules.len());
        for (index, module) in modules.iter().enumerate() {
            if let Some(&column) = column_of.get(&module.layer) {
                let row = new_place[row_of_module[index]];
                cells[row * columns.len() + column] = Some(index as u32);
                places.insert(index, (row, column));
            }
        }
        Grid { rows, columns, columns_left_out, cells, places }
    }

    /// The module in a cell, by its index in the adapter.
    pub fn module_at(&self, row: usize, column: usize) -> Option<usize> {
        if row >= self.rows.len() || column >= self.columns.len() {
            return None;
        }
        self.cells[row * self.columns.len() + column].map(|i| i as usize)
    }

    /// Row and column of a module.
    pub fn place_of(&self, module: usize) -> Option<(usize, usize)> {
        self.places.get(&module).copied()
    }

    /// `layer 21`, or `outside the layers`.
    pub fn column_name(&self, column: usize) -> String {
        match self.columns.get(column) {
            Some(Some(layer)) => format!("layer {layer}"),
            _ => "outside the layers".to_owned(),
        }
    }
}

fn columns(modules: &[ModuleReport], total_layers: u32) -> (Vec<Option<u32>>, usize) {
    let layers: BTreeSet<u32> = modules.iter().filter_map(|m| m.layer).collect();
    let total = layers.last().map_or(0, |last| total_layers.max(last.saturating_add(1)));
    let dense = total <= MOST_DENSE_COLUMNS && layers.len() * 4 >= total as usize;
    let outside = modules.iter().any(|m| m.layer.is_none());
    let mut columns: Vec<Option<u32>> = outside.then_some(None).into_iter().collect();
    if dense {
        columns.extend((0..total).map(Some));
    } else {
        columns.extend(layers.into_iter().map(Some));
    }
    let left_out = columns.len().saturating_sub(MOST_COLUMNS);
    columns.truncate(MOST_COLUMNS);
    (columns, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::model::testing::module;

    fn llama(layers: &[u32]) -> Vec<ModuleReport> {
        let mut modules = Vec::new();
        for &layer in layers {
            for (path, role) in [("mlp.down_proj", "down"), ("self_attn.k_proj", "k"), ("self_attn.q_proj", "q")] {
                modules.push(module(&format!("model.layers.{layer}.{path}"), Some(layer), role, 4));
            }
        }
        modules
    }

    #[test]
    fn rows_follow_the_data_and_columns_the_layers() {
        let modules = llama(&[0, 1, 2, 3]);
        let grid = Grid::new(&modules, 4);
        assert_eq!(grid.rows.iter().map(|r| r.label.as_str()).collect::<Vec<_>>(), ["q_proj", "k_proj", "down_proj"]);
        assert_eq!(grid.columns, [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(modules[grid.module_at(0, 2).unwrap()].name, "model.layers.2.self_attn.q_proj");
        assert_eq!(grid.module_at(9, 0), None);
    }

    #[test]
    fn every_module_has_its_own_cell() {
        let mut modules = llama(&[0, 1, 5]);
        modules.push(module("model.embed_tokens", None, "embed", 4));
        modules.push(modules[0].clone());
        let grid = Grid::new(&modules, 6);
        assert_eq!(grid.columns[0], None);
        assert_eq!(grid.columns.len(), 7);
        assert_eq!(grid.rows[0].label, "embed_tokens");
        let mut seen = BTreeSet::new();
        for i in 0..modules.len() {
            let (row, column) = grid.place_of(i).unwrap();
            assert_eq!(grid.module_at(row, column), Some(i));
            assert!(seen.insert((row, column)));
        }
        assert_eq!(grid.module_at(1, 4), None, "layer 3 has no module");
    }

    #[test]
    fn few_layers_of_many_and_far_too_many() {
        let sparse = Grid::new(&llama(&[3, 900]), 901);
        assert_eq!(sparse.columns, [Some(3), Some(900)]);
        let huge: Vec<ModuleReport> = (0..5000).map(|i| module(&format!("layers.{i}.q"), Some(i), "q", 1)).collect();
        let grid = Grid::new(&huge, 5000);
        assert_eq!((grid.columns.len(), grid.columns_left_out), (MOST_COLUMNS, 904));
        assert_eq!(grid.place_of(4999), None);
        let highest = Grid::new(&[module("layers.4294967295.q", Some(u32::MAX), "q", 1)], u32::MAX);
        assert_eq!(highest.columns, [Some(u32::MAX)]);
    }

    #[test]
    fn nothing_at_all() {
        let grid = Grid::new(&[], 0);
        assert!(grid.rows.is_empty() && grid.columns.is_empty());
        assert_eq!(grid.module_at(0, 0), None);
    }
}
