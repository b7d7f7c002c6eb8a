//! What a heatmap draws and reads out: a [`Field`] over the [`Grid`].

use std::sync::Arc;

use super::axis::{Scale, ScaleKind};
use super::colour::{ColourMap, Palette};
use super::grid::Grid;
use super::measure::Measure;
use super::number::{grouped, plural};
use super::shown::Adapter;

mod ticks;

pub use ticks::{column_ticks, splits};

/// One number per module of an adapter; modules by their index in it.
pub trait Field: Send + Sync {
    fn label(&self) -> &'static str;
    /// What the legend's numbers count.
    fn unit(&self) -> &'static str;
    /// The definition, for a person.
    fn help(&self) -> &'static str;
    fn palette(&self) -> Palette;
    /// What a cell without a value means: "no module".
    fn gap(&self) -> &'static str;
    /// `None` where there is nothing to draw; what is not finite has a colour of its own.
    fn value(&self, module: usize) -> Option<f64>;
    fn write(&self, x: f64) -> String;
    /// The module's figures, this one first.
    fn words(&self, module: usize) -> String;
    /// The module's value alone; empty where there is none.
    fn text(&self, module: usize) -> String {
        self.value(module).map(|x| self.write(x)).unwrap_or_default()
    }
    /// What a cell without a module says.
    fn nothing(&self) -> &'static str {
        "no module of this adapter"
    }
    /// What to know of some of the values.
    fn remark(&self) -> Option<String> {
        None
    }
    /// What the colours span, also of modules that no column shows.
    fn scale(&self, kind: ScaleKind) -> Option<Scale>;
}

/// A measure of the adapter itself.
pub struct Measured {
    pub adapter: Arc<Adapter>,
    pub measure: Measure,
}

impl Field for Measured {
    fn label(&self) -> &'static str {
        self.measure.label()
    }

    fn unit(&self) -> &'static str {
        self.measure.unit()
    }

    fn help(&self) -> &'static str {
        self.measure.help()
    }

    fn palette(&self) -> Palette {
        Palette::Sequential
    }

    fn gap(&self) -> &'static str {
        "no module"
    }

    fn value(&self, module: usize) -> Option<f64> {
        self.adapter.modules.get(module).map(|m| self.measure.value(m).unwrap_or(f64::NAN))
    }

    fn write(&self, x: f64) -> String {
        self.measure.write(x)
    }

    fn words(&self, module: usize) -> String {
        let Some(module) = self.adapter.modules.get(module) else { return String::new() };
        let others = [Measure::Frobenius, Measure::EffectiveRank].into_iter().filter(|other| *other != self.measure);
        let all = std::iter::once(self.measure).chain(others);
        all.map(|m| format!("{} {}", lower(m.label()), m.write_of(module))).collect::<Vec<_>>().join(", ")
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

    fn scale(&self, kind: ScaleKind) -> Option<Scale> {
        Scale::over(self.adapter.modules.iter().filter_map(|m| self.measure.value(m)), kind)
    }
}

/// A cell, as a person would point at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub row: usize,
    pub column: usize,
}

/// RGBA of the picture, one pixel per cell, row by row. Cells without a value are transparent.
pub fn pixels(grid: &Grid, field: &dyn Field, scale: Option<Scale>, map: &ColourMap) -> Vec<u8> {
    let mut out = Vec::with_capacity(grid.rows.len() * grid.columns.len() * 4);
    for row in 0..grid.rows.len() {
        for column in 0..grid.columns.len() {
            let Some(x) = grid.module_at(row, column).and_then(|i| field.value(i)) else {
                out.extend_from_slice(&[0, 0, 0, 0]);
                continue;
            };
            let [r, g, b] = scale.and_then(|s| s.position(x)).map_or(map.not_finite, |t| map.at(t));
            out.extend_from_slice(&[r, g, b, 255]);
        }
    }
    out
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
    let end = |of: fn(Scale) -> f64| scale.map(|scale| field.write(of(scale))).unwrap_or_default();
    let is_log = scale.is_some_and(|scale| scale.kind == ScaleKind::Log);
    let (low, high) = (end(|scale| scale.low), end(|scale| scale.high));
    Legend { low, high, unit: field.unit(), scale: if is_log { ", log scale" } else { "" }, gap: field.gap() }
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
    let words = words.unwrap_or_else(|| field.nothing().to_owned());
    let words = match grid.experts_at(cell.row, cell.column) {
        Some(count) => format!("the strongest of {} experts, {words}", grouped(u64::from(count))),
        None => words,
    };
    format!("{} · {}: {words}", grid.column_name(cell.column), row.label)
}

