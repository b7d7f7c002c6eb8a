//! Tables of modules: their rows and columns, order and filter.

use std::cmp::Ordering;

use super::column::{Column, Description, Direction};
use lorascope_protocol::natural::natural;

/// Rows that are on the page at first.
pub const PAGE: usize = 300;

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
    fn heads(&self) -> Vec<&'static Description>;
    fn rows(&self) -> usize;
    fn facts(&self, row: usize) -> Option<RowFacts<'_>>;
    /// A number that a cell holds.
    fn value(&self, row: usize, column: usize) -> Option<f64>;
    fn write(&self, row: usize, column: usize) -> String;
    /// What else to know of a cell.
    fn title(&self, row: usize, column: usize) -> Option<String>;
    /// The order of two rows by a column that is not ordered by its values.
    fn compare(&self, column: usize, a: usize, b: usize) -> Option<Ordering>;
    /// What a filter looks into.
    fn searched(&self, row: usize) -> String;

    fn name(&self, row: usize) -> &str {
        self.facts(row).map_or("", |facts| facts.name)
    }
}

/// A [`Sheet`] whose columns read its rows and nothing else.
pub trait RowSheet: Send + Sync {
    type Row: 'static;
    /// Its columns and its rows.
    fn table(&self) -> (&[&'static Column<Self::Row>], &[Self::Row]);
    fn facts_of(row: &Self::Row) -> RowFacts<'_>;
    fn searched_in(row: &Self::Row) -> String {
        Self::facts_of(row).name.to_owned()
    }

    fn cell(&self, row: usize, column: usize) -> Option<(&'static Column<Self::Row>, &Self::Row)> {
        let (columns, rows) = self.table();
        Some((columns.get(column)?, rows.get(row)?))
    }
}

impl<S: RowSheet> Sheet for S {
    fn heads(&self) -> Vec<&'static Description> {
        self.table().0.iter().map(|column| &column.about).collect()
    }

    fn rows(&self) -> usize {
        self.table().1.len()
    }

    fn facts(&self, row: usize) -> Option<RowFacts<'_>> {
        self.table().1.get(row).map(S::facts_of)
    }

    fn value(&self, row: usize, column: usize) -> Option<f64> {
        self.cell(row, column).and_then(|(column, row)| column.value(row))
    }

    fn write(&self, row: usize, column: usize) -> String {
        if column == 0 {
            return self.name(row).to_owned();
        }
        self.cell(row, column).map_or_else(String::new, |(column, row)| column.write_of(row))
    }

    fn title(&self, row: usize, column: usize) -> Option<String> {
        self.cell(row, column).and_then(|(column, row)| column.title(row))
    }

    fn compare(&self, column: usize, a: usize, b: usize) -> Option<Ordering> {
        let ((column, a), (_, b)) = (self.cell(a, column)?, self.cell(b, column)?);
        column.order.map(|order| order(a, b))
    }

    fn searched(&self, row: usize) -> String {
        self.table().1.get(row).map_or_else(String::new, S::searched_in)
    }
}

/// How a sheet is sorted: by the column of a key; `None` for the order it comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SheetOrder {
    pub by: Option<(&'static str, Direction)>,
}

impl SheetOrder {
    /// After a click on a head: the same one turns round.
    pub fn clicked(self, head: &Description) -> SheetOrder {
        let direction = match self.of(head) {
            None => head.first,
            Some(Direction::Ascending) => Direction::Descending,
            Some(Direction::Descending) => Direction::Ascending,
        };
        SheetOrder { by: Some((head.key, direction)) }
    }

    pub fn of(self, head: &Description) -> Option<Direction> {
        self.by.filter(|(key, _)| *key == head.key).map(|(_, direction)| direction)
    }

