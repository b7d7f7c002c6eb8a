//! The weights of a checkpoint by their modules' paths: which one is a module's, and how large it is.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::paths::Paths;
use super::quantised::{Scheme, Schemes};
use crate::adapter::{keys, names};
use crate::container::{TensorEntry, elements, quoted};

/// The weight matrices of a checkpoint.
pub struct Weights<'a> {
    paths: Paths,
    /// By the number of the path, and by layer.
    groups: Vec<HashMap<Option<u32>, Weight<'a>>>,
    /// Layers by what stands before the layer's number: one more than the largest number.
    counts: HashMap<String, u64>,
}

/// A module's weight.
#[derive(Clone, Copy)]
pub struct Weight<'a> {
    /// Of the tensor.
    pub name: &'a str,
    pub state: State<'a>,
}

#[derive(Clone, Copy)]
pub enum State<'a> {
    /// A tensor, and its place among those that were given.
    Here { tensor: &'a TensorEntry, at: usize },
    /// Quantised, with the tensor in the weight's place, if there is one.
    Quantised { scheme: Scheme, tensor: Option<&'a TensorEntry> },
    /// More than one tensor has this path.
    Twice,
    /// In a file that is not here, or not in the file where it should be.
    Absent { file: &'a str },
}

/// The weight that belongs to a module.
pub enum Found {
    /// `[out, in]`, and the elements of the kernel in each input.
    Shape { shape: [u64; 2], kernel: u64 },
    /// None that can be used, and why.
    Not(String),
}

/// Why a path leads to no weight.
pub enum Lost<'w> {
    Nowhere,
    /// These modules could be meant.
    Between(Vec<&'w str>),
}

impl<'a> Weights<'a> {
    /// The tensors that are called `….weight`, and quantised ones whatever they are called.
    pub fn new(tensors: impl IntoIterator<Item = &'a TensorEntry>) -> Self {
        let tensors: Vec<&TensorEntry> = tensors.into_iter().collect();
        let schemes = Schemes::new(tensors.iter().copied());
        let mut new = Self::empty();
        let mut plain = HashMap::new();
        for (at, &tensor) in tensors.iter().enumerate() {
            let Some(module) = tensor.name.strip_suffix(".weight") else { continue };
            if schemes.of(module).is_some() {
                plain.insert(module, tensor);
            } else if tensor.shape.len() > 1 {
                new.add(module, Weight { name: &tensor.name, state: State::Here { tensor, at } });
            }
        }
        for (module, scheme) in schemes.modules() {
            let tensor = plain.get(module).copied();
            let name = tensor.map_or(module, |tensor| tensor.name.as_str());
            new.add(module, Weight { name, state: State::Quantised { scheme, tensor } });
        }
        new
    }

    pub fn empty() -> Self {
        Self { paths: Paths::default(), groups: Vec::new(), counts: HashMap::new() }
    }

    /// Adds the weight of the module that the file calls `module`.
    pub fn add(&mut self, module: &str, weight: Weight<'a>) {
        let path = keys::clean(module);
        let digits = names::layer_digits(&path);
        let layer = digits.clone().and_then(|digits| path.get(digits)?.parse::<u32>().ok());
        if let Some((digits, layer)) = digits.zip(layer) {
            let count = self.counts.entry(path[..digits.start].to_owned()).or_default();
            *count = (*count).max(u64::from(layer) + 1);
        }
        let at = self.paths.insert(&path);
        if self.groups.len() <= at {
            self.groups.resize_with(at + 1, HashMap::new);
        }
        match self.groups[at].entry(layer) {
            Entry::Vacant(place) => drop(place.insert(weight)),
            // What is only expected does not count beside what is here.
            Entry::Occupied(mut held) if !matches!(weight.state, State::Absent { .. }) => {
                held.get_mut().state = State::Twice;
            }
            Entry::Occupied(_) => {}
        }
    }

    fn group(&self, path: &str) -> Result<usize, Vec<usize>> {
        self.paths.find(path)
    }

    /// The weight of the module at `path`.
    ///
    /// # Errors
    /// There is none, or more than one place fits.
    pub fn locate(&self, path: &str) -> Result<&Weight<'a>, Lost<'_>> {
        let at = self.group(path).map_err(|candidates| match candidates[..] {
            [] => Lost::Nowhere,
            _ => Lost::Between(candidates.iter().map(|&at| self.paths.get(at)).collect()),
        })?;
        let weight = self.groups.get(at).and_then(|group| group.get(&names::layer_number(path)));
        weight.ok_or(Lost::Nowhere)
    }

    /// Every weight with the path of its module, in layer 0 for all layers.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Weight<'a>)> {
        let of_path = |(at, group)| (self.paths.get(at), group);
        let groups = self.groups.iter().enumerate().map(of_path);
        groups.flat_map(|(path, group): (_, &HashMap<_, _>)| group.values().map(move |weight| (path, weight)))
    }

    /// Whether the checkpoint has this module, in whatever layer.
    pub fn shares(&self, path: &str) -> bool {
        !matches!(self.group(path), Err(candidates) if candidates.is_empty())
    }

    /// The layers of the stack that a module belongs to, by all tensors of that stack.
    pub fn layers(&self, path: &str) -> Option<u64> {
        let path = self.paths.get(self.group(path).ok()?);
        let digits = names::layer_digits(path)?;
        self.counts.get(path.get(..digits.start)?).copied()
    }

    /// The weight of the module at `path`, its layer that of the target.
    pub fn find(&self, path: &str) -> Found {
        let weight = match self.locate(path) {
            Ok(weight) => weight,
            Err(Lost::Nowhere) => {
                return Found::Not(format!("the target has no tensor {}", quoted(&format!("{path}.weight"))));
            }
            Err(Lost::Between(paths)) => {
                let said: Vec<String> = paths.iter().take(2).map(|path| quoted(path)).collect();
                return Found::Not(format!(
                    "more than one module of the target could be meant ({}); give the size by hand",
                    said.join(", ")
                ));
            }
        };
        let shape = match weight.state {
            State::Here { tensor, .. } => &tensor.shape,
            State::Quantised { scheme, tensor: Some(tensor) } if !scheme.packed => &tensor.shape,
            State::Quantised { .. } => {
                let name = quoted(weight.name);
                return Found::Not(format!(
                    "the target stores {name} quantised, so that its shape is not the matrix's; drop the checkpoint \
                     before quantisation, or give the size by hand"
                ));
            }
            State::Twice => {
                let name = quoted(weight.name);
                return Found::Not(format!("the target has {name} more than once; give the size by hand"));
            }
            State::Absent { file } => return Found::Not(format!("it is in {file}, which is not here")),
        };
        let (Some(&out), Some(inputs), Some(kernel)) =
            (shape.first(), shape.get(1..).and_then(elements), shape.get(2..).and_then(elements))
        else {
            return Found::Not(format!("the shape {shape:?} of the target's tensor is no matrix"));
        };
        Found::Shape { shape: [out, inputs], kernel }
    }

    /// A tensor's name, to show what the checkpoint looks like.
    pub fn example(&self) -> Option<&'a str> {
        let inside = (0..self.groups.len()).find(|&at| names::layer_digits(self.paths.get(at)).is_some());
        let group = self.groups.get(inside.unwrap_or_default())?;
        group.values().map(|weight| weight.name).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{Dtype, TensorType};

    fn tensors(list: &[(&str, &[u64])]) -> Vec<TensorEntry> {
        let described = list.iter().map(|&(name, shape)| (name, Dtype::F32, shape));
        described.map(|(name, dtype, shape)| entry(name, dtype, shape)).collect()
    }

    fn entry(name: &str, dtype: Dtype, shape: &[u64]) -> TensorEntry {
        let (name, dtype) = (name.to_owned(), TensorType::Known(dtype));
        TensorEntry { name, dtype, shape: shape.to_vec(), begin: 0, end: 0 }
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
        let list = [
            entry("layers.0.q.weight", Dtype::U8, &[32, 1]),
            entry("layers.0.q.weight.absmax", Dtype::U8, &[4]),
            entry("layers.0.k.weight", Dtype::U32, &[8, 2]),
            entry("layers.0.k.scales", Dtype::F16, &[8, 1]),
            entry("layers.0.v.qweight", Dtype::I32, &[8, 64]),
            entry("layers.0.o.weight", Dtype::F8_E4M3, &[8, 64]),
            entry("layers.0.o.weight_scale_inv", Dtype::F32, &[1, 1]),
        ];
        let weights = Weights::new(&list);
        for path in ["layers.0.q", "layers.0.k", "layers.0.v"] {
            assert!(reason(&weights, path).contains("quantised"), "{path}");
        }
        assert_eq!(shape(&weights, "model.layers.0.o"), Some([8, 64]), "its numbers are scaled, its shape is not");
        assert!(weights.example().is_some_and(|name| name.starts_with("layers.0.")));
    }

    #[test]
    fn what_is_there_twice_is_not_used() {
        let list = tensors(&[("model.layers.0.q.weight", &[8, 4]), ("model.layers.0.q.base_layer.weight", &[4, 8])]);
        assert!(reason(&Weights::new(&list), "layers.0.q").contains("more than once"));
    }

    #[test]
    fn an_empty_checkpoint() {
        let weights = Weights::new(&[]);
        assert!(!weights.shares("layers.0.q") && weights.example().is_none());
        assert_eq!(weights.layers("layers.0.q"), None);
    }
}
