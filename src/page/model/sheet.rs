//! Tables of modules other than the module table: their columns, order and hooks.

use super::table::Direction;
use lorascope_protocol::natural::natural;

/// The head of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub label: &'static str,
    pub help: &'static str,
    pub is_text: bool,
    /// Its values are shares: a bar stands beside them.
    pub is_share: bool,
    /// The order of the first click.
    pub first: Direction,
}

impl Head {
    pub const fn number(label: &'static str, help: &'static str) -> Head {
        Head { label, help, is_text: false, is_share: false, first: Direction::Descending }
    }

    pub const fn text(label: &'static str, help: &'static str) -> Head {
        Head { is_text: true, first: Direction::Ascending, ..Head::number(label, help) }
    }

    /// The first column.
    pub const fn module(help: &'static str) -> Head {
        Head::text("Module", help)
    }

    /// A number that is a share.
    pub const fn share(label: &'static str, help: &'static str) -> Head {
        Head { is_share: true, ..Head::number(label, help) }
    }

    /// The smallest first.
    pub const fn ascending(self) -> Head {
        Head { first: Direction::Ascending, ..self }
    }
}

/// Which module a row is about, for hooks: what means nothing for a table is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowFacts<'a> {
    /// The module's name in the result.
    pub name: &'a str,
    /// Its name in the source.
    pub source: Option<&'a str>,
    pub rank: Option<u32>,
    /// The share of the energy that is kept.
    pub kept: Option<f64>,
    /// ‖X − B·A‖/‖X‖
    pub error: Option<f64>,
    pub cosine: Option<f64>,
}

/// A table whose first column is a module's name.
pub trait Sheet: Send + Sync {
    fn heads(&self) -> &'static [Head];
    fn rows(&self) -> usize;
    fn facts(&self, row: usize) -> Option<RowFacts<'_>>;
    /// What a cell is ordered by; `None` comes last in both directions.
    fn key(&self, row: usize, column: usize) -> Option<f64>;
    fn write(&self, row: usize, column: usize) -> String;
}

/// How a sheet is sorted; `column` is `None` for the order it comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SheetOrder {
    pub by: Option<(usize, Direction)>,
}

impl SheetOrder {
    /// After a click on the head of `column`, whose first order is `first`: the same one turns round.
    pub fn clicked(self, column: usize, first: Direction) -> SheetOrder {
        let direction = match self.by {
            Some((now, Direction::Ascending)) if now == column => Direction::Descending,
            Some((now, Direction::Descending)) if now == column => Direction::Ascending,
            _ => first,
        };
        SheetOrder { by: Some((column, direction)) }
    }

    pub fn of(self, column: usize) -> Option<Direction> {
        self.by.filter(|(now, _)| *now == column).map(|(_, direction)| direction)
    }

    /// For `aria-sort`.
    pub fn aria(self, column: usize) -> &'static str {
        match self.of(column) {
            None => "none",
            Some(Direction::Ascending) => "ascending",
            Some(Direction::Descending) => "descending",
        }
    }

    /// The rows in order; equal ones stay as they come.
    pub fn apply(self, sheet: &dyn Sheet) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..sheet.rows()).collect();
        let Some((column, direction)) = self.by else { return rows };
        let name = |row: usize| sheet.facts(row).map_or("", |facts| facts.name);
        let keys: Vec<Option<f64>> = rows.iter().map(|row| sheet.key(*row, column)).collect();
        rows.sort_by(|&a, &b| {
            let order = match (keys[a], keys[b]) {
                _ if column == 0 => natural(name(a), name(b)),
                (Some(a), Some(b)) => a.total_cmp(&b),
                (a, b) => return b.is_some().cmp(&a.is_some()),
            };
            if direction == Direction::Ascending { order } else { order.reverse() }
        });
        rows
    }
}

/// `rank 16`, `rank 4 to 16`: the smallest and the largest of the values.
pub fn span(values: impl Iterator<Item = u32>) -> String {
    let ends = values.fold(None, |ends: Option<(u32, u32)>, x| match ends {
        None => Some((x, x)),
        Some((low, high)) => Some((low.min(x), high.max(x))),
    });
    match ends {
        None => super::number::ABSENT.to_owned(),
        Some((low, high)) if low == high => low.to_string(),
        Some((low, high)) => format!("{low} to {high}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Example([(&'static str, Option<f64>); 4]);

    impl Sheet for Example {
        fn heads(&self) -> &'static [Head] {
            &[]
        }
        fn rows(&self) -> usize {
            self.0.len()
        }
        fn facts(&self, row: usize) -> Option<RowFacts<'_>> {
            let (name, kept) = *self.0.get(row)?;
            Some(RowFacts { name, kept, ..RowFacts::default() })
        }
        fn key(&self, row: usize, _: usize) -> Option<f64> {
            self.0[row].1
        }
        fn write(&self, _: usize, _: usize) -> String {
            String::new()
        }
    }

    #[test]
    fn rows_come_as_they_are_and_turn_with_clicks() {
        let sheet = Example([("l.10", Some(0.5)), ("l.9", None), ("l.2", Some(0.9)), ("l.3", Some(0.5))]);
        let order = SheetOrder::default();
        assert_eq!((order.apply(&sheet), order.aria(1)), (vec![0, 1, 2, 3], "none"));
        let least = order.clicked(1, Direction::Ascending);
        assert_eq!((least.apply(&sheet), least.aria(1)), (vec![0, 3, 2, 1], "ascending"));
        let most = least.clicked(1, Direction::Ascending);
        assert_eq!((most.apply(&sheet), most.aria(1)), (vec![2, 0, 3, 1], "descending"));
        let named = most.clicked(0, Direction::Ascending);
        assert_eq!((named.apply(&sheet), named.aria(1)), (vec![2, 3, 1, 0], "none"));
    }

    #[test]
    fn spans_of_ranks() {
        assert_eq!(span([16, 16].into_iter()), "16");
        assert_eq!(span([4, 16, 8].into_iter()), "4 to 16");
        assert_eq!(span(std::iter::empty()), "–");
    }
}
