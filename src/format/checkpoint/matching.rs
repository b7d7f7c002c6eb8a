//! Which tensor of a checkpoint is the weight of an adapter's module.
//!
//! Names decide, then the shape has to agree; what could mean two things is refused with a reason, never guessed.

use std::collections::{HashMap, HashSet};

use super::Checkpoint;
use super::orientation::{Fit, Votes, fit, is_conv1d, is_telling};
use super::paths::{is_of_senses, stack};
use super::shards::listed;
use super::weights::{Lost, State, Weight, Weights};
use crate::adapter::{Module, flat, folded, is_decodable, keys, names};
use crate::bytes::ByteSource;
use crate::container::{Dtype, TensorEntry, TensorType, elements, quoted};

/// A module's weight in one checkpoint: an m × n matrix, stored row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightRef {
    /// Index into [`Checkpoint::files`].
    pub file: usize,
    pub tensor: TensorEntry,
    /// As stored; a convolution's kernel counts with its inputs.
    pub rows: u64,
    pub cols: u64,
    /// The weight is stored as `[in, out]` and the module's ΔW as `[out, in]`: its left and right factors change
    /// places. (Conv1D without a configuration that says so.)
    pub swapped: bool,
}

/// What became of one module: its weight, or the reason why there is none, in words.
pub type Matched = Result<WeightRef, String>;

/// A checkpoint's tensors, ready to be asked for modules.
pub struct Lookup<'a> {
    weights: Weights<'a>,
    /// Matrices, and stacks of experts, that are called neither `….weight` nor `….bias`, by their whole names.
    parameters: Weights<'a>,
    /// Paths of modules by their [`folded`] names: for adapters that flatten them.
    flat: HashMap<String, String>,
    /// The same without their first segment, `None` where that is the name of several: ACE-Step's adapters lack the
    /// `decoder.` of the model.
    headless: HashMap<String, Option<String>>,
    /// The number of the file of every tensor, in the order of [`Checkpoint::tensors`].
    files: Vec<usize>,
    /// Embeddings of the language part, of which one may be its head too.
    embeddings: Vec<(&'a TensorEntry, usize)>,
    /// How GPT-2's kind of layer is stored, by stack.
    votes: HashMap<String, Votes>,
    /// Names of files that are not here.
    missing: HashSet<String>,
    /// The same, where no index says what is in them.
    unknown: Vec<String>,
}

impl<'a> Lookup<'a> {
    pub fn new<S: ByteSource>(checkpoint: &'a Checkpoint<S>) -> Self {
        let mut weights = Weights::new(checkpoint.tensors().map(|(_, tensor)| tensor));
        let mut parameters = Weights::empty();
        let mut held = HashSet::new();
        let mut files = Vec::new();
        for (at, (file, tensor)) in checkpoint.tensors().enumerate() {
            files.push(file);
            held.insert(tensor.name.as_str());
            let plain = !tensor.name.ends_with(".weight") && !tensor.name.ends_with(".bias");
            let stack = || tensor.shape.len() == 3 && tensor.name.contains("expert");
            if plain && (tensor.shape.len() == 2 || stack()) {
                parameters.add(&tensor.name, Weight { name: &tensor.name, state: State::Here { tensor, at } });
            }
        }
        let missing = checkpoint.missing();
        for (name, file) in checkpoint.index().iter().flat_map(|index| &index.weight_map) {
            if let Some(module) = name.strip_suffix(".weight").filter(|_| !held.contains(name.as_str())) {
                weights.add(module, Weight { name, state: State::Absent { file } });
            }
        }
        let mut flat = HashMap::new();
        let mut headless = HashMap::new();
        let mut votes: HashMap<String, Votes> = HashMap::new();
        let mut embeddings = Vec::new();
        for (path, weight) in weights.all() {
            let State::Here { tensor, at } = weight.state else { continue };
            let module = weight.name.strip_suffix(".weight").unwrap_or(weight.name);
            let clean = keys::clean(module);
            flat.insert(folded(&clean), module.to_owned());
            if let Some((_, rest)) = clean.split_once('.') {
                let of_one = |known: &mut Option<String>| *known = None;
                headless.entry(folded(rest)).and_modify(of_one).or_insert_with(|| Some(module.to_owned()));
            }
            let [rows, cols] = tensor.shape[..] else { continue };
            if is_telling(path) {
                votes.entry(stack(path)).or_default().count(rows, cols);
            }
            let place = names::place(path);
            if place.role == "embed" && place.layer.is_none() && !is_of_senses(path) {
                embeddings.push((tensor, at));
            }
        }
        let unknown = if checkpoint.index().is_some() { Vec::new() } else { missing.clone() };
        let missing = missing.into_iter().collect();
        Self { weights, parameters, flat, headless, files, embeddings, votes, missing, unknown }
    }

