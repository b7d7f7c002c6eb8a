//! The module table: columns, filter and order.

use std::cmp::Ordering;

use super::measure::Measure;
use super::number::{grouped, shape};
use crate::natural::natural;
use crate::report::ModuleReport;

/// Rows that are on the page at first, and that each "show more" adds.
pub const PAGE: usize = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    Name,
    Layer,
    Role,
    Shape,
    Rank,
    NumericalRank,
    Scale,
    Of(Measure),
}

impl Column {
    pub const ALL: [Column; 13] = [
        Column::Name,
        Column::Layer,
        Column::Role,
        Column::Shape,
        Column::Rank,
        Column::Of(Measure::Frobenius),
        Column::Of(Measure::EnergyShare),
        Column::Of(Measure::Sigma1),
        Column::Of(Measure::EffectiveRank),
        Column::Of(Measure::StableRank),
        Column::NumericalRank,
        Column::Of(Measure::SpectralEntropy),
        Column::Scale,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Column::Name => "Module",
            Column::Layer => "Layer",
            Column::Role => "Role",
            Column::Shape => "Shape",
            Column::Rank => "Rank",
            Column::NumericalRank => "Num. rank",
            Column::Scale => "Scale",
            Column::Of(Measure::EnergyShare) => "Share",
            Column::Of(Measure::EffectiveRank) => "Eff. rank",
            Column::Of(Measure::SpectralEntropy) => "Entropy",
            Column::Of(measure) => measure.label(),
        }
    }

    pub fn help(self) -> &'static str {
        match self {
            Column::Name => "Path of the module in the model",
            Column::Layer => "Number of the layer it belongs to",
            Column::Role => "What the module does in its layer",
            Column::Shape => "Shape of ΔW: outputs × inputs",
            Column::Rank => "Inner dimension of the stored factors",
            Column::NumericalRank => "Count of singular values above 2·10⁻⁶·σ₁: the rank that ΔW really has",
            Column::Scale => "The factor s in ΔW = s·B·A",
            Column::Of(measure) => measure.help(),
        }
    }

    /// Texts read from A to Z at first, numbers from the largest.
    pub fn first_direction(self) -> Direction {
        match self {
            Column::Name | Column::Layer | Column::Role => Direction::Ascending,
            _ => Direction::Descending,
        }
    }

    pub fn is_text(self) -> bool {
        matches!(self, Column::Name | Column::Role)
    }

    pub fn write(self, m: &ModuleReport) -> String {
        match self {
            Column::Name => m.name.clone(),
            Column::Layer => m.layer.map_or(super::number::ABSENT.to_owned(), |l| l.to_string()),
            Column::Role => m.role.clone(),
            Column::Shape => shape(m.shape),
            Column::Rank => grouped(u64::from(m.rank)),
            Column::NumericalRank => grouped(u64::from(m.numerical_rank)),
            Column::Scale => super::number::short(m.scale),
            Column::Of(measure) => measure.write_of(m),
        }
    }

    fn compare(self, a: &ModuleReport, b: &ModuleReport) -> Ordering {
        match self {
            Column::Name => natural(&a.name, &b.name),
            // Modules outside the layers come before layer 0.
            Column::Layer => a.layer.cmp(&b.layer),
            Column::Role => a.role.cmp(&b.role),
            Column::Shape => size(a).cmp(&size(b)),
            Column::Rank => a.rank.cmp(&b.rank),
            Column::NumericalRank => a.numerical_rank.cmp(&b.numerical_rank),
            Column::Scale => a.scale.total_cmp(&b.scale),
            Column::Of(measure) => {
                let of = |m| measure.value(m).unwrap_or(f64::NEG_INFINITY);
                of(a).total_cmp(&of(b))
            }
        }
    }
}

fn size(m: &ModuleReport) -> u128 {
    u128::from(m.shape[0]) * u128::from(m.shape[1])
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// How the table is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    pub column: Column,
    pub direction: Direction,
}

impl Default for Sort {
    fn default() -> Sort {
        Sort { column: Column::Of(Measure::Frobenius), direction: Direction::Descending }
    }
}

impl Sort {
    /// After a click on the head of `column`: the same one turns round.
    pub fn clicked(self, column: Column) -> Sort {
        let turned = match self.direction {
            Direction::Ascending => Direction::Descending,
            Direction::Descending => Direction::Ascending,
        };
        Sort { column, direction: if self.column == column { turned } else { column.first_direction() } }
    }

