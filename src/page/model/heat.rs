//! What a heatmap draws and reads out: a [`Field`] over the [`Grid`].

use std::sync::Arc;

use super::axis::{Scale, ScaleKind};
use super::colour::{ColourMap, Palette, Rgb};
use super::column::Description;
use super::grid::{Grid, Row};
use super::measure::{EFFECTIVE_RANK, FROBENIUS, Measure};
use super::number::{grouped, plural};
use super::shown::Adapter;
use super::tsv::{digits, line, tab_separated};

mod ticks;

pub use ticks::{column_ticks, splits};

/// A figure of modules that lie in a grid; modules by their index in it.
pub trait Field: Send + Sync {
    fn figure(&self) -> &'static Description;
    /// What a cell without a value means: "no module"; and what one without a module says.
    fn gaps(&self) -> [&'static str; 2];
    /// `None` where there is nothing to draw; what is not finite has a colour of its own.
    fn value(&self, module: usize) -> Option<f64>;
    /// All values that the colours span, also those of modules that no column shows.
    fn values(&self) -> Vec<f64>;
    /// The module's figures, this one first.
    fn words(&self, module: usize) -> String;
    /// The module's value alone; empty where there is none.
    fn text(&self, module: usize) -> String {
        self.value(module).map(|x| self.figure().write(x)).unwrap_or_default()
    }
    /// What to know of some of the values.
    fn remark(&self) -> Option<String> {
        None
    }

    /// What is below zero has no logarithm.
    fn scale(&self, kind: ScaleKind) -> Option<Scale> {
        match self.figure().palette {
            Palette::Diverging => Scale::around_zero(self.values()),
            Palette::Sequential => Scale::over(self.values(), kind),
        }
    }
}

/// A measure of the adapter itself.
pub struct Measured {
    pub adapter: Arc<Adapter>,
    pub measure: &'static Measure,
}

impl Field for Measured {
    fn figure(&self) -> &'static Description {
        &self.measure.about
    }

    fn gaps(&self) -> [&'static str; 2] {
        ["no module", "no module of this adapter"]
    }

    fn value(&self, module: usize) -> Option<f64> {
        self.adapter.modules.get(module).map(|m| self.measure.value(m).unwrap_or(f64::NAN))
    }

    fn values(&self) -> Vec<f64> {
        self.adapter.modules.iter().filter_map(|m| self.measure.value(m)).collect()
    }

    fn words(&self, module: usize) -> String {
        let Some(module) = self.adapter.modules.get(module) else { return String::new() };
        let others = [&FROBENIUS, &EFFECTIVE_RANK].into_iter().filter(|other| *other != self.measure);
        let all = std::iter::once(self.measure).chain(others);
        all.map(|m| format!("{} {}", lower(m.label), m.write_of(module))).collect::<Vec<_>>().join(", ")
    }

    fn text(&self, module: usize) -> String {
        self.adapter.modules.get(module).map(|m| self.measure.write_of(m)).unwrap_or_default()
    }

    fn remark(&self) -> Option<String> {
        let modules = &self.adapter.modules;
        let bounds = modules.iter().filter(|m| self.measure.is_bound(m)).count();
        (bounds > 0).then(|| {
            format!(
                "In {} of {} only the largest singular values are computed: there the colour shows a lower bound (≥).",
                grouped(bounds as u64),
                plural(modules.len(), "module", "modules")
            )
        })
    }
}

/// A cell, as a person would point at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub row: usize,
    pub column: usize,
}

/// The colour of a cell; none where there is no value.
pub fn colour(
    grid: &Grid,
    field: &dyn Field,
    scale: Option<Scale>,
    map: &ColourMap,
    [row, column]: [usize; 2],
) -> Option<Rgb> {
    let x = field.value(grid.module_at(row, column)?)?;
    Some(scale.and_then(|s| s.position(x)).map_or(map.not_finite, |t| map.at(t)))
}

