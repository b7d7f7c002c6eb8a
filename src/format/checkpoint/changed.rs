//! The weights of a model in two checkpoints, of which a LoRA can be taken.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::Checkpoint;
use super::matching::{Lookup, decodable};
use super::quantised::Schemes;
use super::weights::{Lost, State};
use crate::NotAnalyzed;
use crate::adapter::{keys, names};
use crate::bytes::ByteSource;
use crate::container::{TensorEntry, elements, quoted};

/// A weight that both checkpoints have, as an m × n matrix.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stored {
    /// `[out, in]`
    Linear,
    /// `[out, in, k…]`, with this kernel; the matrix has in·Πk columns.
    Convolution(Vec<u64>),
    /// `[in, out]`, as GPT-2 does.
    Conv1D,
    /// `[vocab, dim]`
    Embedding,
}

impl Stored {
    /// Whether the left and the right factor are stored column by column. PEFT stores, of
    /// linear layers and convolutions, left as `lora_B` and rightᵀ as `lora_A`; of GPT-2's layers leftᵀ as `lora_A`
    /// and right as `lora_B`; of embeddings leftᵀ as `lora_embedding_A` and right as `lora_embedding_B`.
    pub fn transposed(&self) -> [bool; 2] {
        match self {
            Self::Linear | Self::Convolution(_) => [false, true],
            Self::Conv1D | Self::Embedding => [true, false],
        }
    }
}

/// Tables of vectors, by the last segments of their paths. Other layers that take a model's input in (a picture's
/// patches, a time step) are linear.
const TABLES: &[&str] = &[
    "embed_tokens",
    "embed_positions",
    "embed_in",
    "wte",
    "wpe",
    "word_embeddings",
    "position_embeddings",
    "token_type_embeddings",
    "token_embedding",
    "position_embedding",
    "relative_attention_bias",
    "shared",
];

/// The candidates in the order of the first checkpoint, and what of it is left out, and why. `embeddings`: input
/// embeddings and the head are candidates too.
pub fn candidates<S: ByteSource>(
    before: &Checkpoint<S>,
    after: &Checkpoint<S>,
    embeddings: bool,
) -> (Vec<Candidate>, Vec<NotAnalyzed>) {
    let pair = Pair {
        before: Lookup::new(before),
        after: Lookup::new(after),
        schemes: Schemes::new(before.tensors().map(|(_, tensor)| tensor)),
        embeddings,
    };
    let mut quantised = HashSet::new();
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for (file, tensor) in before.tensors() {
        if let Some((module, scheme)) = pair.schemes.owner(&tensor.name) {
            // Its scales and tables go with it.
            if quantised.insert(module) {
                left_out.push(NotAnalyzed { name: module.to_owned(), reason: scheme.reason() });
            }
            continue;
        }
        match pair.judge(file, tensor) {
            Ok(candidate) => found.push(candidate),
            Err(reason) => left_out.push(NotAnalyzed { name: tensor.name.clone(), reason }),
        }
    }
    (found, left_out)
}

/// Two checkpoints, ready to be asked.
struct Pair<'a> {
    before: Lookup<'a>,
    after: Lookup<'a>,
    /// Of the checkpoint before.
    schemes: Schemes<'a>,
    embeddings: bool,
}

impl Pair<'_> {
    /// # Errors
    /// Why a tensor of the checkpoint before is left out, as part of a sentence.
    fn judge(&self, file: usize, tensor: &TensorEntry) -> Result<Candidate, String> {
        let [rows, inputs @ ..] = &tensor.shape[..] else {
            return Err("it is no matrix, and a LoRA adapts matrices".to_owned());
        };
        let Some((_, kernel)) = inputs.split_first() else {
            return Err("it is no matrix, and a LoRA adapts matrices".to_owned());
        };
        let Some(module) = tensor.name.strip_suffix(".weight") else {
            return Err("it is no module's weight, by its name".to_owned());
        };
        let path = keys::clean(module);
        if matches!(self.before.weight(&path), Ok((_, State::Twice))) {
            return Err("the checkpoint has the weight of this module more than once".to_owned());
        }
        let (file_after, after) = self.counterpart(&path)?;
        if after.shape != tensor.shape {
            return Err(format!("its shape is {:?}, and {:?} in the other checkpoint", tensor.shape, after.shape));
        }
        let Some(cols) = elements(inputs).filter(|_| !tensor.is_empty()) else {
            return Err("it holds no number".to_owned());
        };
        decodable(tensor)?;
        decodable(after)?;
        let is_table = kernel.is_empty() && path.rsplit('.').next().is_some_and(|last| TABLES.contains(&last));
        if !self.embeddings && (is_table || names::place(&path).role == "head") {
            return Err("embeddings and the head are left out; take them along if training changed them".to_owned());
        }
        let stored = match kernel {
            _ if is_table => Stored::Embedding,
            [] if self.before.inputs_first(tensor) => Stored::Conv1D,
            [] => Stored::Linear,
            kernel => Stored::Convolution(kernel.to_vec()),
        };
        let tensors = [(file, tensor.clone()), (file_after, after.clone())];
        Ok(Candidate { path, rows: *rows, cols, stored, tensors })
    }

    /// The weight of the same module in the checkpoint after, and the number of its file.
    fn counterpart(&self, path: &str) -> Result<(usize, &TensorEntry), String> {
        match self.after.weight(path) {
            Ok((_, State::Here { tensor, at })) => Ok((self.after.file(at), tensor)),
            Ok((_, State::Quantised { scheme, .. })) => Err(format!("in the other checkpoint: {}", scheme.reason())),
            Ok((name, State::Twice)) => Err(format!("the other checkpoint has {} more than once", quoted(name))),
            Ok((name, State::Absent { file })) => {
                Err(format!("in the other checkpoint {} is in {file}, which is missing", quoted(name)))
            }
            Err(Lost::Nowhere) => Err("the other checkpoint has no such tensor".to_owned()),
            Err(Lost::Between(_)) => Err("more than one tensor of the other checkpoint could be meant".to_owned()),
        }
    }
}
