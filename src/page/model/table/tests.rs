use super::*;
use crate::model::column::{BOUND, of_key};
use crate::model::sheet::{Sheet, common_prefix};
use crate::model::testing::{adapter, module};

fn sheet(modules: &[ModuleReport]) -> ModuleSheet {
    ModuleSheet::new(Arc::new(Adapter { item: 1, report: adapter("a"), modules: modules.to_vec() }))
}

fn column(key: &str) -> &'static Measure {
    of_key(&COLUMNS, key).unwrap()
}

fn rows(modules: &[ModuleReport], key: &'static str, direction: Direction, filter: &str) -> Vec<usize> {
    SheetOrder { by: Some((key, direction)) }.apply(&sheet(modules), filter)
}

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
    for column in COLUMNS {
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut rows = rows(&modules, column.key, direction, "");
            rows.sort_unstable();
            assert_eq!(rows, [0, 1, 2, 3], "{column:?}");
        }
    }
    let by = |key, direction| names(&modules, &rows(&modules, key, direction, ""));
    assert_eq!(by("name", Direction::Ascending), [999, 2, 9, 10]);
    assert_eq!(by("layer", Direction::Ascending), [999, 2, 9, 10]);
    assert_eq!(by("rank", Direction::Descending), [10, 9, 999, 2]);
    // Equal values keep the model's order, what is not a number is last.
    assert_eq!(by("frobenius", Direction::Descending), [9, 999, 10, 2]);
    assert_eq!(names(&modules, &STRONGEST_FIRST.apply(&sheet(&modules), "")), [9, 999, 10, 2]);
}

#[test]
fn filter_wants_every_word_in_any_case() {
    let modules = example();
    let of = |filter: &str| names(&modules, &rows(&modules, "layer", Direction::Ascending, filter));
    assert_eq!(of("Q_proj layers.9"), [9]);
    assert_eq!(of("embed"), [999]);
    assert!(of("nothing like it").is_empty());
}

#[test]
fn the_common_prefix_ends_with_a_dot() {
    let modules = example();
    let of = |modules: &[ModuleReport]| common_prefix(&sheet(modules)).to_owned();
    assert_eq!(of(&modules), "model.");
    assert_eq!(of(&modules[..3]), "model.layers.");
    assert_eq!(of(&modules[..1]), "");
    assert_eq!(of(&[module("ä.x", None, "", 1), module("ö.x", None, "", 1)]), "");
    let flat = ["lora_unet_down_blocks_0_q", "lora_unet_down_blocks_1_q"].map(|name| module(name, None, "", 1));
    assert_eq!(of(&flat), "lora_unet_down_blocks_");
    assert_eq!(of(&["to_q", "to_k"].map(|name| module(name, None, "", 1))), "");
}

#[test]
fn stacks_and_algorithms_have_columns_where_they_differ() {
    let mut modules = example();
    let extra = |modules: &[ModuleReport]| {
        let keys = sheet(modules).heads().into_iter().map(|head| head.key);
        keys.filter(|key| [STACK, ALGORITHM].contains(key)).collect::<Vec<_>>()
    };
    assert_eq!(extra(&modules), [""; 0]);
    for (m, stack) in modules.iter_mut().zip(["up1", "down", "text_encoder_2", "down"]) {
        m.stack = stack.to_owned();
    }
    assert_eq!(extra(&modules), [STACK]);
    modules[0].algorithm = "LoKr".to_owned();
    assert_eq!(extra(&modules), [STACK, ALGORITHM]);
    let by_stack = |filter| names(&modules, &rows(&modules, STACK, Direction::Ascending, filter));
    // Text encoder, down blocks, up blocks; both words of a stack are found.
    assert_eq!(by_stack(""), [2, 9, 999, 10]);
    assert_eq!(by_stack("encoder 2"), [2]);
    assert_eq!(by_stack("lokr"), [10]);
    assert_eq!(column(STACK).write_of(&modules[2]), "text encoder 2");
    assert_eq!((extra(&[]), sheet(&modules[..1]).heads().len()), (vec![], 13));
}

#[test]
fn what_has_no_rank_or_not_all_values_says_so() {
    let mut m = module("layers.0.norm", Some(0), "norm", 4);
    assert_eq!((column("rank").write_of(&m), column("rank").title(&m)), ("4".to_owned(), None));
    assert_eq!(column("scale").title(&m).as_deref(), Some("alpha 16 / r 8, adapter_config"));
    (m.rank, m.truncated) = (0, true);
    assert_eq!((column("rank").write_of(&m), column("rank").title(&m).as_deref()), (ABSENT.to_owned(), Some(NO_RANK)));
    assert_eq!(column("numerical-rank").write_of(&m), "≥ 4");
    for column in [column("numerical-rank"), &SPECTRAL_ENTROPY] {
        assert_eq!(column.title(&m).as_deref(), Some(BOUND));
    }
    assert_eq!(STABLE_RANK.title(&m), None);
}

#[test]
fn a_second_click_turns_round() {
    let [name, rank] = ["name", "rank"].map(column);
    let sort = STRONGEST_FIRST.clicked(name);
    assert_eq!(sort.aria(name), "ascending");
    assert_eq!(sort.clicked(name).aria(name), "descending");
    assert_eq!(sort.clicked(rank).aria(name), "none");
    assert_eq!(sort.clicked(rank).aria(rank), "descending");
    assert_eq!(STRONGEST_FIRST.clicked(&FROBENIUS).aria(&FROBENIUS), "ascending");
}
