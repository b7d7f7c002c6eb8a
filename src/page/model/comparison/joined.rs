//! A pair put onto the layers of a model: the heatmap of both adapters' modules, and the table of those they share.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::PairLists;
use super::figures::{Figure, share, words};
use crate::model::axis::{Scale, ScaleKind};
use crate::model::colour::Palette;
use crate::model::grid::Grid;
use crate::model::heat::Field;
use crate::model::number::{ABSENT, general};
use crate::model::sheet::{Head, RowFacts, Sheet};
use crate::model::shown::Adapter;
use lorascope_protocol::report::{ComparedModule, ModuleReport};

/// What there is of a module of either adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Its place in the list of shared modules.
    Shared(u32),
    OnlyA,
    OnlyB,
    /// Its place in the list of those that cannot be compared.
    NotCompared(u32),
}

/// The modules of both adapters in one grid: those of the first, then those that only the second has.
pub struct PairMap {
    pub lists: Arc<PairLists>,
    pub grid: Arc<Grid>,
    found: Vec<Option<Found>>,
    /// Where a shared module lies in the grid.
    places: Vec<Option<u32>>,
}

impl PairMap {
    /// `open`: every expert has a row of its own.
    pub fn new(a: &Adapter, b: &Adapter, lists: Arc<PairLists>, open: bool) -> PairMap {
        let only_b: HashSet<&str> = lists.only_b.iter().map(String::as_str).collect();
        let behind = b.modules.iter().filter(|m| only_b.contains(m.name.as_str()));
        let modules: Vec<&ModuleReport> = a.modules.iter().chain(behind).collect();
        let total_layers = a.report.total_layers.max(b.report.total_layers);
        let grid = Arc::new(Grid::of(&modules, total_layers, open));
        let mut by_name: HashMap<&str, Found> = lists.only_a.iter().map(|name| (name.as_str(), Found::OnlyA)).collect();
        for (place, entry) in lists.not_compared.iter().enumerate() {
            by_name.insert(&entry.name, Found::NotCompared(place as u32));
        }
        for (place, module) in lists.modules.iter().enumerate() {
            by_name.insert(&module.name, Found::Shared(place as u32));
        }
        let found: Vec<Option<Found>> =
            (0..modules.len())
                .map(|i| {
                    if i < a.modules.len() {
                        by_name.get(modules[i].name.as_str()).copied()
                    } else {
                        Some(Found::OnlyB)
                    }
                })
                .collect();
        let mut places = vec![None; lists.modules.len()];
        for (place, found) in found.iter().enumerate() {
            if let Some(Found::Shared(shared)) = found {
                places[*shared as usize] = Some(place as u32);
            }
        }
        drop(by_name);
        PairMap { lists, grid, found, places }
    }

    /// The shared module at a place of the grid.
    pub fn shared_at(&self, place: usize) -> Option<usize> {
        match self.found.get(place)? {
            Some(Found::Shared(shared)) => Some(*shared as usize),
            _ => None,
        }
    }

    /// The place of a shared module in the grid.
    pub fn place_of(&self, shared: usize) -> Option<usize> {
        self.places.get(shared).copied().flatten().map(|place| place as usize)
    }

    fn module(&self, place: usize) -> Option<&ComparedModule> {
        self.lists.modules.get(self.shared_at(place)?)
    }
}

/// One figure of the pair; modules by their places in the grid.
pub struct PairField {
    pub map: Arc<PairMap>,
    pub figure: Figure,
}

impl Field for PairField {
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
        "not in both"
    }

    fn value(&self, module: usize) -> Option<f64> {
        self.figure.value(self.map.module(module)?)
    }

    fn write(&self, x: f64) -> String {
        self.figure.write(x)
    }

    fn words(&self, module: usize) -> String {
        let lists = &self.map.lists;
        match self.map.found.get(module).copied().flatten() {
            Some(Found::Shared(place)) => {
                lists.modules.get(place as usize).map_or_else(String::new, |m| words(self.figure, m))
            }
            Some(Found::OnlyA) => "only A has this module".to_owned(),
            Some(Found::OnlyB) => "only B has this module".to_owned(),
            Some(Found::NotCompared(place)) => {
                let reason = lists.not_compared.get(place as usize).map_or("", |entry| entry.reason.as_str());
                format!("not compared: {reason}")
            }
            None => "not compared".to_owned(),
        }
    }

    fn nothing(&self) -> &'static str {
        "neither adapter has a module here"
    }

    fn scale(&self, kind: ScaleKind) -> Option<Scale> {
        let values = self.map.lists.modules.iter().filter_map(|m| self.figure.value(m));
        match self.palette() {
            Palette::Diverging => Scale::around_zero(values),
            Palette::Sequential => Scale::over(values, kind),
        }
    }
}

/// The table of the modules that both have.
pub struct PairSheet {
    pub lists: Arc<PairLists>,
}

const HEADS: [Head; 9] = [
    Head::module("Path of the module in the model, as A names it"),
    Head::number("Cosine", "⟨ΔW_A, ΔW_B⟩/(‖ΔW_A‖·‖ΔW_B‖), from −1 to 1; near zero between independent updates"),
    Head::share("Overlap out", "Share of the smaller output subspace that lies within the other one"),
    Head::number("Chance", "What random output directions of the same number have: max(k_A, k_B)/m"),
    Head::share("Overlap in", "Share of the smaller input subspace that lies within the other one"),
    Head::number("Chance", "What random input directions of the same number have: max(k_A, k_B)/n"),
    Head::number(
        "Interference",
        "What adding the two does to this update: below 0 they undo each other, above they add up",
    ),
    Head::number("‖A‖", "Frobenius norm of A’s update ΔW of this module, scale included"),
    Head::number("‖B‖", "Frobenius norm of B’s update ΔW of this module, scale included"),
];

