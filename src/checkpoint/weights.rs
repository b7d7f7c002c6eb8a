//! A checkpoint as a target: which of its tensors is a module's weight, and how large it is.

use std::collections::{HashMap, HashSet};

use crate::adapter::{keys, names};
use crate::container::{elements, quoted};

/// The weight matrices of a checkpoint, by their modules' paths.
pub struct Weights<'a> {
    groups: Vec<Group<'a>>,
    /// Group by its path, whole and by every shorter ending.
    whole: HashMap<String, usize>,
    endings: HashMap<String, Vec<usize>>,
    /// Layers by what stands before the layer's number: one more than the largest number.
    counts: HashMap<String, u64>,
}

/// The same module in every layer.
struct Group<'a> {
    /// The path, with layer 0 for all.
    path: String,
    weights: HashMap<Option<u32>, Weight<'a>>,
}

struct Weight<'a> {
    name: &'a str,
    shape: &'a [u64],
    /// Stored in blocks of a few bits: the shape is not the matrix's.
    packed: bool,
}

/// The weight that belongs to a module.
pub enum Found {
    /// `[out, in]`, and the elements of the kernel in each input.
    Shape { shape: [u64; 2], kernel: u64 },
    /// None that can be used, and why.
    Not(String),
}

impl<'a> Weights<'a> {
    pub fn new(tensors: &'a [(String, Vec<u64>)]) -> Self {
        let names: HashSet<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
        let mut new =
            Self { groups: Vec::new(), whole: HashMap::new(), endings: HashMap::new(), counts: HashMap::new() };
        for (name, shape) in tensors {
            if let Some(module) = name.strip_suffix(".weight").filter(|_| shape.len() > 1) {
                let weight = Weight { name, shape, packed: is_packed(module, &names) };
                new.add(&keys::clean(module), weight);
            }
        }
        for (at, group) in new.groups.iter().enumerate() {
            for (dot, _) in group.path.match_indices('.') {
                new.endings.entry(group.path[dot + 1..].to_owned()).or_default().push(at);
            }
        }
        new
    }

    fn add(&mut self, path: &str, weight: Weight<'a>) {
        let place = names::layer_digits(path);
        let layer = place.clone().and_then(|digits| path[digits].parse().ok());
        if let Some((digits, layer)) = place.zip(layer) {
            let count = self.counts.entry(path[..digits.start].to_owned()).or_default();
            *count = (*count).max(u64::from(layer) + 1);
        }
        let path = anywhere(path);
        let at = *self.whole.entry(path).or_insert_with_key(|path| {
            self.groups.push(Group { path: path.clone(), weights: HashMap::new() });
            self.groups.len() - 1
        });
        self.groups[at].weights.insert(layer, weight);
    }

    /// The one module of the checkpoint that a path means: the same, else the only one that ends with it or that it
    /// ends with, at a dot. Checkpoints may have or lack `model.`, `transformer.`, `language_model.` and the like.
    fn group(&self, path: &str) -> Result<&Group<'a>, Vec<&Group<'a>>> {
        let path = anywhere(path);
        if let Some(&at) = self.whole.get(&path) {
            return Ok(&self.groups[at]);
        }
        let mut candidates = self.endings.get(&path).cloned().unwrap_or_default();
        // What is cut off must leave the layer: `dense` is not every layer's `output.dense`.
        let layer = names::layer_digits(&path).map_or(path.len(), |digits| digits.start);
        let cuts = path.match_indices('.').map(|(dot, _)| dot + 1).take_while(|&cut| cut < layer);
        let unlayered = layer == path.len();
        candidates.extend(cuts.filter_map(|cut| {
            let ending = &path[cut..];
            // Without a layer to go by, only wrappers may be cut.
            let wrapped = !unlayered || path[..cut - 1].split('.').all(|segment| WRAPPERS.contains(&segment));
            let kept = unlayered || names::layer_digits(ending).is_some_and(|digits| digits.start + cut == layer);
            self.whole.get(ending).copied().filter(|_| wrapped && kept)
        }));
        candidates.retain(|&at| is_of_senses(&self.groups[at].path) == is_of_senses(&path));
        match candidates[..] {
            [at] => Ok(&self.groups[at]),
            _ => Err(candidates.iter().map(|&at| &self.groups[at]).collect()),
        }
    }

