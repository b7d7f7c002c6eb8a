//! An alignment put onto its adapter's modules: for the heatmap and the table of one update.

use std::collections::HashMap;
use std::sync::Arc;

use super::aligned::{Aligned, Update};
use super::figures::{CAPTURE, CHANCE, COSINE, Figure, OVER_CHANCE, RELATIVE_NORM, UPDATE_NORM, words};
use crate::model::column::{Column, Description};
use crate::model::heat::Field;
use crate::model::number::cosine;
use crate::model::sheet::{RowFacts, RowSheet};
use crate::model::shown::Adapter;
use lorascope_protocol::report::{AlignedModule, Figures, ModuleReport};

/// An adapter with its alignment; modules by their index in the adapter.
#[derive(Clone, Debug)]
pub struct Joined {
    pub adapter: Arc<Adapter>,
    pub set: Arc<Aligned>,
    /// Per update and module of the adapter: its place in the update.
    places: Vec<Vec<Option<u32>>>,
}

impl Joined {
    pub fn new(adapter: Arc<Adapter>, set: Arc<Aligned>) -> Joined {
        let places = set.updates.iter().map(|update| places(&adapter, update)).collect();
        Joined { adapter, set, places }
    }

    /// A module's figures in an update; `None` where it has no counterpart.
    pub fn module(&self, update: usize, module: usize) -> Option<&AlignedModule> {
        let place = (*self.places.get(update)?.get(module)?)?;
        self.set.updates.get(update)?.modules.get(place as usize)
    }

    pub fn figures(&self, update: usize, module: usize) -> Option<&Figures> {
        self.module(update, module).map(|m| &m.figures)
    }
}

fn places(adapter: &Adapter, update: &Update) -> Vec<Option<u32>> {
    // They come in the adapter's order: a walk along both finds all of them.
    let mut next = update.modules.iter().zip(0u32..).peekable();
    let mut walk = |name: &str| next.next_if(|(aligned, _)| aligned.name == name).map(|(_, place)| place);
    let walked = adapter.modules.iter().map(|m| walk(&m.name)).collect();
    if next.peek().is_none() {
        return walked;
    }
    let by_name: HashMap<&str, u32> = update.modules.iter().map(|m| m.name.as_str()).zip(0..).collect();
    adapter.modules.iter().map(|m| by_name.get(m.name.as_str()).copied()).collect()
}

/// One figure of one update.
pub struct UpdateField {
    pub joined: Arc<Joined>,
    pub update: usize,
    pub figure: &'static Figure,
}

impl Field for UpdateField {
    fn figure(&self) -> &'static Description {
        &self.figure.about
    }

    fn gaps(&self) -> [&'static str; 2] {
        ["no figure", "no module of this adapter"]
    }

    fn value(&self, module: usize) -> Option<f64> {
        self.figure.value(self.joined.figures(self.update, module)?)
    }

    /// Of all updates: a colour means the same in each of them.
    fn values(&self) -> Vec<f64> {
        let modules = self.joined.set.updates.iter().flat_map(|update| &update.modules);
        modules.filter_map(|m| self.figure.value(&m.figures)).collect()
    }

    fn words(&self, module: usize) -> String {
        match self.joined.figures(self.update, module) {
            Some(figures) => words(self.figure, figures),
            None => "no counterpart in these states".to_owned(),
        }
    }
}

/// The table of one update: every module of the adapter, with or without a counterpart.
pub struct UpdateSheet {
    rows: Vec<Row>,
}

pub struct Row {
    name: String,
    figures: Figures,
    reference_cosine: f64,
}

type RowColumn = Column<Row>;

const COLUMNS: [&RowColumn; 8] = [
    &RowColumn::module("Path of the module in the model"),
    &RowColumn::like(COSINE.about, |row| COSINE.value(&row.figures)),
    &RowColumn::like(CAPTURE.about, |row| CAPTURE.value(&row.figures)),
    &RowColumn::like(CHANCE.about, |row| CHANCE.value(&row.figures)),
    &RowColumn::like(OVER_CHANCE.about, |row| OVER_CHANCE.value(&row.figures)),
    &RowColumn::like(UPDATE_NORM.about, |row| UPDATE_NORM.value(&row.figures)),
    &RowColumn::like(RELATIVE_NORM.about, |row| RELATIVE_NORM.value(&row.figures)),
    &RowColumn::number("reference", "Reference", REFERENCE, |row| Some(row.reference_cosine), cosine),
];

