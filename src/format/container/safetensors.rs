//! The strict reader of a safetensors header.
//!
//! The format: a little-endian `u64` N, N bytes of JSON, then the tensors' bytes. Unlike the `safetensors` crate
//! it counts in `u64` also on wasm32, and it reads nothing but the header. It takes what the crate takes, with
//! these differences: a dtype that the crate does not know is kept by name, if the tensor's length is one that some
//! dtype could have; a tensor described twice, and a shape whose product overflows although one of its dimensions is
//! zero, are refused.

use std::collections::HashSet;

use serde_json::error::Category;

use super::error::{ContainerError, LayoutFault, brief, quoted, shape_text};
use super::json::{RawHeader, RawTensor};
use super::{Format, Header, TensorEntry, TensorType, sniff};
use crate::bytes::ByteSource;

/// The longest header that the format allows.
pub(super) const MAX_HEADER: u64 = 100_000_000;
/// Bytes of the header's length.
pub(super) const PREFIX: u64 = 8;

/// Reads and checks the header of `source`, whose first bytes are `head`: afterwards every byte of the file belongs to
/// exactly one tensor.
///
/// # Errors
/// [`ContainerError`], whose message names the file. Where the framing itself fails, `head` is looked at to say what
/// the file is instead.
pub async fn read<S: ByteSource>(source: &S, head: &[u8]) -> Result<Header, ContainerError> {
    let (path, len) = (source.path(), source.len());
    let header = match header_length(path, len, head) {
        Ok(header) => header,
        Err(error) => return Err(foreign(path, head).unwrap_or(error)),
    };
    // Before up to 100 MB are read: a JSON object begins with a brace.
    let start = head.get(PREFIX as usize..).unwrap_or_default().trim_ascii_start();
    if let Some(error) = start.first().filter(|&&b| b != b'{').and_then(|_| foreign(path, head)) {
        return Err(error);
    }
    let bytes = source.read(PREFIX..PREFIX + header).await?;
    let raw = parse(path, &bytes)?;
    let body = len - PREFIX - header;
    check(&raw, body).map_err(|fault| {
        let path = path.to_owned();
        match fault {
            LayoutFault::Truncated { .. } => ContainerError::Incomplete { path, fault },
            _ => ContainerError::Layout { path, fault },
        }
    })?;
    let base = PREFIX + header;
    let tensors = raw.tensors.into_iter().map(|(name, tensor)| {
        let [begin, end] = tensor.offsets;
        TensorEntry { name, dtype: tensor.dtype, shape: tensor.shape, begin: base + begin, end: base + end }
    });
    Ok(Header { format: Format::Safetensors, tensors: tensors.collect(), metadata: raw.metadata })
}

fn foreign(path: &str, head: &[u8]) -> Option<ContainerError> {
    sniff::foreign(head).map(|kind| ContainerError::Foreign { path: path.to_owned(), kind })
}

fn header_length(path: &str, len: u64, head: &[u8]) -> Result<u64, ContainerError> {
    let path = path.to_owned();
    let Some(prefix) = head.first_chunk::<{ PREFIX as usize }>() else {
        return Err(ContainerError::TooShort { path, len });
    };
    match u64::from_le_bytes(*prefix) {
        0 => Err(ContainerError::HeaderEmpty { path }),
        header if header > MAX_HEADER => Err(ContainerError::HeaderOverLimit { path, header }),
        header if header > len - PREFIX => Err(ContainerError::HeaderPastEnd { path, header, len }),
        header => Ok(header),
    }
}

fn parse(path: &str, bytes: &[u8]) -> Result<RawHeader, ContainerError> {
    let path = || path.to_owned();
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ContainerError::NotUtf8 { path: path(), at: error.valid_up_to() })?;
    serde_json::from_str(text).map_err(|error| {
        let reason = brief(&error);
        match error.classify() {
            Category::Data => ContainerError::NotAHeader { path: path(), reason },
            Category::Io | Category::Syntax | Category::Eof => ContainerError::NotJson { path: path(), reason },
        }
    })
}

/// Whether the tensors fill `body` bytes, each once and each by its own size.
fn check(raw: &RawHeader, body: u64) -> Result<(), LayoutFault> {
    let mut names = HashSet::with_capacity(raw.tensors.len());
    if let Some((name, _)) = raw.tensors.iter().find(|(name, _)| !names.insert(name.as_str())) {
        return Err(LayoutFault::Duplicate { name: quoted(name) });
    }
    raw.tensors.iter().try_for_each(|(name, tensor)| check_size(name, tensor))?;
    let mut by_offset: Vec<&(String, RawTensor)> = raw.tensors.iter().collect();
    by_offset.sort_by_key(|(_, tensor)| tensor.offsets);
    let mut taken = 0;
    for (name, tensor) in by_offset {
        let [begin, end] = tensor.offsets;
        if begin > taken {
            return Err(LayoutFault::Hole { name: quoted(name), begin: taken, end: begin });
        }
        if begin < taken {
            return Err(LayoutFault::Overlap { name: quoted(name), begin, taken });
        }
        taken = end;
    }
    if taken > body {
        return Err(LayoutFault::Truncated { wanted: taken, held: body });
    }
    if taken < body {
        return Err(LayoutFault::Trailing { extra: body - taken });
    }
    Ok(())
}

fn check_size(name: &str, tensor: &RawTensor) -> Result<(), LayoutFault> {
    let [begin, end] = tensor.offsets;
    let Some(held) = end.checked_sub(begin) else {
        return Err(LayoutFault::Backwards { name: quoted(name), begin, end });
    };
    let shape = || shape_text(&tensor.shape);
    let overflow = || LayoutFault::ShapeOverflow { name: quoted(name), shape: shape() };
    let elements = super::elements(&tensor.shape).ok_or_else(overflow)?;
    let TensorType::Known(dtype) = &tensor.dtype else {
        let (name, dtype) = (quoted(name), quoted(&tensor.dtype.name()));
        let fault = LayoutFault::Implausible { name, dtype, shape: shape(), held };
        return super::is_plausible(elements, held).then_some(()).ok_or(fault);
    };
    let bits = elements.checked_mul(super::bits(*dtype)).ok_or_else(overflow)?;
    if bits % 8 != 0 {
        return Err(LayoutFault::PartOfAByte { name: quoted(name), dtype: tensor.dtype.name(), shape: shape(), bits });
    }
    let wanted = bits / 8;
    if wanted != held {
        return Err(LayoutFault::WrongSize {
            name: quoted(name),
            dtype: tensor.dtype.name(),
            shape: shape(),
            wanted,
            held,
        });
    }
    Ok(())
}