/// Where a key leads from a cell; `None` for keys that do not move.
pub fn step(grid: &Grid, cell: Cell, key: &str, control: bool) -> Option<Cell> {
    step_among([grid.rows.len(), grid.columns.len()], cell, key, control)
}

/// [`step`] in any picture of so many rows and columns.
pub fn step_among([rows, columns]: [usize; 2], cell: Cell, key: &str, control: bool) -> Option<Cell> {
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

/// The picture as a table: tab-separated, one line per row, an empty field where there is no value.
pub fn tsv(grid: &Grid, field: &dyn Field) -> String {
    let mut out = String::from("module");
    for column in 0..grid.columns.len() {
        out.push('\t');
        out.push_str(&grid.column_head(column).replace(['\t', '\n', '\r'], " "));
    }
    for (r, row) in grid.rows.iter().enumerate() {
        out.push('\n');
        out.push_str(&row.path.replace(['\t', '\n', '\r'], " "));
        for c in 0..grid.columns.len() {
            out.push('\t');
            if let Some(x) = grid.module_at(r, c).and_then(|i| field.value(i)).filter(|x| x.is_finite()) {
                out.push_str(&x.to_string());
            }
        }
    }
    out.push('\n');
    out
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
        (Measured { adapter, measure: Measure::EnergyShare }, grid)
    }

    #[test]
    fn pixels_show_low_high_missing_and_no_number() {
        let (mut field, grid) = example();
        let map = ColourMap::new(Palette::Sequential, false);
        let px = pixels(&grid, &field, field.scale(ScaleKind::Linear), &map);
        assert_eq!(px.len(), 2 * 4 * 4);
        let at = |px: &[u8], row: usize, column: usize| px[(row * 4 + column) * 4..][..4].to_vec();
        assert_eq!(at(&px, 0, 0)[..3], map.at(0.0));
        assert_eq!(at(&px, 1, 3)[..3], map.at(1.0));
        assert_eq!(at(&px, 1, 2), [0, 0, 0, 0]);
        Arc::make_mut(&mut field.adapter).modules[0].energy_share = f64::NAN;
        let px = pixels(&grid, &field, field.scale(ScaleKind::Linear), &map);
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
        field.measure = Measure::EffectiveRank;
        assert!(field.remark().is_some_and(|text| text.starts_with("In 1 of 7 modules")));
        assert_eq!((field.text(0), field.text(1), field.text(99)), ("≥ 1.50".into(), "1.50".into(), String::new()));
        assert!(read_out(&grid, &field, Cell { row: 0, column: 0 }).contains("effective rank ≥ 1.50"));
    }

    #[test]
    fn keys_move_and_stop_at_the_edges() {
        let (_, grid) = example();
        let at = |row, column| Cell { row, column };
        assert_eq!(step(&grid, at(0, 0), "ArrowLeft", false), Some(at(0, 0)));
        assert_eq!(step(&grid, at(0, 0), "ArrowRight", false), Some(at(0, 1)));
        assert_eq!(step(&grid, at(1, 3), "ArrowDown", false), Some(at(1, 3)));
        assert_eq!(step(&grid, at(1, 1), "End", false), Some(at(1, 3)));
        assert_eq!(step(&grid, at(1, 1), "Home", true), Some(at(0, 0)));
        assert_eq!(step(&grid, at(0, 1), "End", true), Some(at(1, 3)));
        assert_eq!(step(&grid, at(0, 0), "a", false), None);
        assert_eq!(step(&Grid::new(&[], 0), at(0, 0), "End", false), None);
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