/// Height of a row in CSS pixels: fewer rows are taller, many still have room for a name.
pub fn row_height(rows: usize) -> usize {
    (252 / rows.max(1)).clamp(16, 36)
}

/// What stands beside the colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legend {
    /// The values at the ends; empty where nothing has one.
    pub low: String,
    pub high: String,
    pub unit: &'static str,
    /// `, log scale` or nothing.
    pub scale: &'static str,
    /// What a cell without a value means.
    pub gap: &'static str,
}

pub fn legend(field: &dyn Field, scale: Option<Scale>) -> Legend {
    let end = |of: fn(Scale) -> f64| scale.map(|scale| field.figure().write(of(scale))).unwrap_or_default();
    let is_log = scale.is_some_and(|scale| scale.kind == ScaleKind::Log);
    let (low, high) = (end(|scale| scale.low), end(|scale| scale.high));
    Legend {
        low,
        high,
        unit: field.figure().unit,
        scale: if is_log { ", log scale" } else { "" },
        gap: field.gaps()[0],
    }
}

/// Layers that there is no room for.
pub fn left_out(grid: &Grid) -> Option<String> {
    let count = grid.columns_left_out;
    (count > 0).then(|| format!("{} further layers are not drawn; the module table has them.", grouped(count as u64)))
}

/// The cell in words, for the readout and for a screen reader.
pub fn read_out(grid: &Grid, field: &dyn Field, cell: Cell) -> String {
    let Some(row) = grid.rows.get(cell.row) else { return String::new() };
    let words = grid.module_at(cell.row, cell.column).map(|module| field.words(module));
    let words = words.unwrap_or_else(|| field.gaps()[1].to_owned());
    let words = match grid.experts_at(cell.row, cell.column) {
        Some(count) => format!("the strongest of {} experts, {words}", grouped(u64::from(count))),
        None => words,
    };
    format!("{} · {}: {words}", grid.column_name(cell.column), row.label)
}

/// Where a key leads from a cell in a picture of so many rows and columns; `None` for keys that do not move.
pub fn step([rows, columns]: [usize; 2], cell: Cell, key: &str, control: bool) -> Option<Cell> {
    let (last_row, last_column) = (rows.checked_sub(1)?, columns.checked_sub(1)?);
    let Cell { row, column } = cell;
    let (row, column) = match (key, control) {
        ("ArrowUp", _) => (row.saturating_sub(1), column),
        ("ArrowDown", _) => (row + 1, column),
        ("ArrowLeft", _) => (row, column.saturating_sub(1)),
        ("ArrowRight", _) => (row, column + 1),
        ("Home", false) => (row, 0),
        ("End", false) => (row, last_column),
        ("Home", true) => (0, 0),
        ("End", true) => (last_row, last_column),
        _ => return None,
    };
    Some(Cell { row: row.min(last_row), column: column.min(last_column) })
}

/// The picture as a table for other programs.
pub fn tsv(grid: &Grid, field: &dyn Field) -> String {
    let columns = 0..grid.columns.len();
    let head = line("module", columns.clone().map(|column| grid.column_head(column)));
    let value = |row, column| digits(grid.module_at(row, column).and_then(|module| field.value(module)));
    let of_row = |(row, of): (usize, &Row)| line(&of.path, columns.clone().map(|column| value(row, column)));
    tab_separated(std::iter::once(head).chain(grid.rows.iter().enumerate().map(of_row)))
}

