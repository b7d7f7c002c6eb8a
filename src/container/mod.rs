//! Containers: the header of a safetensors file, read and checked in 64 bits.

use std::collections::BTreeMap;

pub use safetensors::Dtype;

/// A checked header: every byte of the file after it belongs to exactly one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// In the order of the JSON.
    pub tensors: Vec<TensorEntry>,
    /// `__metadata__`; empty where it is absent or null.
    pub metadata: BTreeMap<String, String>,
}

/// One tensor's description and its place in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorEntry {
    pub name: String,
    pub dtype: TensorType,
    pub shape: Vec<u64>,
    /// Absolute byte range in the file.
    pub begin: u64,
    pub end: u64,
}

/// A dtype that safetensors 0.8 knows, or the name of one that it does not.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorType {
    Known(Dtype),
    Unknown(String),
}