    /// The weight of a module.
    ///
    /// # Errors
    /// Why it has none, as part of a sentence.
    pub fn find(&self, module: &Module) -> Matched {
        self.search(module, false)
    }

    /// The weight that a module's update is defined on, as it is stored: its shape may say what the file does not.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn base_of(&self, module: &Module) -> Matched {
        self.search(module, true)
    }

    /// By its path, or where that is flattened by the flattened paths of the checkpoint.
    fn locate(&self, path: &str) -> Result<&Weight<'a>, Lost<'_>> {
        match self.weights.locate(path) {
            Err(Lost::Nowhere) if is_flat(path) => {
                let name = folded(path);
                let whole = self.flat.get(&name);
                match whole.or_else(|| self.headless.get(&name)?.as_ref()) {
                    Some(dotted) => self.weights.locate(dotted),
                    None => Err(Lost::Nowhere),
                }
            }
            found => found,
        }
    }

    fn search(&self, module: &Module, base: bool) -> Matched {
        let path = module.base_path();
        let weight = match self.locate(path) {
            Ok(weight) => weight,
            Err(Lost::Between(paths)) => {
                let paths: Vec<String> = paths.into_iter().map(quoted).collect();
                return Err(format!("more than one module of the checkpoint could be meant: {}", listed(&paths)));
            }
            Err(Lost::Nowhere) => match self.parameters.locate(path) {
                Ok(parameter) => parameter,
                Err(_) => return self.tied(module).ok_or_else(|| self.absent(path)),
            },
        };
        let (tensor, at) = self.here(weight)?;
        match &module.expert {
            Some(expert) => self.of_expert(module, expert.number, tensor, at),
            None if base => self.as_stored(tensor, at),
            None => self.fits(module, tensor, at),
        }
    }

    /// A weight's tensor and its place.
    fn here(&self, weight: &Weight<'a>) -> Result<(&'a TensorEntry, usize), String> {
        match weight.state {
            State::Here { tensor, at } => Ok((tensor, at)),
            State::Quantised { scheme, .. } => Err(scheme.reason()),
            State::Twice => Err(format!("the checkpoint has {} more than once", quoted(weight.name))),
            State::Absent { file } if self.missing.contains(file) => {
                Err(format!("its weight {} is in {file}, which is missing", quoted(weight.name)))
            }
            State::Absent { file } => {
                let name = quoted(weight.name);
                Err(format!("the checkpoint's index places its weight {name} in {file}, which does not hold it"))
            }
        }
    }

    /// One matrix of a tensor `[E, …, …]` that holds those of all experts, whichever way round it fits the update.
    fn of_expert(&self, module: &Module, expert: u64, tensor: &TensorEntry, at: usize) -> Matched {
        decodable(tensor)?;
        let name = quoted(&tensor.name);
        let [experts, rows, cols] = tensor.shape[..] else {
            return Err(format!("{name} has the shape {:?}, which is no stack of experts", tensor.shape));
        };
        if expert >= experts {
            return Err(format!("{name} holds {experts} experts, and this is number {expert}, counted from 0"));
        }
        let swapped = match ([rows, cols] == module.shape, [cols, rows] == module.shape) {
            (true, true) => {
                return Err(format!(
                    "the experts of {name} are square ({rows} × {cols}), and nothing tells whether they are stored as \
                     [out, in] or as [in, out]"
                ));
            }
            (straight, true) => !straight,
            (true, false) => false,
            (false, false) => {
                let [out, inputs] = module.shape;
                return Err(format!(
                    "its shapes disagree: its update is {out} × {inputs}, and each expert of {name} is {rows} × {cols}"
                ));
            }
        };
        let bytes = tensor.byte_len() / experts;
        let begin = tensor.begin + expert * bytes;
        let tensor = TensorEntry { begin, end: begin + bytes, shape: vec![rows, cols], ..tensor.clone() };
        Ok(WeightRef { file: self.file(at), tensor, rows, cols, swapped })
    }

    /// The weight of the module at `path`, whatever its shape: its name in the file, and what is known of it.
    pub(super) fn weight(&self, path: &str) -> Result<(&'a str, State<'a>), Lost<'_>> {
        self.weights.locate(path).map(|weight| (weight.name, weight.state))
    }

    /// The number of the file of a tensor.
    pub(super) fn file(&self, at: usize) -> usize {
        self.files.get(at).copied().unwrap_or_default()
    }

    /// Whether a weight is stored as `[in, out]`: a layer of GPT-2's kind (Conv1D), as far as the checkpoint tells.
    pub fn inputs_first(&self, tensor: &TensorEntry) -> bool {
        let module = tensor.name.strip_suffix(".weight").unwrap_or(&tensor.name);
        is_conv1d(module, &tensor.shape) && self.votes(tensor).inputs_first() == Some(true)
    }

    fn absent(&self, path: &str) -> String {
        let name = quoted(&format!("{path}.weight"));
        match self.unknown.as_slice() {
            [] => format!("the checkpoint has no tensor {name}"),
            files => format!("no file that is here has a tensor {name}; missing: {}", listed(files)),
        }
    }

    /// A head that the checkpoint does not store, because it is the embedding of its very shape.
    fn tied(&self, module: &Module) -> Option<WeightRef> {
        if module.role != "head" || is_of_senses(&module.name) || !self.missing.is_empty() {
            return None;
        }
        let mut same = self.embeddings.iter().filter(|(tensor, _)| tensor.shape == module.shape);
        let (Some(&(tensor, at)), None) = (same.next(), same.next()) else { return None };
        self.fits(module, tensor, at).ok()
    }

    fn as_stored(&self, tensor: &TensorEntry, at: usize) -> Matched {
        decodable(tensor)?;
        let size = tensor.shape.split_first().and_then(|(&rows, inputs)| Some((rows, elements(inputs)?)));
        let (rows, cols) = size.ok_or_else(|| format!("{} has the shape {:?}", quoted(&tensor.name), tensor.shape))?;
        Ok(WeightRef { file: self.file(at), tensor: tensor.clone(), rows, cols, swapped: false })
    }

    /// A tensor as a module's weight.
    fn fits(&self, module: &Module, tensor: &TensorEntry, at: usize) -> Matched {
        decodable(tensor)?;
        let disagree = || {
            let [rows, cols] = module.shape;
            format!(
                "its shapes disagree: its update is {rows} × {cols}, and {} has the shape {:?} in the checkpoint",
                quoted(&tensor.name),
                tensor.shape
            )
        };
        let Some((&rows, inputs)) = tensor.shape.split_first() else { return Err(disagree()) };
        let cols = elements(inputs).ok_or_else(disagree)?;
        // Two kernels may multiply to the same size and still be different.
        let (kernel, ours) = (inputs.get(1..).unwrap_or_default(), module.kernel.as_slice());
        if !kernel.is_empty() && !ours.is_empty() && kernel != ours {
            return Err(disagree());
        }
        let swapped = match fit(module, &tensor.shape, [rows, cols], self.votes(tensor)) {
            Fit::Straight => false,
            Fit::Swapped => true,
            Fit::Disagree => return Err(disagree()),
            Fit::Unclear => {
                return Err(format!(
                    "{} is square, and nothing in the checkpoint tells whether it is stored as [out, in] or as \
                     [in, out]; an adapter_config.json with `fan_in_fan_out: true` beside the adapter would say the latter",
                    quoted(&tensor.name)
                ));
            }
        };
        let file = self.file(at);
        Ok(WeightRef { file, tensor: tensor.clone(), rows, cols, swapped })
    }

    fn votes(&self, tensor: &TensorEntry) -> Votes {
        let module = tensor.name.strip_suffix(".weight").unwrap_or(&tensor.name);
        self.votes.get(&stack(&keys::clean(module))).copied().unwrap_or_default()
    }
}

/// Whether a path has underscores for dots, or for some of them.
fn is_flat(path: &str) -> bool {
    !path.contains('.') || flat::dotted(path) != path
}

/// # Errors
/// Why a tensor's numbers cannot be read, as part of a sentence.
pub(super) fn decodable(tensor: &TensorEntry) -> Result<(), String> {
    use Dtype::{BOOL, I8, I16, I32, I64, U8, U16, U32, U64};
    if is_decodable(&tensor.dtype) {
        return Ok(());
    }
    let (name, dtype) = (quoted(&tensor.name), tensor.dtype.name());
    Err(match tensor.dtype {
        TensorType::Unknown(_) => format!("{name} is stored as {}, which is not known here", quoted(&dtype)),
        TensorType::Known(BOOL | I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64) => format!(
            "{name} is stored as {dtype}, whole numbers that no scale stands beside; use a checkpoint in BF16, F16 or F32"
        ),
        TensorType::Known(_) | TensorType::Q8_0 => {
            format!("{name} is stored as {dtype}, which is not decoded here; use a checkpoint in BF16, F16 or F32")
        }
    })
}
