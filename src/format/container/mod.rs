//! Containers: the headers of safetensors and GGUF files, read and checked in 64 bits.

use std::collections::BTreeMap;

mod claimed;
mod error;
mod fields;
pub mod gguf;
mod json;
mod safetensors;
pub mod sniff;

pub use ::safetensors::Dtype;
pub use claimed::{claimed_len, header_end};
pub use error::{ContainerError, LayoutFault, quoted};

use serde::{Deserialize, Serialize};

use crate::bytes::ByteSource;

/// A checked header: every tensor lies in the file and no byte belongs to two. In a safetensors file every byte after
/// the header belongs to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub format: Format,
    /// In the order of the header.
    pub tensors: Vec<TensorEntry>,
    /// `__metadata__`, empty where it is absent or null; of a GGUF file its key-value pairs, where numbers are
    /// written out and a list is told by its length.
    pub metadata: BTreeMap<String, String>,
}

/// The kind of file that a header was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Safetensors,
    Gguf,
}

/// One tensor's description and its place in the file; without its name, as computing takes it, where it is serialised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorEntry {
    #[serde(skip)]
    pub name: String,
    pub dtype: TensorType,
    /// Row-major: the last dimension is the fastest.
    pub shape: Vec<u64>,
    /// Absolute byte range in the file.
    pub begin: u64,
    pub end: u64,
}

/// A dtype that safetensors 0.8 knows, a type of GGUF's that is read, or the name of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TensorType {
    Known(Dtype),
    /// GGUF's blocks of 32 numbers along a row, 34 bytes each.
    Q8_0,
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
    /// The name as safetensors or ggml writes it: `F32`, `BF16`, `F8_E4M3`, `Q8_0`, …
    pub fn name(&self) -> String {
        match self {
            // The variants are spelt as the format spells them.
            Self::Known(dtype) => format!("{dtype:?}"),
            Self::Q8_0 => "Q8_0".to_owned(),
            Self::Unknown(name) => name.clone(),
        }
    }
}

/// Reads and checks the header of `source`, whichever of the two its first bytes announce.
///
/// # Errors
/// [`ContainerError`], whose message names the file. Where it is neither, the first bytes are looked at to say what
/// it is instead.
pub async fn read_header<S: ByteSource>(source: &S) -> Result<Header, ContainerError> {
    let head = source.read(0..source.len().min(sniff::HEAD)).await?;
    // As the length of a safetensors header these bytes would be far over the limit.
    if head.starts_with(gguf::MAGIC) { gguf::read(source, head).await } else { safetensors::read(source, &head).await }
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

/// Whether a tensor of so many elements may take so many bytes, whatever its dtype: 1 to 128 bits each, and none for
/// none.
fn is_plausible(elements: u64, bytes: u64) -> bool {
    let bits = u128::from(bytes) * 8;
    bits >= u128::from(elements) && bits <= u128::from(elements) * 128
}

/// Bytes of a tensor of this dtype and shape; `None` where that overflows or is not a whole number of bytes.
pub fn byte_len(dtype: Dtype, shape: &[u64]) -> Option<u64> {
    let total = elements(shape)?.checked_mul(bits(dtype))?;
    (total % 8 == 0).then_some(total / 8)
}