    /// For `aria-sort`.
    pub fn aria(self, head: &Description) -> &'static str {
        match self.of(head) {
            None => "none",
            Some(Direction::Ascending) => "ascending",
            Some(Direction::Descending) => "descending",
        }
    }

    /// The rows that hold every word of `filter`, in order; equal ones stay as they come, absent ones come last.
    pub fn apply(self, sheet: &dyn Sheet, filter: &str) -> Vec<usize> {
        let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
        let holds = |row: &usize| {
            words.is_empty() || {
                let text = sheet.searched(*row).to_lowercase();
                words.iter().all(|word| text.contains(word.as_str()))
            }
        };
        let mut rows: Vec<usize> = (0..sheet.rows()).filter(holds).collect();
        let Some((key, direction)) = self.by else { return rows };
        let Some(column) = sheet.heads().iter().position(|head| head.key == key) else { return rows };
        let values: Vec<Option<f64>> = (0..sheet.rows()).map(|row| sheet.value(row, column)).collect();
        rows.sort_by(|&a, &b| {
            let order = match (sheet.compare(column, a, b), values[a], values[b]) {
                _ if column == 0 => natural(sheet.name(a), sheet.name(b)),
                (Some(order), ..) => order,
                (None, Some(a), Some(b)) => a.total_cmp(&b),
                (None, a, b) => return b.is_some().cmp(&a.is_some()),
            };
            if direction == Direction::Ascending { order } else { order.reverse() }
        });
        rows
    }
}

/// What all names of a sheet begin with, up to a dot (of flat names: an underscore): the table says it once instead of
/// in every row.
pub fn common_prefix(sheet: &dyn Sheet) -> &str {
    let first = sheet.name(0);
    let (mut length, mut several) = (first.len(), false);
    for row in 1..sheet.rows() {
        several = true;
        let same = first.bytes().zip(sheet.name(row).bytes()).take_while(|(a, b)| a == b).count();
        length = length.min(same);
    }
    if !several {
        return "";
    }
    let common = &first.as_bytes()[..length];
    // Flat names, as kohya's, have no dot anywhere and begin with the stack.
    let end = if first.starts_with("lora_") && !first.contains('.') { b'_' } else { b'.' };
    // Bytes before either are whole characters.
    common.iter().rposition(|b| *b == end).map_or("", |last| &first[..=last])
}

/// How many weights a shape holds, for the order.
pub fn size([rows, columns]: [u64; 2]) -> f64 {
    rows as f64 * columns as f64
}

/// `rank 16`, `rank 4 to 16`: the smallest and the largest of the values.
pub fn span(values: impl Iterator<Item = u32> + Clone) -> String {
    match (values.clone().min(), values.max()) {
        (Some(low), Some(high)) if low == high => low.to_string(),
        (Some(low), Some(high)) => format!("{low} to {high}"),
        _ => super::number::ABSENT.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (&'static str, Option<f64>);

    struct Example([Row; 4]);

    const NAME: Column<Row> = Column::module("");
    const KEPT: Column<Row> = Column::number("kept", "", "", |row| row.1, |_| String::new());

    impl RowSheet for Example {
        type Row = Row;

        fn table(&self) -> (&[&'static Column<Row>], &[Row]) {
            (&[&NAME, &KEPT], &self.0)
        }
        fn facts_of(&(name, kept): &Row) -> RowFacts<'_> {
            RowFacts { name, kept, ..RowFacts::default() }
        }
    }

    #[test]
    fn rows_come_as_they_are_and_turn_with_clicks() {
        let sheet = Example([("l.10", Some(0.5)), ("l.9", None), ("l.2", Some(0.9)), ("l.3", Some(0.5))]);
        let order = SheetOrder::default();
        assert_eq!((order.apply(&sheet, ""), order.aria(&KEPT)), (vec![0, 1, 2, 3], "none"));
        let most = order.clicked(&KEPT);
        assert_eq!((most.apply(&sheet, ""), most.aria(&KEPT)), (vec![2, 0, 3, 1], "descending"));
        let least = most.clicked(&KEPT);
        assert_eq!((least.apply(&sheet, ""), least.aria(&KEPT)), (vec![0, 3, 2, 1], "ascending"));
        let named = least.clicked(&NAME);
        assert_eq!((named.apply(&sheet, ""), named.aria(&KEPT)), (vec![2, 3, 1, 0], "none"));
        assert_eq!(order.clicked(&KEPT.ascending()).aria(&KEPT), "ascending");
    }

    #[test]
    fn spans_of_ranks() {
        assert_eq!(span([16, 16].into_iter()), "16");
        assert_eq!(span([4, 16, 8].into_iter()), "4 to 16");
        assert_eq!(span(std::iter::empty()), "–");
    }
}
