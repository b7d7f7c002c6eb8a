//! The module table: columns, filter and order.

use std::cmp::Ordering;

use super::grid::stack_words;
use super::measure::{BOUND, Measure, at_least};
use super::number::{ABSENT, grouped, shape};
use lorascope_protocol::names::{Side, stack_order};
use lorascope_protocol::natural::natural;
use lorascope_protocol::report::ModuleReport;

/// Rows that are on the page at first, and that each "show more" adds.
pub const PAGE: usize = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    Name,
    Stack,
    Layer,
    Role,
    Algorithm,
    Shape,
    Rank,
    NumericalRank,
    Scale,
    Of(Measure),
}

impl Column {
    pub const ALL: [Column; 15] = [
        Column::Name,
        Column::Stack,
        Column::Layer,
        Column::Role,
        Column::Algorithm,
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

    /// Those that say something of these modules: the stack where there are several, the algorithm likewise.
    pub fn of(modules: &[ModuleReport]) -> Vec<Column> {
        let differ = |word: fn(&ModuleReport) -> &str| modules.windows(2).any(|pair| word(&pair[0]) != word(&pair[1]));
        let says = |column: &Column| match column {
            Column::Stack => differ(|m| &m.stack),
            Column::Algorithm => differ(|m| &m.algorithm),
            _ => true,
        };
        Column::ALL.into_iter().filter(says).collect()
    }

    /// Stable word for links.
    pub fn key(self) -> &'static str {
        match self {
            Column::Name => "name",
            Column::Stack => "stack",
            Column::Layer => "layer",
            Column::Role => "role",
            Column::Algorithm => "algorithm",
            Column::Shape => "shape",
            Column::Rank => "rank",
            Column::NumericalRank => "numerical-rank",
            Column::Scale => "scale",
            Column::Of(measure) => measure.key(),
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Column::Name => "Module",
            Column::Stack => "Stack",
            Column::Algorithm => "Algorithm",
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
            Column::Stack => "The part of the model that counts its own layers: a text encoder, the down blocks …",
            Column::Layer => "Number of the layer it belongs to",
            Column::Role => "What the module does in its layer",
            Column::Shape => "Shape of ΔW: outputs × inputs",
            Column::Algorithm => "How the file stores the update",
            Column::Rank => "Inner dimension of the stored factors",
            Column::NumericalRank => "Count of singular values above 2·10⁻⁶·σ₁: the rank that ΔW really has",
            Column::Scale => "The factor s of the update, as in ΔW = s·B·A",
            Column::Of(measure) => measure.help(),
        }
    }

    /// Texts read from A to Z at first, numbers from the largest.
    pub fn first_direction(self) -> Direction {
        match self {
            Column::Name | Column::Stack | Column::Layer | Column::Role | Column::Algorithm => Direction::Ascending,
            _ => Direction::Descending,
        }
    }

    pub fn is_text(self) -> bool {
        matches!(self, Column::Name | Column::Stack | Column::Role | Column::Algorithm)
    }

    /// What else to know of a cell; `None` where its text says it all.
    pub fn title(self, m: &ModuleReport) -> Option<String> {
        match self {
            Column::Algorithm => m.note.clone(),
            Column::Rank if m.rank == 0 => Some(NO_RANK.to_owned()),
            Column::Scale => Some(m.scale_source.clone()),
            Column::NumericalRank if m.truncated => Some(BOUND.to_owned()),
            Column::Of(measure) if measure.is_bound(m) => Some(BOUND.to_owned()),
            _ => None,
        }
    }

    pub fn write(self, m: &ModuleReport) -> String {
        match self {
            Column::Name => m.name.clone(),
            Column::Stack if m.stack.is_empty() => ABSENT.to_owned(),
            Column::Stack => stack_words(&m.stack),
            Column::Algorithm => m.algorithm.clone(),
            Column::Layer => m.layer.map_or_else(|| ABSENT.to_owned(), |l| l.to_string()),
            Column::Role => m.role.clone(),
            Column::Shape => shape(m.shape),
            Column::Rank if m.rank == 0 => ABSENT.to_owned(),
            Column::Rank => grouped(u64::from(m.rank)),
            Column::NumericalRank if m.truncated => at_least(&grouped(u64::from(m.numerical_rank))),
            Column::NumericalRank => grouped(u64::from(m.numerical_rank)),
            Column::Scale => super::number::short(m.scale),
            Column::Of(measure) => measure.write_of(m),
        }
    }

    fn compare(self, a: &ModuleReport, b: &ModuleReport) -> Ordering {
        match self {
            Column::Name => natural(&a.name, &b.name),
            Column::Stack => {
                // As in the model, not from A to Z; modules in a stack of unknown name after the others.
                let of = |m: &ModuleReport| stack_order(&m.stack, Side::Layers);
                of(a).cmp(&of(b)).then_with(|| natural(&a.stack, &b.stack))
            }
            Column::Algorithm => a.algorithm.cmp(&b.algorithm),
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

/// Why a module has no rank.
pub const NO_RANK: &str = "No rank: this update is not stored as a product of two thin factors.";

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

/// Indices of the modules that hold every word of `filter` in name, stack, role, kind or algorithm, in the order of
/// `sort`.
pub fn rows(modules: &[ModuleReport], sort: Sort, filter: &str) -> Vec<usize> {
    let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
    let holds = |m: &ModuleReport| {
        words.is_empty() || {
            let ModuleReport { name, stack, role, kind, algorithm, .. } = m;
            let text = format!("{name} {} {role} {kind} {algorithm}", stack_words(stack)).to_lowercase();
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

/// What all names begin with, up to a dot (of flat names: an underscore): the table says it once instead of in every
/// row.
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
    let common = &first.as_bytes()[..length];
    // Flat names, as kohya's, have no dot anywhere and begin with the stack.
    let end = if first.starts_with("lora_") && !first.contains('.') { b'_' } else { b'.' };
    // Bytes before either are whole characters.
    common.iter().rposition(|b| *b == end).map_or("", |last| &first[..=last])
}

#[cfg(test)]
mod tests;
