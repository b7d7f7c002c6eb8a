//! What the heatmap draws and reads out: a measure over the [`Grid`].

use super::axis::{Scale, ScaleKind};
use super::colour::ColourMap;
use super::grid::Grid;
use super::measure::Measure;
use crate::report::ModuleReport;

/// A cell, as a person would point at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub row: usize,
    pub column: usize,
}

/// The scale of a measure over all modules, also those that no column shows.
pub fn scale(modules: &[ModuleReport], measure: Measure, kind: ScaleKind) -> Option<Scale> {
    Scale::over(modules.iter().filter_map(|m| measure.value(m)), kind)
}

/// RGBA of the picture, one pixel per cell, row by row. Cells without a module are transparent.
pub fn pixels(
    grid: &Grid,
    modules: &[ModuleReport],
    measure: Measure,
    scale: Option<Scale>,
    map: &ColourMap,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(grid.rows.len() * grid.columns.len() * 4);
    for row in 0..grid.rows.len() {
        for column in 0..grid.columns.len() {
            let Some(module) = grid.module_at(row, column).and_then(|i| modules.get(i)) else {
                out.extend_from_slice(&[0, 0, 0, 0]);
                continue;
            };
            let t = measure.value(module).and_then(|x| scale.and_then(|s| s.position(x)));
            let [r, g, b] = t.map_or(map.not_finite, |t| map.at(t));
            out.extend_from_slice(&[r, g, b, 255]);
        }
    }
    out
}

/// The cell in words, for the readout and for a screen reader.
pub fn read_out(grid: &Grid, modules: &[ModuleReport], cell: Cell, measure: Measure) -> String {
    let Some(row) = grid.rows.get(cell.row) else { return String::new() };
    let column = grid.column_name(cell.column);
    let Some(module) = grid.module_at(cell.row, cell.column).and_then(|i| modules.get(i)) else {
        return format!("{column} · {}: no module of this adapter", row.label);
    };
    let mut text = format!("{column} · {}: {} {}", row.label, lower(measure.label()), measure.write_of(module));
    for other in [Measure::Frobenius, Measure::EffectiveRank] {
        if other != measure {
            text.push_str(&format!(", {} {}", lower(other.label()), other.write_of(module)));
        }
    }
    text
}

/// Where a key leads from a cell; `None` for keys that do not move.
pub fn step(grid: &Grid, cell: Cell, key: &str, control: bool) -> Option<Cell> {
    let (last_row, last_column) = (grid.rows.len().checked_sub(1)?, grid.columns.len().checked_sub(1)?);
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

/// Layers to name below the picture: (column, text), at most `wanted`, evenly spread, the first and last among them.
pub fn column_ticks(grid: &Grid, wanted: usize) -> Vec<(usize, String)> {
    let n = grid.columns.len();
    let name = |i: usize| grid.columns[i].map_or("–".to_owned(), |layer| layer.to_string());
    let stride = [1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 256, 500, 1000]
        .into_iter()
        .find(|s| n <= wanted * s)
        .unwrap_or(n.max(1));
    let mut ticks: Vec<(usize, String)> = (0..n).step_by(stride).map(|i| (i, name(i))).collect();
    if let Some(last) = n.checked_sub(1) {
        // The last layer is worth a name; the one before gives way where both would touch.
        if ticks.last().is_some_and(|(i, _)| last - i < stride.div_ceil(2).max(1) && *i != last && ticks.len() > 1) {
            ticks.pop();
        }
        if ticks.last().is_none_or(|(i, _)| *i != last) {
            ticks.push((last, name(last)));
        }
    }
    ticks
}

/// The picture as a table: tab-separated, one line per row, an empty field where there is no module.
pub fn tsv(grid: &Grid, modules: &[ModuleReport], measure: Measure) -> String {
    let mut out = String::from("module");
    for column in &grid.columns {
        out.push('\t');
        out.push_str(&column.map_or("none".to_owned(), |layer| layer.to_string()));
    }
    for (r, row) in grid.rows.iter().enumerate() {
        out.push('\n');
        out.push_str(&row.path.replace(['\t', '\n', '\r'], " "));
        for c in 0..grid.columns.len() {
            out.push('\t');
            if let Some(x) = grid.module_at(r, c).and_then(|i| modules.get(i)).and_then(|m| measure.value(m)) {
                out.push_str(&x.to_string());
            }
        }
    }
    out.push('\n');
    out
}

fn lower(label: &str) -> String {
    let mut chars = label.chars();
    match chars.next() {
        Some(first) if first.is_ascii_uppercase() => first.to_ascii_lowercase().to_string() + chars.as_str(),
        _ => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::model::testing::module;

    fn example() -> (Vec<ModuleReport>, Grid) {
        let mut modules: Vec<ModuleReport> = (0..4)
            .flat_map(|l| [("q", l), ("v", l)].map(|(r, l)| module(&format!("layers.{l}.{r}_proj"), Some(l), r, 2)))
            .filter(|m| m.name != "layers.2.v_proj")
            .collect();
        for (i, m) in modules.iter_mut().enumerate() {
            m.energy_share = i as f64 / 10.0;
        }
        let grid = Grid::new(&modules, 4);
        (modules, grid)
    }

    #[test]
    fn pixels_show_low_high_and_missing() {
        let (modules, grid) = example();
        let map = ColourMap::new(false);
        let s = scale(&modules, Measure::EnergyShare, ScaleKind::Linear);
        let px = pixels(&grid, &modules, Measure::EnergyShare, s, &map);
        assert_eq!(px.len(), 2 * 4 * 4);
        let at = |row: usize, column: usize| &px[(row * 4 + column) * 4..][..4];
        assert_eq!(at(0, 0)[..3], map.at(0.0));
        assert_eq!(at(1, 3)[..3], map.at(1.0));
        assert_eq!(at(1, 2), [0, 0, 0, 0]);
    }

    #[test]
    fn words_for_cells() {
        let (modules, grid) = example();
        let read = |row, column| read_out(&grid, &modules, Cell { row, column }, Measure::EnergyShare);
        assert!(read(0, 1).starts_with("layer 1 · q_proj: energy share 20.0"), "{}", read(0, 1));
        assert!(read(0, 1).contains("effective rank 1.50"));
        assert_eq!(read(1, 2), "layer 2 · v_proj: no module of this adapter");
        assert_eq!(read(7, 0), "");
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
    fn ticks_name_the_first_and_the_last() {
        for n in [1u32, 2, 6, 12, 31, 32, 33, 80, 127] {
            let modules: Vec<ModuleReport> =
                (0..n).map(|i| module(&format!("layers.{i}.q"), Some(i), "q", 1)).collect();
            let ticks = column_ticks(&Grid::new(&modules, n), 9);
            assert!(ticks.len() <= 10, "{ticks:?}");
            assert_eq!(ticks.first().unwrap().1, "0");
            assert_eq!(ticks.last().unwrap().1, (n - 1).to_string());
        }
        assert!(column_ticks(&Grid::new(&[], 0), 9).is_empty());
    }

    #[test]
    fn the_table_is_tab_separated() {
        let (modules, grid) = example();
        let text = tsv(&grid, &modules, Measure::EnergyShare);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "module\t0\t1\t2\t3");
        assert_eq!(lines[1], "layers.*.q_proj\t0\t0.2\t0.4\t0.5");
        assert_eq!(lines[2], "layers.*.v_proj\t0.1\t0.3\t\t0.6");
    }
}
