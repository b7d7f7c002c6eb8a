//! The layer number inside a path.

use crate::adapter::names;

/// What stands before the layer number of a path, the number as it is written, and what stands after it; `None` for
/// a path without a layer.
///
/// The number is found by asking [`names::place`] which one it reads: the only one whose change changes the layer.
pub fn split(path: &str) -> Option<(&str, &str, &str)> {
    let layer = names::place(path).layer?;
    let other = if layer == 0 { 1 } else { 0 };
    let mut start = 0;
    for (at, separator) in path.match_indices(['.', '_']).chain([(path.len(), "")]) {
        let digits = &path[start..at];
        if digits.parse() == Ok(layer) && digits.bytes().all(|b| b.is_ascii_digit()) {
            let (before, after) = (&path[..start], &path[at..]);
            if names::place(&format!("{before}{other}{after}")).layer == Some(other) {
                return Some((before, digits, after));
            }
        }
        start = at + separator.len();
    }
    None
}

/// The same path in another layer; `None` for one without a layer.
pub fn renumbered(path: &str, layer: u32) -> Option<String> {
    let (before, _, after) = split(path)?;
    Some(format!("{before}{layer}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_layer_changes() {
        let moved = |path: &str, layer| renumbered(path, layer);
        let cases = [
            ("model.layers.3.self_attn.q_proj", "model.layers.12.self_attn.q_proj"),
            (
                "base_model.model.model.layers.3.mlp.experts.3.w1.lora_A.weight",
                "base_model.model.model.layers.12.mlp.experts.3.w1.lora_A.weight",
            ),
            ("unet.3.blocks.3.proj", "unet.3.blocks.12.proj"),
            ("lora_unet_blocks_3_ffn_3", "lora_unet_blocks_12_ffn_3"),
            ("Model.Layers.003.q", "Model.Layers.12.q"),
        ];
        for (from, to) in cases {
            assert_eq!(moved(from, 12).as_deref(), Some(to));
        }
        assert_eq!(moved("model.layers.3.q", 3).as_deref(), Some("model.layers.3.q"));
        assert_eq!(moved("lm_head", 3), None);
        assert_eq!(moved("model.experts.7.w1", 3), None, "no layer container");
        assert_eq!(split("h.0.attn"), Some(("h.", "0", ".attn")));
    }
}
