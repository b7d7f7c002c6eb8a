//! Rows, columns and cells of the grid.

use std::collections::BTreeSet;

use super::*;
use crate::model::testing::{module, placed};

fn llama(layers: &[u32]) -> Vec<ModuleReport> {
    let mut modules = Vec::new();
    for &layer in layers {
        for (path, role) in [("mlp.down_proj", "down"), ("self_attn.k_proj", "k"), ("self_attn.q_proj", "q")] {
            modules.push(module(&format!("model.layers.{layer}.{path}"), Some(layer), role, 4));
        }
    }
    modules
}

#[test]
fn rows_follow_the_data_and_columns_the_layers() {
    let modules = llama(&[0, 1, 2, 3]);
    let grid = Grid::new(&modules, 4);
    assert_eq!(grid.rows.iter().map(|r| r.label.as_str()).collect::<Vec<_>>(), ["q_proj", "k_proj", "down_proj"]);
    assert_eq!(grid.columns, [0, 1, 2, 3].map(Column::layer));
    assert_eq!(modules[grid.module_at(0, 2).unwrap()].name, "model.layers.2.self_attn.q_proj");
    assert_eq!(grid.module_at(9, 0), None);
}

#[test]
fn every_module_has_its_own_cell() {
    let mut modules = llama(&[0, 1, 5]);
    modules.push(module("model.embed_tokens", None, "embed", 4));
    modules.push(modules[0].clone());
    let grid = Grid::new(&modules, 6);
    assert_eq!((grid.columns[0].layer, grid.column_name(0).as_str()), (None, "before the layers"));
    assert_eq!(grid.columns.len(), 7);
    assert_eq!(grid.rows[0].label, "embed_tokens");
    let mut seen = BTreeSet::new();
    for i in 0..modules.len() {
        let (row, column) = grid.place_of(i).unwrap();
        assert_eq!(grid.module_at(row, column), Some(i));
        assert!(seen.insert((row, column)));
    }
    assert_eq!(grid.module_at(1, 4), None, "layer 3 has no module");
}

#[test]
fn few_layers_of_many_and_far_too_many() {
    let sparse = Grid::new(&llama(&[3, 900]), 901);
    assert_eq!(sparse.columns, [3, 900].map(Column::layer));
    let huge: Vec<ModuleReport> = (0..5000).map(|i| module(&format!("layers.{i}.q"), Some(i), "q", 1)).collect();
    let grid = Grid::new(&huge, 5000);
    assert_eq!((grid.columns.len(), grid.columns_left_out), (MOST_COLUMNS, 904));
    assert_eq!(grid.place_of(4999), None);
    let highest = Grid::new(&[module("layers.4294967295.q", Some(u32::MAX), "q", 1)], u32::MAX);
    assert_eq!(highest.columns, [Column::layer(u32::MAX)]);
}

/// Every module is in the cell that it says, and alone there.
fn complete(modules: &[ModuleReport], grid: &Grid) {
    let mut seen = BTreeSet::new();
    for (i, module) in modules.iter().enumerate() {
        let (row, column) = grid.place_of(i).unwrap();
        assert_eq!(grid.module_at(row, column), Some(i));
        assert!(seen.insert((row, column)), "{}", module.name);
    }
}

fn heads(grid: &Grid) -> Vec<String> {
    (0..grid.columns.len()).map(|c| grid.column_head(c)).collect()
}

#[test]
fn stacks_stand_side_by_side_in_forward_order() {
    let modules = placed(&[
        "lora_unet_up_blocks_0_attentions_1_proj_in",
        "lora_unet_mid_block_attentions_0_proj_in",
        "lora_unet_conv_out",
        "lora_unet_conv_in",
        "lora_unet_down_blocks_0_attentions_0_proj_in",
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
        "lora_te2_text_model_encoder_layers_1_mlp_fc1",
        "lora_te1_text_model_encoder_layers_0_mlp_fc1",
    ]);
    let grid = Grid::new(&modules, 12);
    complete(&modules, &grid);
    let expected = "text encoder 0|text encoder 2 0|text encoder 2 1|before|down 0|mid 0|up 0|up 1|after";
    assert_eq!(heads(&grid).join("|"), expected);
    assert_eq!(grid.column_name(2), "text encoder 2, layer 1");
    let stretches: Vec<(String, usize)> = grid.stretches().into_iter().map(|s| (s.name, s.to - s.from)).collect();
    let named = |name: &str, columns| (name.to_owned(), columns);
    assert_eq!(
        stretches,
        [
            named("text encoder", 1),
            named("text encoder 2", 2),
            named("", 1),
            named("down", 1),
            named("mid", 1),
            named("up", 2),
            named("", 1)
        ]
    );
    // Both text encoders share a row, and so do down, mid and up.
    let rows: Vec<&str> = grid.rows.iter().map(|r| r.label.as_str()).collect();
    assert_eq!(rows.len(), 5, "{rows:?}");
    assert_eq!((rows[0], grid.rows[0].path.as_str()), ("fc1", "*.mlp.fc1"));
}

