//! Quantised weights, recognised by what stands beside them: their numbers are not those that training changed.
//!
//! Every scheme stores scales, tables or packed integers under names of its own. A weight in an 8-bit float type
//! without any of them is a plain number, rounded, and is decoded like the others.

use std::collections::HashMap;

use crate::adapter::names;
use crate::container::{Dtype, TensorEntry, TensorType};

/// How a weight is quantised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scheme {
    pub name: &'static str,
    /// How the numbers are stored, for a person.
    pub how: &'static str,
    /// The stored shape is not the matrix's.
    pub packed: bool,
}

/// The quantised weights of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantisation {
    /// The one that most of them have.
    pub scheme: Scheme,
    /// How many there are, of whichever scheme.
    pub weights: usize,
    /// Whether weight matrices of its layers are plain numbers.
    pub partial: bool,
}

const fn packed(name: &'static str, how: &'static str) -> Scheme {
    Scheme { name, how, packed: true }
}

const fn scaled(name: &'static str, how: &'static str) -> Scheme {
    Scheme { name, how, packed: false }
}

const BNB4: Scheme = packed("bitsandbytes 4-bit", "packed 4-bit codes with a table");
const BNB8: Scheme = scaled("bitsandbytes int8", "8-bit integers with a scale per row");
const FP8_BLOCK: Scheme = scaled("FP8 in blocks (as DeepSeek stores it)", "8-bit floats with a scale per block");
const SCALED: Scheme = scaled("FP8 or INT8 with scales", "8-bit numbers with scales beside them");
const COMFY: Scheme = scaled("ComfyUI's scaled FP8", "8-bit floats with scales beside them");
const GPTQ: Scheme = packed("GPTQ", "packed integers of a few bits");
const AWQ: Scheme = packed("AWQ", "packed 4-bit integers");
const PACKED: Scheme = packed("compressed-tensors", "packed integers or floats of a few bits");
const MXFP4: Scheme = packed("MXFP4", "packed 4-bit floats in blocks");
const NVFP4: Scheme = packed("NVFP4", "packed 4-bit floats in blocks");
const MLX: Scheme = packed("MLX", "packed integers of a few bits");
// Some versions store it turned.
const EETQ: Scheme = packed("EETQ", "8-bit integers with scales");
const QUANTO: Scheme = packed("quanto", "packed integers of a few bits");
const AQLM: Scheme = packed("AQLM", "codes into tables of vectors");
const HQQ: Scheme = packed("HQQ", "packed integers of a few bits");

/// Ends of names that are enough by themselves, longest first where one ends with another.
const MARKS: &[(&str, Scheme)] = &[
    (".weight.nested_quant_map", BNB4),
    (".weight.nested_absmax", BNB4),
    (".weight.quant_map", BNB4),
    (".weight.absmax", BNB4),
    (".SCB", BNB8),
    (".weight_scale_inv", FP8_BLOCK),
    (".weight_scale_2", NVFP4),
    (".scale_weight", COMFY),
    (".comfy_quant", COMFY),
    (".weight_packed", PACKED),
    (".weight._data", QUANTO),
    (".codebooks", AQLM),
    (".W_q", HQQ),
];

/// The quantised modules among some tensors: by the path that stands before the mark, as the file writes it.
pub struct Schemes<'a> {
    modules: HashMap<&'a str, Scheme>,
    partial: bool,
}

impl<'a> Schemes<'a> {
    pub fn new(tensors: impl IntoIterator<Item = &'a TensorEntry>) -> Self {
        let list: Vec<&TensorEntry> = tensors.into_iter().collect();
        let tensors: HashMap<&str, &TensorEntry> = list.iter().map(|tensor| (tensor.name.as_str(), *tensor)).collect();
        let mut modules = HashMap::new();
        for tensor in &list {
            if let Some((module, scheme)) = mark(tensor, &tensors) {
                // A mark that is enough by itself says more than one that another scheme has too.
                let known = modules.entry(module).or_insert(scheme);
                if *known == SCALED {
                    *known = scheme;
                }
            }
        }
        let plain = |name: &str| {
            let module = name.strip_suffix(".weight").filter(|module| !modules.contains_key(module));
            module.is_some_and(|module| names::layer_digits(module).is_some())
        };
        let partial = list.iter().any(|tensor| tensor.shape.len() > 1 && is_float(tensor) && plain(&tensor.name));
        Self { modules, partial }
    }

    /// How the module is quantised whose path stands so in the file.
    pub fn of(&self, module: &str) -> Option<Scheme> {
        self.modules.get(module).copied()
    }

