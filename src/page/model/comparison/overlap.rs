//! φ(i, j) of one module as a picture: i down, j across (Hu et al., LoRA, arXiv 2106.09685, section 7.2, figure 3).

use std::sync::Arc;

use super::figures::share;
use crate::model::axis::{Scale, ScaleKind};
use crate::model::colour::{ColourMap, Palette, Rgb};
use crate::model::heat::Cell;
use crate::model::number::{fixed, percent};
use crate::model::tsv::{digits, line, tab_separated};
use lorascope_protocol::report::OverlapGrid;

/// One side of a module's weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    #[default]
    Output,
    Input,
}

impl Side {
    pub const ALL: [Side; 2] = [Side::Output, Side::Input];

    pub fn label(self) -> &'static str {
        ["Output side", "Input side"][self as usize]
    }

    fn word(self) -> &'static str {
        ["output", "input"][self as usize]
    }
}

/// One side of φ; cells count from 0, i and j from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlap {
    pub grid: Arc<OverlapGrid>,
    pub side: Side,
}

/// The colours span all that φ can be.
pub const SCALE: Scale = Scale { kind: ScaleKind::Linear, low: 0.0, high: 1.0 };
pub const PALETTE: Palette = Palette::Sequential;

impl Overlap {
    pub fn rows(&self) -> usize {
        self.grid.size[0] as usize
    }

    pub fn columns(&self) -> usize {
        self.grid.size[1] as usize
    }

    fn values(&self) -> &[f64] {
        &self.grid.sides[self.side as usize]
    }

    /// φ(row + 1, column + 1); `None` outside the picture.
    pub fn value(&self, row: usize, column: usize) -> Option<f64> {
        if row >= self.rows() || column >= self.columns() {
            return None;
        }
        self.values().get(row * self.columns() + column).copied().filter(|x| x.is_finite())
    }

    /// What random subspaces have: max(i, j)/m.
    pub fn chance(&self, row: usize, column: usize) -> f64 {
        let m = self.grid.dims[self.side as usize].max(1);
        ((row.max(column) + 1) as f64 / m as f64).min(1.0)
    }

    /// The value in a table's cell; empty where there is none.
    pub fn text(&self, row: usize, column: usize) -> String {
        self.value(row, column).map(|x| fixed(x, 3)).unwrap_or_default()
    }

    /// The colour of a cell; none where there is no value.
    pub fn colour(&self, [row, column]: [usize; 2], map: &ColourMap) -> Option<Rgb> {
        self.value(row, column).and_then(|x| SCALE.position(x)).map(|t| map.at(t))
    }

    /// `φ(3, 5) = 0.42, chance 0.005: …` and what that says.
    pub fn read_out(&self, cell: Cell) -> String {
        let Cell { row, column } = cell;
        let (i, j) = (row + 1, column + 1);
        let Some(x) = self.value(row, column) else { return String::new() };
        let directions = |n: usize| match n {
            1 => format!("the first {} direction", self.side.word()),
            n => format!("the first {n} {} directions", self.side.word()),
        };
        let among_first = |n: usize| if n == 1 { "the first".to_owned() } else { format!("the first {n}") };
        let (fewer, of, among, other) = if i <= j { (i, "A", j, "B") } else { (j, "B", i, "A") };
        format!(
            "φ({i}, {j}) = {}, chance {}: {} of {} of {of} within {} of {other}",
            fixed(x, 3),
            share(self.chance(row, column)),
            percent(x),
            directions(fewer),
            among_first(among),
        )
    }

    /// Only the first directions are drawn: says so.
    pub fn remark(&self) -> Option<String> {
        let cut =
            |drawn: u32, rank: u32, of: &str| (drawn < rank).then(|| format!("the first {drawn} of {of}’s {rank}"));
        let [a, b] = self.grid.size;
        let parts: Vec<String> =
            [cut(a, self.grid.rank[0], "A"), cut(b, self.grid.rank[1], "B")].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("Drawn are {} directions.", parts.join(" and ")))
    }

    /// As a table for other programs.
    pub fn tsv(&self) -> String {
        let (rows, columns) = (0..self.rows(), 0..self.columns());
        let head = line("i\\j", columns.clone().map(|column| (column + 1).to_string()));
        let value = |row, column| digits(self.value(row, column));
        let of_row = |row: usize| line(&(row + 1).to_string(), columns.clone().map(|column| value(row, column)));
        tab_separated(std::iter::once(head).chain(rows.map(of_row)))
    }

    /// Height and width of a cell in CSS pixels: the picture fits a phone, and few directions are not stretched thin.
    pub fn cell(&self) -> [f64; 2] {
        let width = (288.0 / self.columns().max(1) as f64).clamp(2.0, 40.0);
        let height = (288.0 / self.rows().max(1) as f64).clamp(2.0, 40.0);
        // Square, unless one has so few directions that they could not be hit.
        let side = width.min(height);
        [
            side.max((96.0 / self.rows().max(1) as f64).min(40.0)),
            side.max((96.0 / self.columns().max(1) as f64).min(40.0)),
        ]
    }
}

