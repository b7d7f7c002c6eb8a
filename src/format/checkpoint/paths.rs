//! Finding a module of a checkpoint by the path that an adapter gives it.

use std::collections::HashMap;

use crate::adapter::names;

/// The paths of a checkpoint's modules, the same module of every layer once.
#[derive(Default)]
pub struct Paths {
    /// With layer 0 for all.
    paths: Vec<String>,
    whole: HashMap<String, usize>,
    /// By every shorter ending.
    endings: HashMap<String, Vec<usize>>,
    /// By what stays without wrappers.
    cores: HashMap<String, Vec<usize>>,
}

/// What models and their wrappers put before a path.
const WRAPPERS: &[&str] = &[
    "base_model",
    "model",
    "module",
    "transformer",
    "language_model",
    "text_model",
    "backbone",
    "llm",
    "bert",
    "roberta",
    "gpt_neox",
    "unet",
    "diffusion_model",
];

/// Words that may be cut off before a module without a layer, but tell two stacks of layers apart.
const STACKS: &[&str] = &["encoder", "decoder"];

impl Paths {
    /// The number of a module; the same for every layer.
    pub fn insert(&mut self, path: &str) -> usize {
        let path = anywhere(path);
        if let Some(&at) = self.whole.get(&path) {
            return at;
        }
        let at = self.paths.len();
        for (dot, _) in path.match_indices('.') {
            self.endings.entry(path[dot + 1..].to_owned()).or_default().push(at);
        }
        self.cores.entry(core(&path)).or_default().push(at);
        self.whole.insert(path.clone(), at);
        self.paths.push(path);
        at
    }

    pub fn get(&self, at: usize) -> &str {
        self.paths.get(at).map_or("", String::as_str)
    }

    /// The one module that a path means: the same, else the only one that ends with it or that it ends with, at a
    /// dot, else the only one that differs from it in wrappers alone. Checkpoints may have or lack `model.`,
    /// `transformer.`, `language_model.` and the like.
    ///
    /// # Errors
    /// The modules that could be meant: none, or more than one.
    pub fn find(&self, path: &str) -> Result<usize, Vec<usize>> {
        let path = anywhere(path);
        if let Some(&at) = self.whole.get(&path) {
            return Ok(at);
        }
        let of_senses = is_of_senses(&path);
        let same_part = |&at: &usize| is_of_senses(self.get(at)) == of_senses;
        let candidates: Vec<usize> = self.ending(&path).into_iter().filter(same_part).collect();
        if let [at] = candidates[..] {
            return Ok(at);
        }
        let bare = self.cores.get(&core(&path)).into_iter().flatten().copied().filter(same_part);
        let bare: Vec<usize> = bare.filter(|at| candidates.is_empty() || candidates.contains(at)).collect();
        match bare[..] {
            [at] => Ok(at),
            _ if candidates.is_empty() => Err(bare),
            _ => Err(candidates),
        }
    }

    /// The modules that end with a path or that it ends with.
    fn ending(&self, path: &str) -> Vec<usize> {
        let mut found = self.endings.get(path).cloned().unwrap_or_default();
        // What is cut off must leave the layer: `dense` is not every layer's `output.dense`.
        let layer = names::layer_digits(path).map_or(path.len(), |digits| digits.start);
        let cuts = path.match_indices('.').map(|(dot, _)| dot + 1).take_while(|&cut| cut < layer);
        let unlayered = layer == path.len();
        found.extend(cuts.filter_map(|cut| {
            let ending = &path[cut..];
            // Without a layer to go by, only wrappers may be cut.
            let wrapper = |segment: &str| WRAPPERS.contains(&segment) || STACKS.contains(&segment);
            let wrapped = !unlayered || path[..cut - 1].split('.').all(wrapper);
            let kept = unlayered || names::layer_digits(ending).is_some_and(|digits| digits.start + cut == layer);
            self.whole.get(ending).copied().filter(|_| wrapped && kept)
        }));
        found
    }
}

