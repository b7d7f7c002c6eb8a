//! The layer × module grid: which module lies in which cell.

use std::collections::{BTreeMap, HashMap};

use super::layer_path::{labels, without_layer};
use crate::adapter::flat::dotted;
use crate::adapter::names::{self, Side, role_order, stack_order};
use crate::report::ModuleReport;

mod columns;

pub use columns::Column;

/// Columns drawn at most: a canvas may not be wider in every browser. The table has them all.
pub const MOST_COLUMNS: usize = 4096;

/// Rows are module paths inside their layer, columns are the layers of every stack; a cell holds at most one module.
///
/// Stacks stand side by side and share the rows of modules that their layers have in common. Where a layer of a U-Net
/// holds several transformer blocks, each is a column, so that none hides another.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    pub rows: Vec<Row>,
    pub columns: Vec<Column>,
    /// Columns beyond [`MOST_COLUMNS`], which are not drawn.
    pub columns_left_out: usize,
    /// Row by row, `rows × columns`: the module's index in the adapter.
    cells: Vec<Option<u32>>,
    places: HashMap<usize, (usize, usize)>,
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
    pub fn new(modules: &[ModuleReport], total_layers: u32) -> Grid {
        let patterns: Vec<_> =
            modules.iter().map(|m| names::pattern(&m.name).filter(|pattern| Some(pattern.layer) == m.layer)).collect();
        let (mut columns, column_of_module) = columns::columns(modules, &patterns, total_layers);
        let columns_left_out = columns.len().saturating_sub(MOST_COLUMNS);
        columns.truncate(MOST_COLUMNS);
        let column_of: HashMap<&Column, usize> = columns.iter().enumerate().map(|(i, c)| (c, i)).collect();

        let mut rows = Rows::default();
        for ((module, pattern), column) in modules.iter().zip(patterns).zip(&column_of_module) {
            rows.push(module, pattern, column);
        }
        let (rows, row_of_module) = rows.settle();

        let mut cells = vec![None; rows.len() * columns.len()];
        let mut places = HashMap::with_capacity(modules.len());
        for (index, (column, row)) in column_of_module.iter().zip(row_of_module).enumerate() {
            if let Some(&column) = column_of.get(column) {
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
        let mut found: Vec<(&str, Stretch)> = Vec::new();
        for (i, column) in self.columns.iter().enumerate() {
            match found.last_mut() {
                Some((stack, stretch)) if *stack == column.stack => stretch.to = i + 1,
                _ => found.push((&column.stack, Stretch { name: columns::words(&column.stack), from: i, to: i + 1 })),
            }
        }
        if found.iter().all(|(stack, _)| stack.is_empty()) {
            return Vec::new();
        }
        found.into_iter().map(|(_, stretch)| stretch).collect()
    }
}

/// Rows while they are being found. None may hide a module: where two of one column have the same path inside their
/// layer, the second gets a row of its own.
#[derive(Default)]
struct Rows {
    ids: HashMap<Key, usize>,
    /// The paths of a stack that look the same inside the layer.
    variants: HashMap<(String, String), Vec<String>>,
    twins: HashMap<(usize, usize, Column), usize>,
    variant_ids: HashMap<(String, usize), usize>,
    found: Vec<Found>,
    of_modules: Vec<usize>,
}

/// The path inside the layer with its variant, and which of the modules that are the same in every respect.
type Key = (usize, usize);

struct Found {
    stack: (usize, Side, usize, u32),
    role: usize,
    path: String,
    inside: String,
    shared: bool,
}

impl Rows {
    fn push(&mut self, module: &ModuleReport, pattern: Option<names::Pattern>, column: &Column) {
        let (path, inside) = match pattern {
            Some(pattern) if pattern.inside.is_empty() => (pattern.path.clone(), pattern.path),
            Some(pattern) => (pattern.path, pattern.inside),
            None => {
                let path = without_layer(&dotted(&module.name), module.layer);
                (path.clone(), path)
            }
        };
        let paths = self.variants.entry((module.stack.clone(), inside.clone())).or_default();
        let variant = paths.iter().position(|known| *known == path).unwrap_or_else(|| {
            paths.push(path.clone());
            paths.len() - 1
        });
        let next = self.variant_ids.len();
        let inner = *self.variant_ids.entry((inside.clone(), variant)).or_insert(next);
        let twins = self.twins.entry((inner, variant, column.clone())).or_insert(0);
        let (twin, next) = (*twins, self.found.len());
        *twins += 1;
        let row = *self.ids.entry((inner, twin)).or_insert(next);
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
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::view::model::testing::{module, placed};

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
        assert_eq!(grid.columns, [0, 1, 2, 3].map(Column::layer));
        assert_eq!(modules[grid.module_at(0, 2).unwrap()].name, "model.layers.2.self_attn.q_proj");
        assert_eq!(grid.module_at(9, 0), None);
    }

    #[test]
    fn every_module_has_its_own_cell() {
        let mut modules = llama(&[0, 1, 5]);
        modules.push(module("model.embed_tokens", None, "embed", 4));
        modules.push(modules[0].clone());
        let grid = Grid::new(&modules, 6);
        assert_eq!((grid.columns[0].layer, grid.column_name(0).as_str()), (None, "before the layers"));
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
        assert_eq!(sparse.columns, [3, 900].map(Column::layer));
        let huge: Vec<ModuleReport> = (0..5000).map(|i| module(&format!("layers.{i}.q"), Some(i), "q", 1)).collect();
        let grid = Grid::new(&huge, 5000);
        assert_eq!((grid.columns.len(), grid.columns_left_out), (MOST_COLUMNS, 904));
        assert_eq!(grid.place_of(4999), None);
        let highest = Grid::new(&[module("layers.4294967295.q", Some(u32::MAX), "q", 1)], u32::MAX);
        assert_eq!(highest.columns, [Column::layer(u32::MAX)]);
    }

    /// Every module is in the cell that it says, and alone there.
    fn complete(modules: &[ModuleReport], grid: &Grid) {
        let mut seen = BTreeSet::new();
        for i in 0..modules.len() {
            let (row, column) = grid.place_of(i).unwrap();
            assert_eq!(grid.module_at(row, column), Some(i));
            assert!(seen.insert((row, column)), "{}", modules[i].name);
        }
    }

    fn heads(grid: &Grid) -> Vec<String> {
        (0..grid.columns.len()).map(|c| grid.column_head(c)).collect()
    }

    #[test]
    fn stacks_stand_side_by_side_in_forward_order() {
        let modules = placed(&[
            "lora_unet_up_blocks_0_attentions_1_proj_in",
            "lora_unet_mid_block_attentions_0_proj_in",
            "lora_unet_conv_out",
            "lora_unet_conv_in",
            "lora_unet_down_blocks_0_attentions_0_proj_in",
            "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
            "lora_te2_text_model_encoder_layers_1_mlp_fc1",
            "lora_te1_text_model_encoder_layers_0_mlp_fc1",
        ]);
        let grid = Grid::new(&modules, 12);
        complete(&modules, &grid);
        let expected = "text encoder 0|text encoder 2 0|text encoder 2 1|before|down 0|mid 0|up 0|up 1|after";
        assert_eq!(heads(&grid).join("|"), expected);
        assert_eq!(grid.column_name(2), "text encoder 2, layer 1");
        let stretches: Vec<(String, usize)> = grid.stretches().into_iter().map(|s| (s.name, s.to - s.from)).collect();
        let named = |name: &str, columns| (name.to_owned(), columns);
        assert_eq!(
            stretches,
            [
                named("text encoder", 1),
                named("text encoder 2", 2),
                named("", 1),
                named("down", 1),
                named("mid", 1),
                named("up", 2),
                named("", 1)
            ]
        );
        // Both text encoders share a row, and so do down, mid and up.
        let rows: Vec<&str> = grid.rows.iter().map(|r| r.label.as_str()).collect();
        assert_eq!(rows.len(), 5, "{rows:?}");
        assert_eq!((rows[0], grid.rows[0].path.as_str()), ("fc1", "*.mlp.fc1"));
    }

    #[test]
    fn transformer_blocks_of_one_layer_are_columns_of_their_own() {
        let mut names = vec!["lora_unet_input_blocks_4_1_proj_in".to_owned()];
        for block in 0..11 {
            let path = format!("lora_unet_input_blocks_4_1_transformer_blocks_{block}_attn1_to_q");
            names.push(path);
        }
        names.push("lora_unet_input_blocks_5_1_transformer_blocks_0_attn1_to_q".to_owned());
        names.push("lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q".to_owned());
        let modules = placed(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let grid = Grid::new(&modules, 12);
        complete(&modules, &grid);
        assert_eq!(grid.rows.len(), 2);
        let expected = "down 0|down 1|down 2|down 3|down 3.0|down 3.1|down 3.2|down 3.3|down 3.4|down 3.5|down 3.6|down 3.7|down 3.8|\
                        down 3.9|down 3.10|down 4|mid 0";
        assert_eq!(heads(&grid).join("|"), expected);
        assert_eq!(grid.column_name(6), "down, layer 3, transformer block 2");
    }

    #[test]
    fn paths_that_differ_only_before_the_layer_keep_their_rows() {
        let modules = placed(&["model.layers.0.q_proj", "mtp.layers.0.q_proj", "mtp.layers.1.q_proj"]);
        let grid = Grid::new(&modules, 2);
        complete(&modules, &grid);
        let paths: Vec<&str> = grid.rows.iter().map(|r| r.path.as_str()).collect();
        assert_eq!(paths, ["model.layers.*.q_proj", "mtp.layers.*.q_proj"]);
        assert_eq!(grid.stretches(), []);
    }

    #[test]
    fn a_layer_that_the_name_does_not_show() {
        let mut odd = module("unet.down_blocks.0.attentions.1.proj_in", Some(7), "proj_in", 4);
        odd.stack = "down".to_owned();
        let modules = [odd.clone(), odd, module("x", Some(2), "other", 1)];
        complete(&modules, &Grid::new(&modules, 8));
    }

    #[test]
    fn nothing_at_all() {
        let grid = Grid::new(&[], 0);
        assert!(grid.rows.is_empty() && grid.columns.is_empty());
        assert_eq!(grid.module_at(0, 0), None);
    }
}