    /// Whether the checkpoint has this module, in whatever layer.
    pub fn shares(&self, path: &str) -> bool {
        !matches!(self.group(path), Err(candidates) if candidates.is_empty())
    }

    /// The layers of the stack that a module belongs to, by all tensors of that stack.
    pub fn layers(&self, path: &str) -> Option<u64> {
        let group = self.group(path).ok()?;
        let digits = names::layer_digits(&group.path)?;
        self.counts.get(&group.path[..digits.start]).copied()
    }

    /// The weight of the module at `path`, its layer that of the target.
    pub fn find(&self, path: &str) -> Found {
        let group = match self.group(path) {
            Ok(group) => group,
            Err(candidates) if candidates.is_empty() => {
                return Found::Not(format!("the target has no tensor {}", quoted(&format!("{path}.weight"))));
            }
            Err(candidates) => {
                let said: Vec<String> = candidates.iter().take(2).map(|group| quoted(&group.path)).collect();
                return Found::Not(format!(
                    "more than one module of the target could be meant ({}); give the size by hand",
                    said.join(", ")
                ));
            }
        };
        let layer = names::place(path).layer;
        let Some(weight) = group.weights.get(&layer) else {
            return Found::Not(format!("the target has no tensor {}", quoted(&format!("{path}.weight"))));
        };
        if weight.packed {
            let name = quoted(weight.name);
            return Found::Not(format!(
                "the target stores {name} quantised, so that its shape is not the matrix's; drop the checkpoint before \
                 quantisation, or give the size by hand"
            ));
        }
        let (Some(&out), Some(inputs), Some(kernel)) =
            (weight.shape.first(), weight.shape.get(1..).and_then(elements), weight.shape.get(2..).and_then(elements))
        else {
            return Found::Not(format!("the shape {:?} of the target's tensor is no matrix", weight.shape));
        };
        Found::Shape { shape: [out, inputs], kernel }
    }

    /// A tensor's name, to show what the checkpoint looks like.
    pub fn example(&self) -> Option<&'a str> {
        let inside = self.groups.iter().find(|group| names::layer_digits(&group.path).is_some());
        let weights = inside.or(self.groups.first()).into_iter().flat_map(|group| group.weights.values());
        weights.map(|weight| weight.name).min()
    }
}

/// What models and their wrappers put before a path.
const WRAPPERS: &[&str] = &[
    "base_model",
    "model",
    "transformer",
    "language_model",
    "text_model",
    "backbone",
    "bert",
    "roberta",
    "gpt_neox",
    "encoder",
    "decoder",
];

/// Whether a path leads through the part of a model that sees or hears.
pub fn is_of_senses(path: &str) -> bool {
    const SENSES: &[&str] = &["vision", "visual", "image", "img", "audio", "speech"];
    path.to_lowercase().split('.').any(|segment| SENSES.iter().any(|sense| segment.starts_with(sense)))
}

/// A path with layer 0 in the place of its own.
fn anywhere(path: &str) -> String {
    names::renumbered(path, 0).unwrap_or_else(|| path.to_owned())
}