/// Whether a path leads through the part of a model that sees or hears.
pub fn is_of_senses(path: &str) -> bool {
    const SENSES: &[&str] = &["vision", "visual", "image", "img", "audio", "speech"];
    path.to_lowercase().split('.').any(|segment| SENSES.iter().any(|sense| segment.starts_with(sense)))
}

/// What stands before the container of the layers, without wrappers; all of it for a path without a layer.
pub fn stack(path: &str) -> String {
    let before = names::layer_digits(path).and_then(|digits| path.get(..digits.start)?.strip_suffix('.'));
    let before = before.map_or(path, |before| before.rsplit_once('.').map_or("", |(before, _)| before));
    let kept: Vec<&str> = before.split('.').filter(|segment| !WRAPPERS.contains(segment)).collect();
    kept.join(".")
}

/// A path without the wrappers before its layers, or at the beginning of one without a layer.
fn core(path: &str) -> String {
    let container = names::layer_digits(path).and_then(|digits| path.get(..digits.start)?.strip_suffix('.'));
    let Some(container) = container else {
        let mut segments: Vec<&str> = path.split('.').collect();
        let wrappers = segments.iter().take_while(|segment| WRAPPERS.contains(segment)).count();
        segments.drain(..wrappers.min(segments.len().saturating_sub(1)));
        return segments.join(".");
    };
    let from = container.rfind('.').map_or(0, |dot| dot + 1);
    let (stack, rest) = (stack(path), path.get(from..).unwrap_or_default());
    if stack.is_empty() { rest.to_owned() } else { format!("{stack}.{rest}") }
}

/// A path with layer 0 in the place of its own.
fn anywhere(path: &str) -> String {
    names::renumbered(path, 0).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(held: &[&str], path: &str) -> Option<String> {
        let mut paths = Paths::default();
        for path in held {
            paths.insert(path);
        }
        paths.find(path).ok().map(|at| paths.get(at).to_owned())
    }

    #[test]
    fn wrappers_before_the_layers_do_not_count() {
        let forms =
            ["model.language_model.layers.0.q", "model.layers.0.q", "language_model.model.layers.0.q", "layers.0.q"];
        for held in forms {
            let all = [held, "visual.blocks.0.q", "vision_tower.layers.0.q", "mtp.layers.0.q"];
            for path in forms {
                let other_layer = path.replace('0', "7");
                assert_eq!(found(&all, &other_layer).as_deref(), Some(held), "{other_layer} in {held}");
            }
            assert_eq!(found(&all, "model.visual.blocks.3.q").as_deref(), Some("visual.blocks.0.q"));
            assert_eq!(found(&[held], "model.vision_tower.layers.0.q"), None);
        }
        assert_eq!(found(&["h.0.attn.c_attn"], "transformer.h.5.attn.c_attn").as_deref(), Some("h.0.attn.c_attn"));
        // An encoder is not a decoder.
        assert_eq!(found(&["model.decoder.layers.0.fc1"], "model.encoder.layers.0.fc1"), None);
        assert_eq!(
            found(&["decoder.layers.0.fc1"], "model.decoder.layers.0.fc1").as_deref(),
            Some("decoder.layers.0.fc1")
        );
    }

    #[test]
    fn wrappers_before_a_module_without_a_layer() {
        let forms = ["model.language_model.embed_tokens", "model.embed_tokens", "language_model.model.embed_tokens"];
        for held in forms {
            for path in forms {
                assert_eq!(found(&[held, "visual.embed_tokens"], path).as_deref(), Some(held), "{path} in {held}");
            }
        }
        assert_eq!(found(&["language_model.lm_head"], "lm_head").as_deref(), Some("language_model.lm_head"));
        assert_eq!(found(&["model"], "transformer.model").as_deref(), Some("model"));
        assert_eq!(found(&["a.score", "b.score"], "score"), None);
    }
}