    /// For `aria-sort`.
    pub fn aria(self, column: Column) -> &'static str {
        match (self.column == column, self.direction) {
            (false, _) => "none",
            (true, Direction::Ascending) => "ascending",
            (true, Direction::Descending) => "descending",
        }
    }
}

/// Indices of the modules that hold every word of `filter` in name, role or kind, in the order of `sort`.
pub fn rows(modules: &[ModuleReport], sort: Sort, filter: &str) -> Vec<usize> {
    let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
    let holds = |m: &ModuleReport| {
        words.is_empty() || {
            let text = format!("{} {} {}", m.name, m.role, m.kind).to_lowercase();
            words.iter().all(|w| text.contains(w.as_str()))
        }
    };
    let mut rows: Vec<usize> = (0..modules.len()).filter(|i| holds(&modules[*i])).collect();
    // Stable: equal ones stay in the model's order.
    rows.sort_by(|a, b| {
        let order = sort.column.compare(&modules[*a], &modules[*b]);
        if sort.direction == Direction::Ascending { order } else { order.reverse() }
    });
    rows
}

/// What all names begin with, up to a dot: the table says it once instead of in every row.
pub fn common_prefix<'a>(mut names: impl Iterator<Item = &'a str>) -> &'a str {
    let Some(first) = names.next() else { return "" };
    let (mut length, mut several) = (first.len(), false);
    for name in names {
        several = true;
        let same = first.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
        length = length.min(same);
    }
    if !several {
        return "";
    }
    // Cut after the last dot: bytes before one are whole characters.
    first.as_bytes()[..length].iter().rposition(|b| *b == b'.').map_or("", |dot| &first[..=dot])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::model::testing::module;

    fn example() -> Vec<ModuleReport> {
        let mut modules: Vec<ModuleReport> = [10u32, 9, 2]
            .into_iter()
            .map(|l| module(&format!("model.layers.{l}.self_attn.q_proj"), Some(l), "q", l))
            .collect();
        modules.push(module("model.embed_tokens", None, "embed", 3));
        for (m, f) in modules.iter_mut().zip([0.5, 2.0, f64::NAN, 2.0]) {
            m.frobenius = f;
        }
        modules
    }

    fn names(modules: &[ModuleReport], rows: &[usize]) -> Vec<u32> {
        rows.iter().map(|i| modules[*i].layer.unwrap_or(999)).collect()
    }

    #[test]
    fn sorts_by_every_column_and_loses_none() {
        let modules = example();
        for column in Column::ALL {
            for direction in [Direction::Ascending, Direction::Descending] {
                let mut rows = rows(&modules, Sort { column, direction }, "");
                rows.sort_unstable();
                assert_eq!(rows, [0, 1, 2, 3], "{column:?}");
            }
        }
        let by = |column, direction| names(&modules, &rows(&modules, Sort { column, direction }, ""));
        assert_eq!(by(Column::Layer, Direction::Ascending), [999, 2, 9, 10]);
        assert_eq!(by(Column::Rank, Direction::Descending), [10, 9, 999, 2]);
        // Equal values keep the model's order, what is not a number is last.
        assert_eq!(by(Column::Of(Measure::Frobenius), Direction::Descending), [9, 999, 10, 2]);
    }

    #[test]
    fn filter_wants_every_word_in_any_case() {
        let modules = example();
        let of = |filter: &str| {
            names(&modules, &rows(&modules, Sort { column: Column::Layer, direction: Direction::Ascending }, filter))
        };
        assert_eq!(of("Q_proj layers.9"), [9]);
        assert_eq!(of("embed"), [999]);
        assert!(of("nothing like it").is_empty());
    }

    #[test]
    fn the_common_prefix_ends_with_a_dot() {
        let modules = example();
        let of = |modules: &[ModuleReport]| common_prefix(modules.iter().map(|m| m.name.as_str())).to_owned();
        assert_eq!(of(&modules), "model.");
        assert_eq!(of(&modules[..3]), "model.layers.");
        assert_eq!(of(&modules[..1]), "");
        assert_eq!(of(&[module("ä.x", None, "", 1), module("ö.x", None, "", 1)]), "");
    }

    #[test]
    fn a_second_click_turns_round() {
        let sort = Sort::default().clicked(Column::Name);
        assert_eq!(sort.aria(Column::Name), "ascending");
        assert_eq!(sort.clicked(Column::Name).aria(Column::Name), "descending");
        assert_eq!(sort.clicked(Column::Rank).aria(Column::Name), "none");
        assert_eq!(sort.clicked(Column::Rank).aria(Column::Rank), "descending");
    }
}
