//! A pair put onto the layers of a model: the heatmap of both adapters' modules, and the table of those they share.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::PairLists;
use super::figures::{COLUMNS, COSINE, Figure, words};
use crate::model::column::Description;
use crate::model::grid::Grid;
use crate::model::heat::Field;
use crate::model::sheet::{RowFacts, RowSheet};
use crate::model::shown::Adapter;
use lorascope_protocol::report::{ComparedModule, ModuleReport, NotAnalyzed};

/// The place of a module in the list of shared ones, or why it has none.
type Found = Result<usize, Cow<'static, str>>;

/// The modules of both adapters in one grid: those of the first, then those that only the second has.
pub struct PairMap {
    pub lists: Arc<PairLists>,
    pub grid: Arc<Grid>,
    found: Vec<Found>,
    /// Where a shared module lies in the grid.
    places: HashMap<usize, usize>,
}

impl PairMap {
    /// `open`: every expert has a row of its own.
    pub fn new(a: &Adapter, b: &Adapter, lists: Arc<PairLists>, open: bool) -> PairMap {
        let is_only_b: HashSet<&str> = lists.only_b.iter().map(String::as_str).collect();
        let behind: Vec<&ModuleReport> = b.modules.iter().filter(|m| is_only_b.contains(m.name.as_str())).collect();
        let mut of_a: HashMap<&str, Found> = HashMap::new();
        of_a.extend(lists.only_a.iter().map(|name| (name.as_str(), Err("only A has this module".into()))));
        let reason = |entry: &NotAnalyzed| Err(format!("not compared: {}", entry.reason).into());
        of_a.extend(lists.not_compared.iter().map(|entry| (entry.name.as_str(), reason(entry))));
        of_a.extend(lists.modules.iter().enumerate().map(|(shared, m)| (m.name.as_str(), Ok(shared))));
        let of_a = a.modules.iter().map(|m| of_a.get(m.name.as_str()).cloned().unwrap_or(Err("not compared".into())));
        let of_b = behind.iter().map(|_| Err("only B has this module".into()));
        let found: Vec<Found> = of_a.chain(of_b).collect();
        let places = found.iter().zip(0..).filter_map(|(found, place)| Some((*found.as_ref().ok()?, place))).collect();
        let modules: Vec<&ModuleReport> = a.modules.iter().chain(behind).collect();
        let grid = Arc::new(Grid::of(&modules, a.report.total_layers.max(b.report.total_layers), open));
        PairMap { lists, grid, found, places }
    }

    /// The shared module at a place of the grid.
    pub fn shared_at(&self, place: usize) -> Option<usize> {
        self.found.get(place)?.as_ref().ok().copied()
    }

    fn module(&self, place: usize) -> Option<&ComparedModule> {
        self.lists.modules.get(self.shared_at(place)?)
    }

    /// The place of a shared module in the grid.
    pub fn place_of(&self, shared: usize) -> Option<usize> {
        self.places.get(&shared).copied()
    }
}

/// One figure of the pair; modules by their places in the grid.
pub struct PairField {
    pub map: Arc<PairMap>,
    pub figure: &'static Figure,
}

impl Field for PairField {
    fn figure(&self) -> &'static Description {
        &self.figure.about
    }

    fn gaps(&self) -> [&'static str; 2] {
        ["not in both", "neither adapter has a module here"]
    }

    fn value(&self, module: usize) -> Option<f64> {
        self.figure.value(self.map.module(module)?)
    }

    fn values(&self) -> Vec<f64> {
        self.map.lists.modules.iter().filter_map(|m| self.figure.value(m)).collect()
    }

    fn words(&self, module: usize) -> String {
        match self.map.found.get(module) {
            Some(Err(reason)) => reason.to_string(),
            _ => self.map.module(module).map_or_else(String::new, |m| words(self.figure, m)),
        }
    }
}

/// The modules that both have, as a table.
impl RowSheet for PairLists {
    type Row = ComparedModule;

    fn table(&self) -> (&[&'static Figure], &[ComparedModule]) {
        (&COLUMNS, &self.modules)
    }

    fn facts_of(module: &ComparedModule) -> RowFacts<'_> {
        let (source, cosine) = (module.other_name.as_deref(), COSINE.value(module));
        RowFacts { name: &module.name, source, cosine, ..RowFacts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::axis::ScaleKind;
    use crate::model::comparison::figures::OVERLAP_OUT;
    use crate::model::comparison::testing::lists;
    use crate::model::heat::{Cell, read_out};
    use crate::model::number::ABSENT;
    use crate::model::sheet::Sheet;
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
        let field = PairField { map: map.clone(), figure: &COSINE };
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
        let of = |figure: &'static Figure| PairField { map: example(), figure }.scale(ScaleKind::Log).unwrap();
        let scale = of(&COSINE);
        assert_eq!((scale.low, scale.high, scale.kind), (-0.5, 0.5, ScaleKind::Linear));
        assert_eq!(of(&OVERLAP_OUT).high, 0.31);
    }

    #[test]
    fn the_table_has_every_figure_and_the_other_name() {
        let mut lists = lists();
        lists.modules[1].other_name = Some("lora_unet_q".to_owned());
        lists.modules[1].overlap = None;
        let cells = |row| (0..COLUMNS.len()).map(|column| lists.write(row, column)).collect::<Vec<_>>();
        assert_eq!(cells(0), ["layers.0.q", "0.5000", "0.31", "0.12", "0.20", "0.25", "0.400", "1.000", "2.000"]);
        assert_eq!((cells(1)[2].as_str(), cells(1)[1].as_str()), (ABSENT, "−0.2500"));
        let facts = lists.facts(1).unwrap();
        assert_eq!((facts.name, facts.source, facts.cosine), ("layers.1.q", Some("lora_unet_q"), Some(-0.25)));
        assert!(lists.facts(2).is_none());
    }
}
