//! What stands below the heatmap, and the lines in it.

use crate::model::grid::{Grid, Stretch};

/// What to name below the picture: where, as a fraction of its width, and the text.
///
/// One stack names layers: at most `wanted`, evenly spread, the first and the last among them. Several stacks name
/// themselves, each below its middle; where two names would touch, the wider stack keeps its own.
pub fn column_ticks(grid: &Grid, wanted: usize) -> Vec<(f64, String)> {
    let stretches = grid.stretches();
    if !stretches.is_empty() {
        return stack_ticks(grid.columns.len(), stretches);
    }
    let n = grid.columns.len();
    let name = |i: usize| grid.columns[i].layer.map_or("–".to_owned(), |_| grid.columns[i].head());
    let stride = [1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 256, 500, 1000]
        .into_iter()
        .find(|s| n <= wanted * s)
        .unwrap_or(n.max(1));
    let mut ticks: Vec<(usize, String)> = (0..n).step_by(stride).map(|i| (i, name(i))).collect();
    if let Some(last) = n.checked_sub(1) {
        // The last layer is worth a name; the one before gives way where both would touch.
        if ticks.last().is_some_and(|(i, _)| last - i < stride.div_ceil(2).max(1) && *i != last && ticks.len() > 1) {
            ticks.pop();
        }
        if ticks.last().is_none_or(|(i, _)| *i != last) {
            ticks.push((last, name(last)));
        }
    }
    ticks.into_iter().map(|(i, text)| ((i as f64 + 0.5) / n as f64, text)).collect()
}

/// Characters that have room below the narrowest picture, and below a column of a picture wide enough to scroll.
const CHARACTERS: (f64, f64) = (44.0, 0.9);

fn stack_ticks(columns: usize, mut stretches: Vec<Stretch>) -> Vec<(f64, String)> {
    let width = CHARACTERS.0.max(CHARACTERS.1 * columns as f64);
    stretches.retain(|stretch| !stretch.name.is_empty());
    stretches.sort_by_key(|stretch| std::cmp::Reverse(stretch.to - stretch.from));
    let mut ticks: Vec<(f64, String)> = Vec::new();
    for Stretch { name, from, to } in stretches {
        let at = (from + to) as f64 / 2.0 / columns as f64;
        // The text encoders' names are the long ones.
        let text = name.replace("text encoder", "text");
        let room = |other: &str| (text.chars().count() + other.chars().count()) as f64 / 2.0 + 1.0;
        if ticks.iter().all(|(other_at, other)| (other_at - at).abs() * width >= room(other)) {
            ticks.push((at, text));
        }
    }
    ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
    ticks
}

/// Where one stack ends and the next begins, as fractions of the width.
pub fn splits(grid: &Grid) -> Vec<f64> {
    let starts = grid.stretches().into_iter().skip(1);
    starts.map(|stretch| stretch.from as f64 / grid.columns.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{module, placed};
    use lorascope_protocol::report::ModuleReport;

    #[test]
    fn ticks_name_the_first_and_the_last() {
        for n in [1u32, 2, 6, 12, 31, 32, 33, 80, 127] {
            let modules: Vec<ModuleReport> =
                (0..n).map(|i| module(&format!("layers.{i}.q"), Some(i), "q", 1)).collect();
            let ticks = column_ticks(&Grid::new(&modules, n), 9);
            assert!(ticks.len() <= 10, "{ticks:?}");
            assert_eq!(ticks.first().unwrap().1, "0");
            assert_eq!(ticks.last().unwrap().1, (n - 1).to_string());
        }
        assert!(column_ticks(&Grid::new(&[], 0), 9).is_empty());
    }

    #[test]
    fn stacks_are_named_below_their_middles_without_touching() {
        let mut names = Vec::new();
        for layer in 0..12 {
            names.push(format!("lora_te1_text_model_encoder_layers_{layer}_mlp_fc1"));
        }
        for layer in 0..32 {
            names.push(format!("lora_te2_text_model_encoder_layers_{layer}_mlp_fc1"));
        }
        for i in 0..9 {
            names.push(format!("lora_unet_output_blocks_{i}_0_in_layers_2"));
            names.push(format!("lora_unet_input_blocks_{}_0_in_layers_2", i + 1));
        }
        names.push("lora_unet_middle_block_0_in_layers_2".to_owned());
        let modules = placed(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let grid = Grid::new(&modules, 12);
        let ticks = column_ticks(&grid, 9);
        let texts: Vec<&str> = ticks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["text", "text 2", "down", "up"], "the one column of the middle block has no room");
        assert!((ticks[0].0 - 6.0 / 63.0).abs() < 1e-12, "{ticks:?}");
        let width = CHARACTERS.0.max(CHARACTERS.1 * 63.0);
        for pair in ticks.windows(2) {
            let half = (pair[0].1.len() + pair[1].1.len()) as f64 / 2.0;
            assert!((pair[1].0 - pair[0].0) * width > half, "{ticks:?}");
        }
        assert_eq!(splits(&grid), [12.0, 44.0, 53.0, 54.0].map(|at| at / 63.0));
        let one = Grid::new(&placed(&["layers.0.q_proj", "layers.1.q_proj"]), 2);
        assert_eq!(splits(&one), [0.0; 0]);
    }
}
