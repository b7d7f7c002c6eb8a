//! Containers: the header of a safetensors file, read and checked in 64 bits.

use std::collections::BTreeMap;

mod error;
mod json;
mod safetensors;
pub mod sniff;

pub use ::safetensors::Dtype;
pub use error::{ContainerError, LayoutFault, quoted};
pub use safetensors::read_header;

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

impl TensorEntry {
    /// Bytes that the tensor takes in the file.
    pub fn byte_len(&self) -> u64 {
        self.end - self.begin
    }

    /// Whether it holds no element at all: one of its dimensions is zero.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }
}

impl TensorType {
    /// The name as safetensors writes it: `F32`, `BF16`, `F8_E4M3`, …
    pub fn name(&self) -> String {
        match self {
            // The variants are spelt as the format spells them.
            Self::Known(dtype) => format!("{dtype:?}"),
            Self::Unknown(name) => name.clone(),
        }
    }
}

/// Size of one element in bits; below 8 for the packed formats.
pub fn bits(dtype: Dtype) -> u64 {
    dtype.bitsize() as u64
}

/// Elements of a tensor of this shape; `None` where the dimensions other than zero multiply beyond 64 bits.
pub fn elements(shape: &[u64]) -> Option<u64> {
    let product = shape.iter().filter(|&&d| d != 0).try_fold(1u64, |product, &d| product.checked_mul(d))?;
    Some(if shape.contains(&0) { 0 } else { product })
}

/// Bytes of a tensor of this dtype and shape; `None` where that overflows or is not a whole number of bytes.
pub fn byte_len(dtype: Dtype, shape: &[u64]) -> Option<u64> {
    let total = elements(shape)?.checked_mul(bits(dtype))?;
    (total % 8 == 0).then_some(total / 8)
}