impl Sheet for PairSheet {
    fn heads(&self) -> &'static [Head] {
        &HEADS
    }

    fn rows(&self) -> usize {
        self.lists.modules.len()
    }

    fn facts(&self, row: usize) -> Option<RowFacts<'_>> {
        let module = self.lists.modules.get(row)?;
        let source = module.other_name.as_deref();
        Some(RowFacts { name: &module.name, source, cosine: Figure::Cosine.value(module), ..RowFacts::default() })
    }

    fn key(&self, row: usize, column: usize) -> Option<f64> {
        let module = self.lists.modules.get(row)?;
        let x = match column {
            1 => Some(module.cosine),
            2 => module.overlap.map(|sides| sides[0]),
            3 => module.chance.map(|sides| sides[0]),
            4 => module.overlap.map(|sides| sides[1]),
            5 => module.chance.map(|sides| sides[1]),
            6 => Some(module.interference),
            7 => Some(module.norms[0]),
            8 => Some(module.norms[1]),
            _ => None,
        };
        x.filter(|x| x.is_finite())
    }

    fn write(&self, row: usize, column: usize) -> String {
        let Some(module) = self.lists.modules.get(row) else { return String::new() };
        match column {
            0 => module.name.clone(),
            1 => Figure::Cosine.write_of(module),
            2 => Figure::OverlapOut.write_of(module),
            4 => Figure::OverlapIn.write_of(module),
            6 => Figure::Interference.write_of(module),
            3 | 5 => self.key(row, column).map_or_else(|| ABSENT.to_owned(), share),
            _ => self.key(row, column).map_or_else(|| ABSENT.to_owned(), general),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::comparison::testing::lists;
    use crate::model::heat::{Cell, read_out};
    use crate::model::testing::{adapter, module};

    fn adapter_of(item: u32, names: &[(&str, u32)]) -> Adapter {
        let modules = names.iter().map(|(name, layer)| module(name, Some(*layer), "q", 2)).collect();
        Adapter { item, report: adapter("a"), modules }
    }

    fn example() -> Arc<PairMap> {
        let a = adapter_of(10, &[("layers.0.q", 0), ("layers.0.v", 0), ("layers.1.q", 1), ("layers.1.v", 1)]);
        let b = adapter_of(11, &[("layers.0.q", 0), ("layers.1.q", 1), ("layers.1.v", 1), ("layers.2.q", 2)]);
        Arc::new(PairMap::new(&a, &b, Arc::new(lists()), false))
    }

    #[test]
    fn both_adapters_lie_in_one_grid() {
        let map = example();
        let field = PairField { map: map.clone(), figure: Figure::Cosine };
        let read = |row, column| read_out(&map.grid, &field, Cell { row, column });
        assert!(read(0, 0).starts_with("layer 0 · q: cosine 0.5000"), "{}", read(0, 0));
        assert_eq!(read(0, 2), "layer 2 · q: only B has this module");
        assert_eq!(read(1, 0), "layer 0 · v: only A has this module");
        assert_eq!(read(1, 1), "layer 1 · v: not compared: 64×32 in one, 32×32 in the other");
        assert_eq!(read(1, 3), "layer 3 · v: neither adapter has a module here");
        let values: Vec<Option<f64>> = (0..5).map(|place| field.value(place)).collect();
        assert_eq!(values, [Some(0.5), None, Some(-0.25), None, None]);
    }

    #[test]
    fn places_lead_there_and_back() {
        let map = example();
        assert_eq!([map.shared_at(0), map.shared_at(1), map.shared_at(2)], [Some(0), None, Some(1)]);
        assert_eq!([map.place_of(0), map.place_of(1), map.place_of(2)], [Some(0), Some(2), None]);
        assert_eq!((map.shared_at(4), map.shared_at(99)), (None, None));
    }

    #[test]
    fn signed_figures_have_zero_in_the_middle() {
        let of = |figure| PairField { map: example(), figure }.scale(ScaleKind::Log).unwrap();
        let scale = of(Figure::Cosine);
        assert_eq!((scale.low, scale.high, scale.kind), (-0.5, 0.5, ScaleKind::Linear));
        assert_eq!(of(Figure::OverlapOut).high, 0.31);
    }

    #[test]
    fn the_table_has_every_figure_and_the_other_name() {
        let mut lists = lists();
        lists.modules[1].other_name = Some("lora_unet_q".to_owned());
        lists.modules[1].overlap = None;
        let sheet = PairSheet { lists: Arc::new(lists) };
        let cells = |row| (0..HEADS.len()).map(|column| sheet.write(row, column)).collect::<Vec<_>>();
        assert_eq!(cells(0), ["layers.0.q", "0.5000", "0.31", "0.12", "0.20", "0.25", "0.400", "1.000", "2.000"]);
        assert_eq!((cells(1)[2].as_str(), cells(1)[1].as_str()), (ABSENT, "−0.2500"));
        let facts = sheet.facts(1).unwrap();
        assert_eq!((facts.name, facts.source, facts.cosine), ("layers.1.q", Some("lora_unet_q"), Some(-0.25)));
        assert!(sheet.facts(2).is_none());
    }
}
