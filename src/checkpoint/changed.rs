//! The weights of a model in two checkpoints, of which a LoRA can be taken.

use std::collections::HashMap;

use super::Checkpoint;
use super::matching::Lookup;
use super::quantised::Schemes;
use crate::adapter::{is_decodable, keys, names};
use crate::container::{TensorEntry, elements};
use crate::report::NotAnalyzed;
use crate::source::ByteSource;

/// A weight that both checkpoints have, as an m × n matrix.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The module's path in the model.
    pub path: String,
    pub rows: u64,
    pub cols: u64,
    pub stored: Stored,
    /// In the checkpoint before and in the one after: the number of the file, and the tensor there.
    pub tensors: [(usize, TensorEntry); 2],
}

/// How a module's weight is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// `[out, in]`
    Linear,
    /// `[in, out]`, as GPT-2 does.
    Conv1D,
    /// `[out, in, k…]`, with this kernel.
    Convolution(Vec<u64>),
    /// `[vocab, dim]`
    Embedding,
}

/// The candidates in the order of the first checkpoint, and what is left out, and why. `embeddings`: input embeddings
/// and the head are candidates too.
pub fn candidates<S: ByteSource>(
    before: &Checkpoint<S>,
    after: &Checkpoint<S>,
    embeddings: bool,
) -> (Vec<Candidate>, Vec<NotAnalyzed>) {
    let schemes = [before, after].map(|checkpoint| Schemes::new(checkpoint.tensors().map(|(_, tensor)| tensor)));
    let other: HashMap<&str, (usize, &TensorEntry)> =
        after.tensors().map(|(file, tensor)| (tensor.name.as_str(), (file, tensor))).collect();
    let lookup = Lookup::new(before);
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for (file, tensor) in before.tensors() {
        let judged =
            judge(tensor, other.get(tensor.name.as_str()).map(|(_, after)| *after), &schemes, embeddings, &lookup);
        match (judged, other.get(tensor.name.as_str())) {
            (Ok((path, stored)), Some(&(file_after, after))) => {
                let rows = tensor.shape.first().copied().unwrap_or_default();
                let cols = tensor.shape.get(1..).and_then(elements).unwrap_or_default();
                let tensors = [(file, tensor.clone()), (file_after, after.clone())];
                found.push(Candidate { path, rows, cols, stored, tensors });
            }
            (Err(reason), _) => left_out.push(NotAnalyzed { name: tensor.name.clone(), reason }),
            (Ok(_), None) => {}
        }
    }
    (found, left_out)
}

fn judge(
    tensor: &TensorEntry,
    after: Option<&TensorEntry>,
    schemes: &[Schemes<'_>; 2],
    embeddings: bool,
    lookup: &Lookup<'_>,
) -> Result<(String, Stored), String> {
    let module = tensor.name.strip_suffix(".weight").unwrap_or(&tensor.name);
    if let Some(scheme) = schemes.iter().find_map(|schemes| schemes.of(module)) {
        return Err(format!("it is quantised ({}), so its numbers are not those that training changed", scheme.name));
    }
    if tensor.shape.len() < 2 {
        return Err("it is no matrix, and a LoRA adapts matrices".to_owned());
    }
    if !tensor.name.ends_with(".weight") {
        return Err("it is no module's weight, by its name".to_owned());
    }
    let Some(after) = after else { return Err("the other checkpoint has no such tensor".to_owned()) };
    if after.shape != tensor.shape {
        return Err(format!("its shape is {:?}, and {:?} in the other checkpoint", tensor.shape, after.shape));
    }
    if tensor.is_empty() {
        return Err("it holds no number".to_owned());
    }
    for dtype in [&tensor.dtype, &after.dtype] {
        if !is_decodable(dtype) {
            return Err(format!("its numbers are stored as {}, which is not decoded here", dtype.name()));
        }
    }
    let path = keys::clean(module);
    let role = names::place(&path).role;
    if matches!(role.as_str(), "embed" | "head") && !embeddings {
        return Err("embeddings and the head are left out; take them along if training changed them".to_owned());
    }
    let stored = match tensor.shape.get(2..) {
        Some(kernel) if !kernel.is_empty() => Stored::Convolution(kernel.to_vec()),
        _ if role == "embed" => Stored::Embedding,
        _ if lookup.inputs_first(tensor) => Stored::Conv1D,
        _ => Stored::Linear,
    };
    Ok((path, stored))
}