/// A label inside a sentence: its first letter small, symbols as they are.
pub fn lower(label: &str) -> String {
    let mut chars = label.chars();
    match chars.next() {
        Some(first) if first.is_ascii_uppercase() => first.to_ascii_lowercase().to_string() + chars.as_str(),
        _ => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::colour::pixels;
    use crate::model::measure::ENERGY_SHARE;
    use crate::model::testing::{adapter, module};
    use lorascope_protocol::report::ModuleReport;

    fn example() -> (Measured, Grid) {
        let mut modules: Vec<ModuleReport> = (0..4)
            .flat_map(|l| [("q", l), ("v", l)].map(|(r, l)| module(&format!("layers.{l}.{r}_proj"), Some(l), r, 2)))
            .filter(|m| m.name != "layers.2.v_proj")
            .collect();
        for (i, m) in modules.iter_mut().enumerate() {
            m.energy_share = i as f64 / 10.0;
        }
        let grid = Grid::new(&modules, 4);
        let adapter = Arc::new(Adapter { item: 1, report: adapter("a"), modules });
        (Measured { adapter, measure: &ENERGY_SHARE }, grid)
    }

    #[test]
    fn pixels_show_low_high_missing_and_no_number() {
        let (mut field, grid) = example();
        let map = ColourMap::new(Palette::Sequential, false);
        let drawn = |field: &Measured| {
            let scale = field.scale(ScaleKind::Linear);
            pixels([2, 4], |cell| colour(&grid, field, scale, &map, cell))
        };
        let px = drawn(&field);
        assert_eq!(px.len(), 2 * 4 * 4);
        let at = |px: &[u8], row: usize, column: usize| px[(row * 4 + column) * 4..][..4].to_vec();
        assert_eq!(at(&px, 0, 0)[..3], map.at(0.0));
        assert_eq!(at(&px, 1, 3)[..3], map.at(1.0));
        assert_eq!(at(&px, 1, 2), [0, 0, 0, 0]);
        Arc::make_mut(&mut field.adapter).modules[0].energy_share = f64::NAN;
        let px = drawn(&field);
        assert_eq!(at(&px, 0, 0)[..3], map.not_finite);
    }

    #[test]
    fn words_for_cells() {
        let (field, grid) = example();
        let read = |row, column| read_out(&grid, &field, Cell { row, column });
        assert!(read(0, 1).starts_with("layer 1 · q_proj: energy share 20.0"), "{}", read(0, 1));
        assert!(read(0, 1).contains("effective rank 1.50"));
        assert_eq!(read(1, 2), "layer 2 · v_proj: no module of this adapter");
        assert_eq!(read(7, 0), "");
    }

    #[test]
    fn lower_bounds_are_said_to_be_some() {
        let (mut field, grid) = example();
        assert_eq!(field.remark(), None);
        Arc::make_mut(&mut field.adapter).modules[0].truncated = true;
        assert_eq!(field.remark(), None, "an energy share is exact");
        field.measure = &EFFECTIVE_RANK;
        assert!(field.remark().is_some_and(|text| text.starts_with("In 1 of 7 modules")));
        assert_eq!((field.text(0), field.text(1), field.text(99)), ("≥ 1.50".into(), "1.50".into(), String::new()));
        assert!(read_out(&grid, &field, Cell { row: 0, column: 0 }).contains("effective rank ≥ 1.50"));
    }

    #[test]
    fn keys_move_and_stop_at_the_edges() {
        let at = |row, column| Cell { row, column };
        let step = |cell, key, control| step([2, 4], cell, key, control);
        assert_eq!(step(at(0, 0), "ArrowLeft", false), Some(at(0, 0)));
        assert_eq!(step(at(0, 0), "ArrowRight", false), Some(at(0, 1)));
        assert_eq!(step(at(1, 3), "ArrowDown", false), Some(at(1, 3)));
        assert_eq!(step(at(1, 1), "End", false), Some(at(1, 3)));
        assert_eq!(step(at(1, 1), "Home", true), Some(at(0, 0)));
        assert_eq!(step(at(0, 1), "End", true), Some(at(1, 3)));
        assert_eq!(step(at(0, 0), "a", false), None);
        assert_eq!(super::step([0, 0], at(0, 0), "End", false), None);
    }

    #[test]
    fn the_table_is_tab_separated() {
        let (field, grid) = example();
        let text = tsv(&grid, &field);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "module\t0\t1\t2\t3");
        assert_eq!(lines[1], "layers.*.q_proj\t0\t0.2\t0.4\t0.5");
        assert_eq!(lines[2], "layers.*.v_proj\t0.1\t0.3\t\t0.6");
    }
}
