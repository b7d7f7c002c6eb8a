//! A module's path without its layer: what makes modules of different layers the same row.

use std::collections::HashMap;

/// Words after which a number is a depth, in the layouts that people train.
const CONTAINERS: [&str; 12] = [
    "layers",
    "layer",
    "h",
    "blocks",
    "block",
    "blk",
    "transformer_blocks",
    "single_transformer_blocks",
    "double_blocks",
    "single_blocks",
    "joint_blocks",
    "resblocks",
];

/// Stands for the layer's number in a row's path.
pub const ANY_LAYER: char = '*';

/// `model.layers.21.self_attn.v_proj` with layer 21 → `model.layers.*.self_attn.v_proj`.
///
/// The number replaced is the one after a container's name, else the first part that equals `layer`; a name that does
/// not hold the number stays as it is. Works on dotted paths and on flat names (`lora_te_text_model_layers_3_…`).
pub fn without_layer(name: &str, layer: Option<u32>) -> String {
    let Some(layer) = layer else { return name.to_owned() };
    let digits = layer.to_string();
    let places: Vec<usize> = tokens(name).filter(|(_, token)| *token == digits).map(|(at, _)| at).collect();
    // `down_blocks` ends in `blocks` too: the longest container's name wins, then the first place.
    let container_before = |at: usize| {
        let before = &name[..at.saturating_sub(1)];
        let ends = |word: &&&str| {
            before.strip_suffix(**word).is_some_and(|rest| rest.is_empty() || rest.ends_with(['.', '_', '/']))
        };
        CONTAINERS.iter().filter(ends).map(|word| word.len()).max().unwrap_or(0)
    };
    match places.into_iter().rev().max_by_key(|at| container_before(*at)) {
        Some(at) => format!("{}{ANY_LAYER}{}", &name[..at], &name[at + digits.len()..]),
        None => name.to_owned(),
    }
}

/// `*.mlp.experts.17.up_proj` and `*.mlp.experts.up_proj.17` → the same with `*` for the expert's number; `None` for
/// what is no expert of several.
pub fn without_expert(path: &str) -> Option<String> {
    let is_list = |segment: &str| segment == "experts" || segment.ends_with("_experts");
    let is_number = |segment: &str| !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit());
    let mut segments: Vec<&str> = path.split('.').collect();
    let list = segments.iter().position(|segment| is_list(segment))?;
    let number = segments.iter().skip(list).position(|segment| is_number(segment))? + list;
    segments[number] = "*";
    Some(segments.join("."))
}

/// The path inside its layer, for a label: `self_attn.v_proj`; the whole path where it has no layer.
pub fn inside_layer(row: &str) -> &str {
    match row.split_once(ANY_LAYER) {
        Some((_, rest)) if rest.len() > 1 => &rest[1..],
        _ => row,
    }
}

/// Parts between `.`, `_` and `/`, with the byte where each begins.
fn tokens(name: &str) -> impl Iterator<Item = (usize, &str)> {
    name.split(['.', '_', '/']).map(move |token| (token.as_ptr() as usize - name.as_ptr() as usize, token))
}

/// Segments that say nothing without the one before them, as in `ff.net.0.proj` and `ff.net.2`.
const MUTE: [&str; 5] = ["proj", "net", "linear", "lin", "dense"];

/// How many last segments a label needs to say anything.
fn least(segments: &[&str]) -> usize {
    let is_mute = |segment: &&&str| MUTE.contains(*segment) || segment.bytes().all(|b| b.is_ascii_digit());
    let mute = segments.iter().rev().take_while(is_mute).count();
    (mute + 1).min(segments.len())
}

/// Short labels for `rows`, in order: as few last segments as say something and tell all of them apart.
pub fn labels(rows: &[String]) -> Vec<String> {
    let segments: Vec<Vec<&str>> = rows.iter().map(|row| inside_layer(row).split('.').collect()).collect();
    let mut taken: Vec<usize> = segments.iter().map(|segments| least(segments)).collect();
    loop {
        let labels: Vec<String> = segments
            .iter()
            .zip(&taken)
            .map(|(segments, taken)| segments[segments.len().saturating_sub(*taken)..].join("."))
            .collect();
        let mut count: HashMap<&str, usize> = HashMap::new();
        for label in &labels {
            *count.entry(label).or_insert(0) += 1;
        }
        let twin: Vec<bool> = labels.iter().map(|label| count[label.as_str()] > 1).collect();
        let longer: Vec<usize> = (0..rows.len()).filter(|i| twin[*i] && taken[*i] < segments[*i].len()).collect();
        if longer.is_empty() {
            // Only the part before the layer differs (two towers): those show their whole path.
            let whole = |(i, label): (usize, String)| if twin[i] { rows[i].clone() } else { label };
            return labels.into_iter().enumerate().map(whole).collect();
        }
        longer.into_iter().for_each(|i| taken[i] += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_is_the_number_after_a_container() {
        let cases = [
            ("model.layers.21.self_attn.v_proj", Some(21), "model.layers.*.self_attn.v_proj"),
            ("transformer.h.3.attn.c_attn", Some(3), "transformer.h.*.attn.c_attn"),
            (
                "down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q",
                Some(0),
                "down_blocks.0.attentions.1.transformer_blocks.*.attn1.to_q",
            ),
            ("lora_te_text_model_encoder_layers_3_mlp_fc1", Some(3), "lora_te_text_model_encoder_layers_*_mlp_fc1"),
            ("model.embed_tokens", None, "model.embed_tokens"),
            ("odd.7.name", Some(7), "odd.*.name"),
            ("odd.name", Some(7), "odd.name"),
        ];
        for (name, layer, row) in cases {
            assert_eq!(without_layer(name, layer), row);
        }
    }

    #[test]
    fn labels_are_short_and_tell_rows_apart() {
        let rows = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            labels(&rows(&["m.layers.*.self_attn.q_proj", "m.layers.*.mlp.up_proj", "m.embed_tokens"])),
            ["q_proj", "up_proj", "embed_tokens"]
        );
        assert_eq!(
            labels(&rows(&["b.blocks.*.attn1.to_q", "b.blocks.*.attn2.to_q", "b.blocks.*.ff"])),
            ["attn1.to_q", "attn2.to_q", "ff"]
        );
        assert_eq!(labels(&rows(&["a.layers.*.q", "b.layers.*.q"])), ["a.layers.*.q", "b.layers.*.q"]);
        assert_eq!(labels(&rows(&["x", "x"])), ["x", "x"]);
        assert_eq!(
            labels(&rows(&["b.blocks.*.ff.net.0.proj", "b.blocks.*.ff.net.2", "b.blocks.*.attn1.to_out.0", "2"])),
            ["ff.net.0.proj", "ff.net.2", "to_out.0", "2"]
        );
    }
}
