//! An alignment put onto its adapter's modules: for the heatmap and the table of one update.

use std::collections::HashMap;
use std::sync::Arc;

use super::aligned::{Aligned, Update};
use super::figures::{Figure, words};
use crate::model::axis::{Scale, ScaleKind};
use crate::model::colour::Palette;
use crate::model::heat::Field;
use crate::model::number::{ABSENT, cosine};
use crate::model::sheet::{Head, RowFacts, Sheet};
use crate::model::shown::Adapter;
use lorascope_protocol::report::{AlignedModule, Figures};

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
    let mut next = 0;
    let walked: Vec<Option<u32>> = adapter
        .modules
        .iter()
        .map(|m| {
            let found = update.modules.get(next).is_some_and(|aligned| aligned.name == m.name);
            found.then(|| {
                next += 1;
                (next - 1) as u32
            })
        })
        .collect();
    if next == update.modules.len() {
        return walked;
    }
    let by_name: HashMap<&str, u32> =
        update.modules.iter().enumerate().map(|(i, m)| (m.name.as_str(), i as u32)).collect();
    adapter.modules.iter().map(|m| by_name.get(m.name.as_str()).copied()).collect()
}

/// One figure of one update.
pub struct UpdateField {
    pub joined: Arc<Joined>,
    pub update: usize,
    pub figure: Figure,
}

impl Field for UpdateField {
    fn label(&self) -> &'static str {
        self.figure.label()
    }

    fn unit(&self) -> &'static str {
        self.figure.unit()
    }

    fn help(&self) -> &'static str {
        self.figure.help()
    }

    fn palette(&self) -> Palette {
        self.figure.palette()
    }

    fn gap(&self) -> &'static str {
        "no figure"
    }

    fn value(&self, module: usize) -> Option<f64> {
        self.figure.value(self.joined.figures(self.update, module)?)
    }

    fn write(&self, x: f64) -> String {
        self.figure.write(x)
    }

    fn words(&self, module: usize) -> String {
        match self.joined.figures(self.update, module) {
            Some(figures) => words(self.figure, figures),
            None => "no counterpart in these states".to_owned(),
        }
    }

    /// Over all updates: a colour means the same in each of them.
    fn scale(&self, kind: ScaleKind) -> Option<Scale> {
        let modules = self.joined.set.updates.iter().flat_map(|update| &update.modules);
        let values = modules.filter_map(|m| self.figure.value(&m.figures));
        match self.palette() {
            Palette::Diverging => Scale::around_zero(values),
            Palette::Sequential => Scale::over(values, kind),
        }
    }
}

/// The table of one update: every module of the adapter.
pub struct UpdateSheet {
    pub joined: Arc<Joined>,
    pub update: usize,
}

/// The columns between the name and the reference.
const COLUMNS: [Figure; 6] = Figure::ALL;

const HEADS: [Head; COLUMNS.len() + 2] = [
    Head::module("Path of the module in the model"),
    Head::number(
        Figure::Cosine.short_label(),
        "⟨ΔW, X⟩/(‖ΔW‖·‖X‖), from −1 to 1; near zero between independent updates, whatever they do",
    ),
    Head::share(
        Figure::Capture.short_label(),
        "Share of ‖X‖² in the output and input directions that the adapter uses",
    ),
    Head::number(Figure::Chance.short_label(), "What random directions of the same number would capture: k²/(m·n)"),
    Head::number(Figure::OverChance.short_label(), "Capture divided by its chance level"),
    Head::number(Figure::UpdateNorm.short_label(), "Frobenius norm of the real update X = W(to) − W(from)"),
    Head::number(
        Figure::RelativeNorm.short_label(),
        "How large the adapter’s update is beside the weight that it changes",
    ),
    Head::number("Reference", REFERENCE),
];

/// What the last column is.
pub const REFERENCE: &str = "The cosine as the original program answers it: without the scale, with its rounding of \
                             tiny norms, and 0 where the weight is missing or has another shape";

impl UpdateSheet {
    fn reference(&self, row: usize) -> f64 {
        // The original program answers 0 for what has no counterpart.
        self.joined.module(self.update, row).map_or(0.0, |m| m.reference_cosine)
    }
}

impl Sheet for UpdateSheet {
    fn heads(&self) -> &'static [Head] {
        &HEADS
    }

    fn rows(&self) -> usize {
        self.joined.adapter.modules.len()
    }

    fn facts(&self, row: usize) -> Option<RowFacts<'_>> {
        let name = &self.joined.adapter.modules.get(row)?.name;
        Some(RowFacts { name, cosine: self.key(row, 1), ..RowFacts::default() })
    }

    fn key(&self, row: usize, column: usize) -> Option<f64> {
        match COLUMNS.get(column.checked_sub(1)?) {
            Some(figure) => figure.value(self.joined.figures(self.update, row)?),
            None => Some(self.reference(row)).filter(|x| x.is_finite()),
        }
    }

    fn write(&self, row: usize, column: usize) -> String {
        let Some(of_figures) = column.checked_sub(1) else {
            return self.facts(row).map_or_else(String::new, |facts| facts.name.to_owned());
        };
        match COLUMNS.get(of_figures) {
            Some(figure) => {
                self.joined.figures(self.update, row).map_or_else(|| ABSENT.to_owned(), |f| figure.write_of(f))
            }
            None => cosine(self.reference(row)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alignment::testing::aligned;
    use crate::model::sheet::SheetOrder;
    use crate::model::table::Direction;
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
        let of = |figure| UpdateField { joined: joined.clone(), update: 0, figure };
        let field = of(Figure::Cosine);
        let scale = field.scale(ScaleKind::Log).unwrap();
        assert_eq!((scale.low, scale.high, scale.kind), (-0.5, 0.5, ScaleKind::Linear));
        assert_eq!((field.value(1), field.value(2)), (None, Some(0.5)));
        assert_eq!(field.words(1), "no counterpart in these states");
        assert!(field.words(2).starts_with("cosine 0.5000, capture 100"));
        assert_eq!(of(Figure::UpdateNorm).scale(ScaleKind::Log).unwrap().high, 2.0);
    }

    #[test]
    fn unmatched_modules_are_listed_with_the_references_zero() {
        let sheet = UpdateSheet { joined: example(&["layers.0.q", "layers.x", "layers.2.q"]), update: 0 };
        let cells: Vec<String> = (0..HEADS.len()).map(|column| sheet.write(1, column)).collect();
        assert_eq!(cells, ["layers.x", "–", "–", "–", "–", "–", "–", "0.0000"]);
        assert_eq!((sheet.facts(1).unwrap().cosine, sheet.facts(2).unwrap().cosine), (None, Some(0.5)));
        assert_eq!(sheet.write(2, 7), "0.5000");
        for direction in [Direction::Ascending, Direction::Descending] {
            assert_eq!(SheetOrder { by: Some((1, direction)) }.apply(&sheet)[2], 1, "absent ones come last");
        }
        assert!(sheet.facts(3).is_none());
    }
}
