use super::*;
use crate::model::testing::module;

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
    let flat = ["lora_unet_down_blocks_0_q", "lora_unet_down_blocks_1_q"].map(|name| module(name, None, "", 1));
    assert_eq!(of(&flat), "lora_unet_down_blocks_");
    assert_eq!(of(&["to_q", "to_k"].map(|name| module(name, None, "", 1))), "");
}

#[test]
fn stacks_and_algorithms_have_columns_where_they_differ() {
    let mut modules = example();
    let extra = |modules: &[ModuleReport]| {
        let own = [Column::Stack, Column::Algorithm];
        Column::of(modules).into_iter().filter(|column| own.contains(column)).collect::<Vec<_>>()
    };
    assert_eq!(extra(&modules), []);
    for (m, stack) in modules.iter_mut().zip(["up1", "down", "text_encoder_2", "down"]) {
        m.stack = stack.to_owned();
    }
    assert_eq!(extra(&modules), [Column::Stack]);
    modules[0].algorithm = "LoKr".to_owned();
    assert_eq!(extra(&modules), [Column::Stack, Column::Algorithm]);
    let sort = Sort { column: Column::Stack, direction: Direction::Ascending };
    // Text encoder, down blocks, up blocks; both words of a stack are found.
    assert_eq!(names(&modules, &rows(&modules, sort, "")), [2, 9, 999, 10]);
    assert_eq!(names(&modules, &rows(&modules, sort, "encoder 2")), [2]);
    assert_eq!(names(&modules, &rows(&modules, sort, "lokr")), [10]);
    assert_eq!(Column::Stack.write(&modules[2]), "text encoder 2");
    assert_eq!((extra(&[]), Column::of(&modules[..1]).len()), (vec![], 13));
}

#[test]
fn what_has_no_rank_or_not_all_values_says_so() {
    let mut m = module("layers.0.norm", Some(0), "norm", 4);
    assert_eq!((Column::Rank.write(&m), Column::Rank.title(&m)), ("4".to_owned(), None));
    assert_eq!(Column::Scale.title(&m).as_deref(), Some("alpha 16 / r 8, adapter_config"));
    (m.rank, m.truncated) = (0, true);
    assert_eq!((Column::Rank.write(&m), Column::Rank.title(&m).as_deref()), (ABSENT.to_owned(), Some(NO_RANK)));
    assert_eq!(Column::NumericalRank.write(&m), "≥ 4");
    for column in [Column::NumericalRank, Column::Of(Measure::SpectralEntropy)] {
        assert_eq!(column.title(&m).as_deref(), Some(BOUND));
    }
    assert_eq!(Column::Of(Measure::StableRank).title(&m), None);
}

#[test]
fn a_second_click_turns_round() {
    let sort = Sort::default().clicked(Column::Name);
    assert_eq!(sort.aria(Column::Name), "ascending");
    assert_eq!(sort.clicked(Column::Name).aria(Column::Name), "descending");
    assert_eq!(sort.clicked(Column::Rank).aria(Column::Name), "none");
    assert_eq!(sort.clicked(Column::Rank).aria(Column::Rank), "descending");
}
