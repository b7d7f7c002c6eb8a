//! Which modules of two adapters are of the same weight, whatever their dialects call it.

use std::collections::HashMap;

use super::{Module, flat, folded};

/// The names of an adapter's modules, ready to be matched with another's.
#[derive(Clone, Debug)]
pub struct Names {
    names: Vec<String>,
    /// By module: what is left of its name where dialects differ.
    keys: Vec<String>,
    /// The module of a name, `None` where it is the name of several; and the same of a key.
    by_name: HashMap<String, Option<usize>>,
    by_key: HashMap<String, Option<usize>>,
}

impl Names {
    pub fn new(modules: &[Module]) -> Self {
        Self::of(modules.iter().map(|module| module.name.clone()))
    }

    fn of(names: impl Iterator<Item = String>) -> Self {
        let names: Vec<String> = names.collect();
        let keys: Vec<String> = names.iter().map(|name| folded(&flat::dotted(name))).collect();
        let places = |texts: &[String]| {
            let mut places = HashMap::new();
            for (n, text) in texts.iter().enumerate() {
                places.entry(text.clone()).and_modify(|place| *place = None).or_insert(Some(n));
            }
            places
        };
        Self { by_name: places(&names), by_key: places(&keys), names, keys }
    }

    /// What is the same for all modules that can be each other's counterparts.
    pub fn key(&self, module: usize) -> &str {
        &self.keys[module]
    }

    /// The other adapter's module of the same name; else of the same folded name, where each of the two has only one
    /// of it.
    pub fn counterpart(&self, module: usize, other: &Self) -> Option<usize> {
        let name = &self.names[module];
        if let Some(place) = other.by_name.get(name) {
            // A name that is there more than once says nothing.
            return place.filter(|_| self.by_name.get(name) == Some(&Some(module)));
        }
        let key = &self.keys[module];
        let is_only = self.by_key.get(key) == Some(&Some(module));
        other.by_key.get(key).copied().flatten().filter(|_| is_only)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Names {
        Names::of(names.iter().map(|name| (*name).to_owned()))
    }

    #[test]
    fn the_same_weight_is_found_under_any_dialects_name() {
        for (a, b) in [
            ("model.layers.0.self_attn.q_proj", "lora_unet_model_layers_0_self_attn_q_proj"),
            ("unet.down_blocks.0.attentions.1.proj_in", "lora_unet_down_blocks_0_attentions_1_proj_in"),
            ("text_encoder.text_model.encoder.layers.3.mlp.fc1", "lora_te_text_model_encoder_layers_3_mlp_fc1"),
            ("text_encoder_2.text_model.encoder.layers.3.mlp.fc1", "lora_te2_text_model_encoder_layers_3_mlp_fc1"),
            ("transformer.single_blocks.0.linear1", "lora_transformer_single_blocks_0_linear1"),
            ("diffusion_model.double_blocks.0.img_attn.qkv", "lycoris_double_blocks_0_img_attn_qkv"),
        ] {
            let (x, y) = (names(&["other", a]), names(&[b, "another"]));
            assert_eq!((x.counterpart(1, &y), y.counterpart(0, &x)), (Some(0), Some(1)), "{a} and {b}");
            assert_eq!((x.counterpart(0, &y), y.counterpart(1, &x)), (None, None));
            assert_eq!(x.key(1), y.key(0));
        }
        let (q, k) = (names(&["model.layers.0.q"]), names(&["model.layers.1.q"]));
        assert_eq!(q.counterpart(0, &k), None);
    }

    #[test]
    fn what_could_mean_two_modules_is_not_matched() {
        // The second of `x` folds to the first's name.
        let (x, y) = (names(&["layers.0.q_a", "layers.0.q.a"]), names(&["layers.0.q_a"]));
        assert_eq!((x.counterpart(0, &y), y.counterpart(0, &x)), (Some(0), Some(0)));
        assert_eq!(x.counterpart(1, &y), None);
        let z = names(&["lora_unet_layers_0_q_a"]);
        assert_eq!((x.counterpart(0, &z), x.counterpart(1, &z), z.counterpart(0, &x)), (None, None, None));
        let twice = names(&["layers.0.q_a", "layers.0.q_a"]);
        assert_eq!((twice.counterpart(0, &y), y.counterpart(0, &twice)), (None, None));
    }
}