/// What the last column is.
pub const REFERENCE: &str = "The cosine as the original program answers it: without the scale, with its rounding of \
                             tiny norms, and 0 where the weight is missing or has another shape";

impl UpdateSheet {
    pub fn new(joined: &Joined, update: usize) -> UpdateSheet {
        let row = |(i, module): (usize, &ModuleReport)| {
            let aligned = joined.module(update, i);
            // The original program answers 0 for what has no counterpart.
            let (figures, reference_cosine) =
                aligned.map_or_else(Default::default, |m| (m.figures, m.reference_cosine));
            Row { name: module.name.clone(), figures, reference_cosine }
        };
        UpdateSheet { rows: joined.adapter.modules.iter().enumerate().map(row).collect() }
    }
}

impl RowSheet for UpdateSheet {
    type Row = Row;

    fn table(&self) -> (&[&'static RowColumn], &[Row]) {
        (&COLUMNS, &self.rows)
    }

    fn facts_of(row: &Row) -> RowFacts<'_> {
        RowFacts { name: &row.name, cosine: COSINE.value(&row.figures), ..RowFacts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alignment::testing::aligned;
    use crate::model::axis::ScaleKind;
    use crate::model::column::Direction;
    use crate::model::sheet::{Sheet, SheetOrder};
    use crate::model::testing::{adapter, module};

    fn example(names: &[&str]) -> Arc<Joined> {
        let modules = names.iter().map(|name| module(name, None, "q", 2)).collect();
        let adapter = Arc::new(Adapter { item: 1, report: adapter("a"), modules });
        Arc::new(Joined::new(adapter, Arc::new(aligned(2, 3))))
    }

    #[test]
    fn modules_are_found_in_order_and_out_of_it() {
        for names in [
            ["layers.0.q", "layers.1.q", "layers.x", "layers.2.q"],
            ["layers.2.q", "layers.0.q", "layers.x", "layers.1.q"],
        ] {
            let joined = example(&names);
            for (i, name) in names.iter().enumerate() {
                let found = joined.module(1, i).map(|m| m.name.as_str());
                assert_eq!(found, (*name != "layers.x").then_some(*name));
            }
            assert!(joined.module(1, 9).is_none() && joined.module(9, 0).is_none());
        }
    }

    #[test]
    fn the_field_is_centred_and_has_gaps() {
        let joined = example(&["layers.0.q", "layers.x", "layers.2.q"]);
        let of = |figure: &'static Figure| UpdateField { joined: joined.clone(), update: 0, figure };
        let field = of(&COSINE);
        let scale = field.scale(ScaleKind::Log).unwrap();
        assert_eq!((scale.low, scale.high, scale.kind), (-0.5, 0.5, ScaleKind::Linear));
        assert_eq!((field.value(1), field.value(2)), (None, Some(0.5)));
        assert_eq!(field.words(1), "no counterpart in these states");
        assert!(field.words(2).starts_with("cosine 0.5000, capture 100"));
        assert_eq!(of(&UPDATE_NORM).scale(ScaleKind::Log).unwrap().high, 2.0);
    }

    #[test]
    fn unmatched_modules_are_listed_with_the_references_zero() {
        let sheet = UpdateSheet::new(&example(&["layers.0.q", "layers.x", "layers.2.q"]), 0);
        let cells: Vec<String> = (0..sheet.heads().len()).map(|column| sheet.write(1, column)).collect();
        assert_eq!(cells, ["layers.x", "–", "–", "–", "–", "–", "–", "0.0000"]);
        assert_eq!((sheet.facts(1).unwrap().cosine, sheet.facts(2).unwrap().cosine), (None, Some(0.5)));
        assert_eq!(sheet.write(2, 7), "0.5000");
        for direction in [Direction::Ascending, Direction::Descending] {
            assert_eq!(SheetOrder { by: Some(("cosine", direction)) }.apply(&sheet, "")[2], 1, "absent ones come last");
        }
        assert!(sheet.facts(3).is_none());
    }
}
