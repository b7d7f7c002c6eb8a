//! The header of a safetensors file that is about to be written.
//!
//! The `safetensors` crate writes headers too, but it counts in `usize`, so that on wasm32 it refuses every tensor of
//! 512 MiB and every offset past 4 GiB, and it wants all tensors in memory. This one counts in `u64` and asks for
//! nothing but their descriptions.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::ops::Range;

use serde_json::Value;

use lorascope_format::container::{Dtype, TensorType, byte_len, elements, quoted};

/// A tensor to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTensor {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<u64>,
}

/// The beginning of a file, and where everything after it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct NewHeader {
    /// The header's length, its JSON, and spaces up to a multiple of 8.
    pub bytes: Vec<u8>,
    /// The tensors' absolute byte ranges, one after another without holes, in the order in which they were given.
    pub ranges: Vec<Range<u64>>,
    /// Bytes of the whole file.
    pub len: u64,
}

/// Why tensors cannot stand in one file. Names are [`quoted`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("two tensors of the result would have the same name, {name}")]
    Duplicate { name: String },
    #[error("a tensor of the result would be called `__metadata__`, which safetensors keeps for itself")]
    Reserved,
    #[error("the shape {shape} of the tensor {name} is too large: its size overflows 64 bits")]
    ShapeOverflow { name: String, shape: String },
    #[error("the tensor {name} ({dtype} {shape}) does not fill whole bytes")]
    PartOfAByte { name: String, dtype: String, shape: String },
    #[error(
        "the header would be {len} bytes long, more than the 100,000,000 that safetensors allows: there are too many \
         tensors, or their names are too long"
    )]
    OverLimit { len: u64 },
}

/// The longest header that the format allows, without the 8 bytes of its length.
const MAX_HEADER: u64 = 100_000_000;
/// Bytes of the header's length.
const PREFIX: u64 = 8;

/// Describes `tensors`, in file order, and `metadata` (no `__metadata__` where it is empty).
///
/// Tensors lie on multiples of their element's size if those of larger elements come first.
///
/// # Errors
/// [`HeaderError`].
pub fn header(tensors: &[NewTensor], metadata: &BTreeMap<String, String>) -> Result<NewHeader, HeaderError> {
    let mut json = String::from("{");
    if !metadata.is_empty() {
        let pairs: Vec<String> = metadata.iter().map(|(k, v)| format!("{}:{}", text(k), text(v))).collect();
        let _ = write!(json, "\"__metadata__\":{{{}}},", pairs.join(","));
    }
    let mut names = HashSet::with_capacity(tensors.len());
    let mut ranges = Vec::with_capacity(tensors.len());
    let mut end = 0u64;
    for tensor in tensors {
        let name = tensor.name.as_str();
        if name == "__metadata__" {
            return Err(HeaderError::Reserved);
        }
        if !names.insert(name) {
            return Err(HeaderError::Duplicate { name: quoted(name) });
        }
        let begin = end;
        end = begin.checked_add(size(tensor)?).ok_or_else(|| overflow(tensor))?;
        ranges.push(begin..end);
        let dtype = TensorType::Known(tensor.dtype).name();
        let (name, shape) = (text(name), &tensor.shape);
        let _ = write!(json, "{name}:{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{begin},{end}]}},");
        if json.len() as u64 > MAX_HEADER {
            return Err(HeaderError::OverLimit { len: json.len() as u64 });
        }
    }
    if json.ends_with(',') {
        json.pop();
    }
    json.push('}');
    while !json.len().is_multiple_of(8) {
        json.push(' ');
    }
    let len = json.len() as u64;
    if len > MAX_HEADER {
        return Err(HeaderError::OverLimit { len });
    }
    let mut bytes = len.to_le_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    let base = PREFIX + len;
    let Some(whole) = base.checked_add(end) else {
        return Err(tensors.last().map_or(HeaderError::OverLimit { len }, overflow));
    };
    let ranges = ranges.into_iter().map(|range| base + range.start..base + range.end).collect();
    Ok(NewHeader { bytes, ranges, len: whole })
}

fn size(tensor: &NewTensor) -> Result<u64, HeaderError> {
    let bits = elements(&tensor.shape).and_then(|n| n.checked_mul(lorascope_format::container::bits(tensor.dtype)));
    bits.ok_or_else(|| overflow(tensor))?;
    byte_len(tensor.dtype, &tensor.shape).ok_or_else(|| HeaderError::PartOfAByte {
        name: quoted(&tensor.name),
        dtype: TensorType::Known(tensor.dtype).name(),
        shape: format!("{:?}", tensor.shape),
    })
}

fn overflow(tensor: &NewTensor) -> HeaderError {
    HeaderError::ShapeOverflow { name: quoted(&tensor.name), shape: format!("{:?}", tensor.shape) }
}

/// A text as JSON writes it.
fn text(text: &str) -> String {
    Value::from(text).to_string()
}