/// Numbers to write along an axis of `n` directions: where, as a fraction of its length, and which; the first and the
/// last among them.
pub fn ticks(n: usize) -> Vec<(f64, usize)> {
    let step = [1, 2, 4, 5, 8, 10, 16, 20, 32].into_iter().find(|step| n <= 8 * step).unwrap_or(n.max(1));
    let mut ticks: Vec<usize> = (1..=n).filter(|i| *i == 1 || i.is_multiple_of(step)).collect();
    if ticks.last().is_some_and(|last| *last != n) {
        if ticks.last().is_some_and(|last| 2 * (n - last) <= step) && ticks.len() > 1 {
            ticks.pop();
        }
        ticks.push(n);
    }
    ticks.into_iter().map(|i| ((i as f64 - 0.5) / n as f64, i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::colour::pixels;
    use crate::model::comparison::testing::overlap_grid;

    fn example(side: Side) -> Overlap {
        Overlap { grid: Arc::new(overlap_grid()), side }
    }

    #[test]
    fn rows_are_of_a_and_columns_of_b() {
        let overlap = example(Side::Output);
        assert_eq!((overlap.rows(), overlap.columns()), (2, 3));
        assert_eq!([overlap.value(0, 2), overlap.value(1, 0), overlap.value(1, 3)], [Some(0.7), Some(0.4), None]);
        assert_eq!(example(Side::Input).value(1, 2), Some(0.5));
        let map = ColourMap::new(PALETTE, false);
        let px = pixels([2, 3], |cell| overlap.colour(cell, &map));
        assert_eq!((px.len(), &px[8..11]), (2 * 3 * 4, &map.at(0.7)[..]));
    }

    #[test]
    fn a_cell_is_said_with_its_chance_level() {
        let said = |row, column| example(Side::Output).read_out(Cell { row, column }).replace('\u{202f}', " ");
        assert_eq!(
            said(0, 2),
            "φ(1, 3) = 0.700, chance 0.05: 70.0 % of the first output direction of A within the first 3 of B"
        );
        assert_eq!(
            said(1, 0),
            "φ(2, 1) = 0.400, chance 0.03: 40.0 % of the first output direction of B within the first 2 of A"
        );
        assert_eq!(
            said(0, 0),
            "φ(1, 1) = 0.500, chance 0.02: 50.0 % of the first output direction of A within the first of B"
        );
        assert_eq!(said(2, 0), "");
        let small = OverlapGrid { dims: [2, 2], ..overlap_grid() };
        assert_eq!(Overlap { grid: Arc::new(small), side: Side::Input }.chance(1, 2), 1.0, "never more than all");
    }

    #[test]
    fn what_is_not_drawn_is_said() {
        assert_eq!(example(Side::Input).remark().as_deref(), Some("Drawn are the first 3 of B’s 200 directions."));
        let whole = OverlapGrid { rank: [2, 3], ..overlap_grid() };
        assert_eq!(Overlap { grid: Arc::new(whole), side: Side::Output }.remark(), None);
    }

    #[test]
    fn values_that_are_not_there_leave_gaps() {
        let mut grid = overlap_grid();
        grid.sides[0].truncate(4);
        grid.sides[0][1] = f64::NAN;
        let overlap = Overlap { grid: Arc::new(grid), side: Side::Output };
        assert_eq!((overlap.value(0, 1), overlap.value(1, 1)), (None, None));
        assert_eq!(overlap.tsv(), "i\\j\t1\t2\t3\n1\t0.5\t\t0.7\n2\t0.4\t\t\n");
        assert_eq!(overlap.colour([0, 1], &ColourMap::new(PALETTE, true)), None);
    }

    #[test]
    fn ticks_are_few_and_name_both_ends() {
        for n in [1, 2, 7, 8, 9, 16, 17, 64, 65, 100, 127, 128] {
            let ticks = ticks(n);
            assert!(ticks.len() <= 10, "{n}: {ticks:?}");
            assert_eq!((ticks[0].1, ticks[ticks.len() - 1].1), (1, n));
            assert!(ticks.windows(2).all(|pair| pair[0].1 < pair[1].1), "{ticks:?}");
        }
        assert!(ticks(0).is_empty());
    }

    #[test]
    fn pictures_fit_and_cells_can_be_hit() {
        for size in [[1, 1], [8, 8], [4, 64], [64, 4], [128, 128], [1, 128]] {
            let overlap = Overlap { grid: Arc::new(OverlapGrid { size, ..overlap_grid() }), side: Side::Output };
            let [height, width] = overlap.cell();
            for (side, n) in [(height, size[0]), (width, size[1])] {
                assert!(side * f64::from(n) <= 288.0 && side * f64::from(n) >= 39.0, "{size:?}: {side} times {n}");
            }
        }
    }
}