/// Whether the tensors beside a weight say that it is quantised: bitsandbytes, MLX, NVFP4.
fn is_packed(module: &str, names: &HashSet<&str>) -> bool {
    [".weight.absmax", ".weight.quant_map", ".scales", ".weight_scale_2"]
        .iter()
        .any(|mark| names.contains(format!("{module}{mark}").as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors(list: &[(&str, &[u64])]) -> Vec<(String, Vec<u64>)> {
        list.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect()
    }

    fn shape(weights: &Weights<'_>, path: &str) -> Option<[u64; 2]> {
        match weights.find(path) {
            Found::Shape { shape, .. } => Some(shape),
            Found::Not(_) => None,
        }
    }

    fn reason(weights: &Weights<'_>, path: &str) -> String {
        match weights.find(path) {
            Found::Shape { shape, .. } => panic!("{shape:?}"),
            Found::Not(reason) => reason,
        }
    }

    #[test]
    fn names_match_with_and_without_prefixes() {
        let list = tensors(&[
            ("layers.0.self_attn.q_proj.weight", &[8, 4]),
            ("layers.1.self_attn.q_proj.weight", &[10, 4]),
            ("layers.1.self_attn.q_proj.bias", &[10]),
            ("layers.0.input_layernorm.weight", &[4]),
            ("base_model.model.model.layers.0.mlp.up_proj.base_layer.weight", &[16, 4]),
            ("embed_tokens.weight", &[100, 4]),
            ("dense.weight", &[5, 5]),
            ("layers.5.mlp.router.weight", &[2, 4]),
        ]);
        let weights = Weights::new(&list);
        assert_eq!(shape(&weights, "layers.0.self_attn.q_proj"), Some([8, 4]));
        assert_eq!(shape(&weights, "model.layers.1.self_attn.q_proj"), Some([10, 4]));
        assert_eq!(shape(&weights, "layers.0.mlp.up_proj"), Some([16, 4]));
        assert_eq!(shape(&weights, "model.embed_tokens"), Some([100, 4]));
        assert_eq!(weights.layers("model.layers.7.self_attn.q_proj"), Some(6));
        assert!(weights.shares("model.layers.99.self_attn.q_proj"));
        // One dimension is no matrix; another layer has it; another module ends so.
        for path in [
            "layers.0.input_layernorm",
            "model.layers.2.self_attn.q_proj",
            "bert.encoder.layer.0.output.dense",
            "pooler.dense",
            "q_proj",
        ] {
            let reason = reason(&weights, path);
            assert!(reason.contains(&format!("`{path}.weight`")), "{path}: {reason}");
        }
    }

    #[test]
    fn what_could_mean_two_is_not_guessed() {
        let list = tensors(&[
            ("encoder.layers.0.fc1.weight", &[8, 4]),
            ("decoder.layers.0.fc1.weight", &[8, 4]),
            ("decoder.layers.0.fc2.weight", &[4, 8]),
        ]);
        let weights = Weights::new(&list);
        let said = reason(&weights, "layers.0.fc1");
        assert!(said.contains("encoder.layers.0.fc1") && said.contains("by hand"), "{said}");
        assert!(weights.shares("layers.0.fc1"));
        assert_eq!(shape(&weights, "model.decoder.layers.0.fc1"), Some([8, 4]));
        assert_eq!(shape(&weights, "layers.0.fc2"), Some([4, 8]));
    }

    #[test]
    fn text_is_not_taken_for_pictures() {
        let list = tensors(&[
            ("language_model.model.layers.0.q_proj.weight", &[8, 4]),
            ("vision_tower.layers.0.q_proj.weight", &[16, 4]),
            ("vision_tower.layers.0.out_proj.weight", &[16, 16]),
            ("layers.0.fc1.weight", &[1, 1]),
        ]);
        let weights = Weights::new(&list);
        assert_eq!(shape(&weights, "layers.0.q_proj"), Some([8, 4]));
        assert_eq!(shape(&weights, "model.vision_tower.layers.0.q_proj"), Some([16, 4]));
        assert!(!weights.shares("layers.0.out_proj") && !weights.shares("model.visual.layers.0.fc1"));
    }

    #[test]
    fn kernels_are_part_of_the_inputs() {
        let list = tensors(&[("conv_in.weight", &[320, 4, 3, 3]), ("x.weight", &[u64::MAX, u64::MAX, 2])]);
        let weights = Weights::new(&list);
        let Found::Shape { shape, kernel } = weights.find("conv_in") else { panic!("conv_in is there") };
        assert_eq!((shape, kernel), ([320, 36], 9));
        assert!(reason(&weights, "x").contains("no matrix"));
    }

    #[test]
    fn quantised_weights_have_no_shape() {
        let list = tensors(&[
            ("layers.0.q.weight", &[32, 1]),
            ("layers.0.q.weight.absmax", &[4]),
            ("layers.0.k.weight", &[8, 2]),
            ("layers.0.k.scales", &[8, 1]),
        ]);
        let weights = Weights::new(&list);
        for path in ["layers.0.q", "layers.0.k"] {
            assert!(reason(&weights, path).contains("quantised"), "{path}");
        }
        assert_eq!(weights.example(), Some("layers.0.q.weight"));
    }

    #[test]
    fn an_empty_checkpoint() {
        let weights = Weights::new(&[]);
        assert!(!weights.shares("layers.0.q") && weights.example().is_none());
        assert_eq!(weights.layers("layers.0.q"), None);
    }
}