#[test]
fn transformer_blocks_of_one_layer_are_columns_of_their_own() {
    let mut names = vec!["lora_unet_input_blocks_4_1_proj_in".to_owned()];
    for block in 0..11 {
        let path = format!("lora_unet_input_blocks_4_1_transformer_blocks_{block}_attn1_to_q");
        names.push(path);
    }
    names.push("lora_unet_input_blocks_5_1_transformer_blocks_0_attn1_to_q".to_owned());
    names.push("lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q".to_owned());
    let modules = placed(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let grid = Grid::new(&modules, 12);
    complete(&modules, &grid);
    assert_eq!(grid.rows.len(), 2);
    let expected = "down 0|down 1|down 2|down 3|down 3.0|down 3.1|down 3.2|down 3.3|down 3.4|down 3.5|down 3.6|down 3.7|down 3.8|\
                    down 3.9|down 3.10|down 4|mid 0";
    assert_eq!(heads(&grid).join("|"), expected);
    assert_eq!(grid.column_name(6), "down, layer 3, transformer block 2");
}

#[test]
fn paths_that_differ_only_before_the_layer_keep_their_rows() {
    let modules = placed(&["model.layers.0.q_proj", "mtp.layers.0.q_proj", "mtp.layers.1.q_proj"]);
    let grid = Grid::new(&modules, 2);
    complete(&modules, &grid);
    let paths: Vec<&str> = grid.rows.iter().map(|r| r.path.as_str()).collect();
    assert_eq!(paths, ["model.layers.*.q_proj", "mtp.layers.*.q_proj"]);
    assert_eq!(grid.stretches(), []);
}

#[test]
fn a_layer_that_the_name_does_not_show() {
    let mut odd = module("unet.down_blocks.0.attentions.1.proj_in", Some(7), "proj_in", 4);
    odd.stack = "down".to_owned();
    let modules = [odd.clone(), odd, module("x", Some(2), "other", 1)];
    complete(&modules, &Grid::new(&modules, 8));
}

#[test]
fn nothing_at_all() {
    let grid = Grid::new(&[], 0);
    assert!(grid.rows.is_empty() && grid.columns.is_empty());
    assert_eq!(grid.module_at(0, 0), None);
}

/// Of a layer's experts the strongest is shown, until they are opened; all of them lie in its cell.
#[test]
fn experts_share_a_cell_until_they_are_opened() {
    for name in ["experts.{e}.gate_proj", "experts.gate_up_proj.{e}", "local_experts.w1.{e}"] {
        let of = |layer: u32, expert: u32| {
            let mut m = module(
                &format!("model.layers.{layer}.mlp.{}", name.replace("{e}", &expert.to_string())),
                Some(layer),
                "gate",
                4,
            );
            m.frobenius = f64::from((expert * 7 + layer) % 5);
            m
        };
        let mut modules: Vec<ModuleReport> =
            (0..2).flat_map(|l| (0..5).map(move |e| (l, e))).map(|(l, e)| of(l, e)).collect();
        modules.push(module("model.layers.1.mlp.shared_experts.gate_proj", Some(1), "gate", 4));
        let grid = Grid::new(&modules, 2);
        assert_eq!((grid.rows.len(), grid.columns.len(), grid.has_experts), (2, 2, true), "{:?}", grid.rows);
        assert!(grid.rows[0].path.contains("*.mlp.") && grid.rows[0].path.matches('*').count() == 2, "{:?}", grid.rows);
        // 7e + l mod 5 is largest, 4, for e = 2 in the first layer and for e = 4 in the second.
        assert_eq!([grid.module_at(0, 0), grid.module_at(0, 1)], [Some(2), Some(9)]);
        assert_eq!([grid.experts_at(0, 0), grid.experts_at(0, 1), grid.experts_at(1, 1)], [Some(5), Some(5), None]);
        assert!((0..5).all(|n| grid.place_of(n) == Some((0, 0))));
        let open = Grid::of(&modules.iter().collect::<Vec<_>>(), 2, true);
        assert_eq!((open.rows.len(), open.has_experts, open.experts_at(0, 0)), (6, true, None));
        complete(&modules, &open);
    }
}
