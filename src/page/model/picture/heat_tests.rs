use std::sync::Arc;

use std::collections::BTreeMap;

use super::*;
use crate::model::axis::ScaleKind;
use crate::model::heat::Measured;
use crate::model::measure::ENERGY_SHARE;
use crate::model::picture::tests::{HOSTILE, texts_of};
use crate::model::shown::Adapter;
use crate::model::testing::{adapter, module, placed};
use lorascope_protocol::report::ModuleReport;

const NAMES: Names<'_> = Names {
    picture: "heatmap",
    title: "Where the update lives",
    subtitle: "",
    adapter: "runs/tutor",
    measure: "energy-share",
};

fn measured(modules: Vec<ModuleReport>) -> (Measured, Grid) {
    let grid = Grid::new(&modules, 4);
    let adapter = Arc::new(Adapter { item: 1, report: adapter("a"), modules });
    (Measured { adapter, measure: &ENERGY_SHARE }, grid)
}

fn layers(count: u32) -> Vec<ModuleReport> {
    let at = |l: u32| ["q", "v"].map(|r| module(&format!("layers.{l}.{r}_proj"), Some(l), r, 2));
    let mut modules: Vec<ModuleReport> = (0..count).flat_map(at).collect();
    let last = modules.len() as f64;
    for (i, m) in modules.iter_mut().enumerate() {
        m.energy_share = i as f64 / last;
    }
    modules
}

fn draw(modules: Vec<ModuleReport>, kind: ScaleKind, theme: &Theme, names: Names<'_>) -> (Picture, Vec<String>) {
    let (field, grid) = measured(modules);
    let picture = picture(&grid, &field, field.scale(kind), theme, names);
    let texts = texts_of(&picture);
    (picture, texts)
}

/// Cells by colour.
fn cells_of(picture: &Picture) -> BTreeMap<String, usize> {
    let document = roxmltree::Document::parse(&picture.svg).unwrap();
    let mut cells = BTreeMap::new();
    for node in document.descendants().filter(|n| n.attribute("shape-rendering").is_some()) {
        let runs = node.attribute("d").unwrap().split('M').skip(1);
        let width = |run: &str| run.split_once('h').unwrap().1.split_once('v').unwrap().0.parse::<usize>().unwrap();
        *cells.entry(node.attribute("fill").unwrap().to_owned()).or_default() += runs.map(width).sum::<usize>();
    }
    cells
}

#[test]
fn every_module_has_its_cell_and_the_legend_its_numbers() {
    for theme in [Theme::LIGHT, Theme::DARK] {
        let (picture, texts) = draw(layers(4), ScaleKind::Linear, &theme, NAMES);
        let cells = cells_of(&picture);
        assert_eq!(cells.values().sum::<usize>(), 8);
        let map = ColourMap::new(crate::model::colour::Palette::Sequential, theme.is_dark);
        assert_eq!((cells[&hex(map.at(0.0))], cells[&hex(map.at(1.0))]), (1, 1));
        let has = |text: &str| texts.iter().any(|t| t == text);
        for text in ["q_proj", "v_proj", "layers.*.q_proj", "layer", "0", "3", "no module", "Lorascope"] {
            assert!(has(text), "{text} is not in {texts:?}");
        }
        assert!(has("Energy share: of the adapter’s energy") && has("Energy share · runs/tutor"), "{texts:?}");
        assert!(has(&ENERGY_SHARE.write(0.0)) && has(&ENERGY_SHARE.write(7.0 / 8.0)), "{texts:?}");
        assert_eq!(picture.stem, "tutor-heatmap-energy-share");
        assert!(!has("no number"));
    }
}

#[test]
fn the_scale_says_that_it_is_logarithmic_and_what_is_no_number_has_its_colour() {
    let mut modules = layers(4);
    modules[2].energy_share = f64::NAN;
    let (picture, texts) = draw(modules, ScaleKind::Log, &Theme::LIGHT, NAMES);
    assert!(texts.iter().any(|t| t.ends_with("energy, log scale")), "{texts:?}");
    assert!(texts.iter().any(|t| t == "no number"));
    let map = ColourMap::new(crate::model::colour::Palette::Sequential, false);
    assert_eq!(cells_of(&picture)[&hex(map.not_finite)], 1);
}

#[test]
fn names_from_files_are_text() {
    let (_, texts) = draw(
        vec![module(&format!("layers.0.{HOSTILE}"), Some(0), "q", 2)],
        ScaleKind::Linear,
        &Theme::DARK,
        Names { adapter: HOSTILE, subtitle: HOSTILE, ..NAMES },
    );
    assert!(texts.iter().any(|t| t.contains("<script>alert(1)</script>")), "{texts:?}");
}

#[test]
fn nothing_and_very_much_are_pictures_too() {
    let (picture, _) = draw(vec![], ScaleKind::Linear, &Theme::LIGHT, NAMES);
    assert!(cells_of(&picture).is_empty());
    // Stacks beside each other, and more layers than are drawn.
    let stacks = placed(&["lora_unet_input_blocks_1_0_in_layers_2", "lora_te1_text_model_encoder_layers_0_mlp_fc1"]);
    assert!(draw(stacks, ScaleKind::Linear, &Theme::LIGHT, NAMES).1.iter().any(|t| t == "part"));
    let (picture, texts) = draw(layers(10_000), ScaleKind::Linear, &Theme::LIGHT, NAMES);
    assert!(picture.width < 9000.0 && picture.svg.len() < 600_000, "{} {}", picture.width, picture.svg.len());
    assert_eq!(cells_of(&picture).values().sum::<usize>(), 2 * 4096);
    assert!(texts.iter().any(|t| t.contains("further layers are not drawn")), "{texts:?}");
}