    /// The quantised module that a tensor belongs to, and how it is quantised: its weight, or what stands beside it.
    pub fn owner<'n>(&self, tensor: &'n str) -> Option<(&'n str, Scheme)> {
        let mut ends = tensor.rmatch_indices(['.', '_']).map(|(end, _)| &tensor[..end]);
        ends.find_map(|module| Some((module, self.of(module)?)))
    }

    pub fn modules(&self) -> impl Iterator<Item = (&'a str, Scheme)> {
        self.modules.iter().map(|(module, scheme)| (*module, *scheme))
    }

    /// All of them together; `None` where nothing is quantised.
    pub fn whole(&self) -> Option<Quantisation> {
        let mut counts: HashMap<Scheme, usize> = HashMap::new();
        for scheme in self.modules.values() {
            *counts.entry(*scheme).or_default() += 1;
        }
        let scheme = counts.into_iter().max_by_key(|(scheme, count)| (*count, scheme.name))?.0;
        Some(Quantisation { scheme, weights: self.modules.len(), partial: self.partial })
    }
}

/// How some tensors are quantised; `None` where they are plain numbers.
pub fn scheme<'a>(tensors: impl IntoIterator<Item = &'a TensorEntry>) -> Option<Quantisation> {
    Schemes::new(tensors).whole()
}

/// The module that a tensor marks as quantised, and how.
fn mark<'a>(tensor: &'a TensorEntry, all: &HashMap<&str, &TensorEntry>) -> Option<(&'a str, Scheme)> {
    let name = tensor.name.as_str();
    let beside = |module: &str, end: &str| all.get(format!("{module}{end}").as_str()).copied();
    if let Some((module, scheme)) = MARKS.iter().find_map(|(end, scheme)| Some((name.strip_suffix(end)?, *scheme))) {
        return Some((module, scheme));
    }
    if let Some((module, _)) = name.split_once(".weight.quant_state.bitsandbytes__") {
        return Some((module, BNB4));
    }
    if let Some(module) = name.strip_suffix(".qweight") {
        let columns = |end: &str| beside(module, end).and_then(|tensor| tensor.shape.last().copied());
        let along_rows = columns(".scales").is_some_and(|scales| tensor.shape.last() == Some(&scales));
        let gptq = beside(module, ".g_idx").is_some() || along_rows;
        return Some((module, if gptq { GPTQ } else { AWQ }));
    }
    if let Some(module) = name.strip_suffix("_blocks") {
        return beside(module, "_scales").map(|_| (module, MXFP4));
    }
    if let Some(module) = name.strip_suffix(".scales") {
        let weight = beside(module, ".weight")?;
        return (!is_float(weight)).then_some((module, MLX));
    }
    if let Some(module) = name.strip_suffix(".weight_scales") {
        let weight = beside(module, ".weight")?;
        return (!is_float(weight)).then_some((module, EETQ));
    }
    let module = name.strip_suffix(".weight_scale")?;
    // Beside packed weights it is theirs; beside a weight of 16 bits or more it is something else.
    let weight = beside(module, ".weight")?;
    let small = match weight.dtype {
        TensorType::Known(dtype) => crate::container::bits(dtype) <= 8,
        TensorType::Q8_0 | TensorType::Unknown(_) => true,
    };
    if beside(module, ".weight_scale_2").is_some() {
        return None;
    }
    let of_fp4 = weight.dtype == TensorType::Known(Dtype::U8) || weight.dtype == TensorType::Known(Dtype::F4);
    small.then_some((module, if of_fp4 { PACKED } else { SCALED }))
}

/// Whether a tensor's elements are floats of 8 bits or more.
fn is_float(tensor: &TensorEntry) -> bool {
    crate::adapter::is_decodable(&tensor.dtype)
}

impl Quantisation {
    /// What to say of a checkpoint; its name comes before.
    pub fn sentence(&self) -> String {
        let Scheme { name, how, .. } = self.scheme;
        if self.partial {
            let (weights, are) = match self.weights {
                1 => ("1 weight".to_owned(), "is"),
                n => (format!("{n} weights"), "are"),
            };
            format!(
                "{weights} of this checkpoint {are} quantised by {name} ({how}): not the numbers that training changed, \
                 so they are not compared. To compare them too, use {INSTEAD}."
            )
        } else {
            format!(
                "quantised by {name} ({how}): its weights are not the numbers that training changed. Use {INSTEAD}."
            )
        }
    }
}

impl Scheme {
    /// Why one weight cannot be used; part of a sentence.
    pub fn reason(&self) -> String {
        format!(
            "the checkpoint stores it quantised by {} ({}), not as the numbers that training changed; use {INSTEAD}",
            self.name, self.how
        )
    }
}

const INSTEAD: &str = "the checkpoint before quantisation, in BF16, F16 or F32";
