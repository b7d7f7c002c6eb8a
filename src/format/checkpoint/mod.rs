//! Checkpoints of full models: single files, sharded sets, the states of a run; which of their tensors is the weight
//! of an adapter's module.

use crate::bytes::ByteSource;
use crate::container::{Header, TensorEntry};
use crate::path::inside;

mod changed;
mod join;
mod matching;
mod order;
mod orientation;
mod paths;
mod quantised;
mod remarks;
mod shards;
mod weights;

pub use changed::{Candidate, Stored, candidates};
pub use matching::{Lookup, Matched, WeightRef};
pub use order::{order, step};
pub use paths::is_of_senses;
pub use quantised::{Quantisation, Scheme, Schemes, scheme};
pub use shards::{Index, Numbered, Shards};
pub use weights::{Found, Weights};

/// One checkpoint: all files of it that are here.
#[derive(Clone, Debug)]
pub struct Checkpoint<S> {
    /// The folder's name, or the file's without its extension. Unique among the drop's checkpoints.
    pub label: String,
    /// The folder of its files; empty for none.
    pub folder: String,
    /// In the order of their paths.
    pub files: Vec<CheckpointFile<S>>,
    /// What a sharded model consists of; `None` for a single file.
    pub shards: Option<Shards>,
}

/// One file of a checkpoint.
#[derive(Clone, Debug)]
pub struct CheckpointFile<S> {
    pub source: S,
    pub header: Header,
}

impl<S: ByteSource> Checkpoint<S> {
    /// The names of shards that are not here.
    pub fn missing(&self) -> Vec<String> {
        let here = |name: &String| self.files.iter().any(|file| inside(&self.folder, file.source.path()) == name);
        self.shards.iter().flat_map(|shards| &shards.files).filter(|name| !here(name)).cloned().collect()
    }

    /// Every tensor with the number of its file.
    pub fn tensors(&self) -> impl Iterator<Item = (usize, &TensorEntry)> {
        self.files.iter().enumerate().flat_map(|(n, file)| file.header.tensors.iter().map(move |tensor| (n, tensor)))
    }

    /// Bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.source.len()).sum()
    }

    /// The path of its first file, by which sentences name it.
    pub fn path(&self) -> &str {
        self.files.first().map_or(&self.folder, |file| file.source.path())
    }
}
