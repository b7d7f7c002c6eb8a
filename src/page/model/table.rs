//! The module table: the columns of an adapter's modules.

use std::sync::Arc;

use super::column::Direction;
use super::grid::stack_words;
use super::measure::{EFFECTIVE_RANK, ENERGY_SHARE, FROBENIUS, Measure, SIGMA_1, SPECTRAL_ENTROPY, STABLE_RANK};
use super::number::{ABSENT, general, grouped, shape, short};
use super::sheet::{RowFacts, RowSheet, SheetOrder, size};
use super::shown::Adapter;
use lorascope_protocol::names::{Side, stack_order};
use lorascope_protocol::natural::natural;
use lorascope_protocol::report::ModuleReport;

/// The order at first.
pub const STRONGEST_FIRST: SheetOrder = SheetOrder { by: Some((FROBENIUS.about.key, Direction::Descending)) };

/// Why a module has no rank.
pub const NO_RANK: &str = "No rank: this update is not stored as a product of two thin factors.";

pub const COLUMNS: [&Measure; 15] = [
    &Measure::module("Path of the module in the model"),
    &Measure::text(
        STACK,
        "Stack",
        "The part of the model that counts its own layers: a text encoder, the down blocks …",
        |m| if m.stack.is_empty() { ABSENT.to_owned() } else { stack_words(&m.stack) },
        |a, b| {
            // As in the model, not from A to Z; modules in a stack of unknown name after the others.
            let place = |m: &ModuleReport| stack_order(&m.stack, Side::Layers);
            place(a).cmp(&place(b)).then_with(|| natural(&a.stack, &b.stack))
        },
    ),
    &Measure::number(
        "layer",
        "Layer",
        "Number of the layer it belongs to",
        // Modules outside the layers come before layer 0.
        |m| Some(m.layer.map_or(-1.0, f64::from)),
        |x| if x < 0.0 { ABSENT.to_owned() } else { x.to_string() },
    )
    .ascending(),
    &Measure::text("role", "Role", "What the module does in its layer", |m| m.role.clone(), |a, b| a.role.cmp(&b.role)),
    &Measure::text(
        ALGORITHM,
        "Algorithm",
        "How the file stores the update",
        |m| m.algorithm.clone(),
        |a, b| a.algorithm.cmp(&b.algorithm),
    )
    .titled(|m| m.note.clone()),
    &Measure::number("shape", "Shape", "Shape of ΔW: outputs × inputs", |m| Some(size(m.shape)), general)
        .written(|m| shape(m.shape)),
    &Measure::number("rank", "Rank", "Inner dimension of the stored factors", |m| Some(m.rank.into()), rank)
        .titled(|m| (m.rank == 0).then(|| NO_RANK.to_owned())),
    &FROBENIUS,
    &ENERGY_SHARE,
    &SIGMA_1,
    &EFFECTIVE_RANK,
    &STABLE_RANK,
    &Measure::number(
        "numerical-rank",
        "Num. rank",
        "Count of singular values above 2·10⁻⁶·σ₁: the rank that ΔW really has",
        |m| Some(m.numerical_rank.into()),
        |x| grouped(x as u64),
    )
    .bound(|m| m.truncated),
    &SPECTRAL_ENTROPY,
    &Measure::number("scale", "Scale", "The factor s of the update, as in ΔW = s·B·A", |m| Some(m.scale), short)
        .titled(|m| Some(m.scale_source.clone())),
];

fn rank(x: f64) -> String {
    if x == 0.0 { ABSENT.to_owned() } else { grouped(x as u64) }
}

/// What is the same in all modules says nothing of them.
const STACK: &str = "stack";
const ALGORITHM: &str = "algorithm";

/// The modules of an adapter.
pub struct ModuleSheet {
    adapter: Arc<Adapter>,
    columns: Vec<&'static Measure>,
}

impl ModuleSheet {
    pub fn new(adapter: Arc<Adapter>) -> ModuleSheet {
        let differ =
            |word: fn(&ModuleReport) -> &str| adapter.modules.windows(2).any(|two| word(&two[0]) != word(&two[1]));
        let says = |column: &&Measure| match column.key {
            STACK => differ(|m| &m.stack),
            ALGORITHM => differ(|m| &m.algorithm),
            _ => true,
        };
        let columns = COLUMNS.into_iter().filter(says).collect();
        ModuleSheet { adapter, columns }
    }
}

impl RowSheet for ModuleSheet {
    type Row = ModuleReport;

    fn table(&self) -> (&[&'static Measure], &[ModuleReport]) {
        (&self.columns, &self.adapter.modules)
    }

    fn facts_of(module: &ModuleReport) -> RowFacts<'_> {
        RowFacts { name: &module.name, ..RowFacts::default() }
    }

    fn searched_in(ModuleReport { name, stack, role, kind, algorithm, .. }: &ModuleReport) -> String {
        format!("{name} {} {role} {kind} {algorithm}", stack_words(stack))
    }
}

#[cfg(test)]
mod tests;
