//! The strict reader of a GGUF header, versions 2 and 3 in little-endian order.
//!
//! The format (`docs/gguf.md` of ggml): `GGUF`, the version, the numbers of tensors and of key-value pairs, the
//! pairs, the descriptions of the tensors, padding to `general.alignment`, the data. A tensor's dimensions come with
//! the fastest one first (`ne`), here the other way round, as safetensors has them. Unlike llama.cpp's reader this
//! one lets any unused bytes lie between tensors and at the end, and lists a type that is newer than its table.

use std::collections::HashSet;

mod cursor;
mod fault;
mod types;
mod values;

use cursor::{Cursor, Stop};
pub use fault::{GgufFault, Part};

use super::error::{ContainerError, LayoutFault, quoted, shape_text};
use super::{Format, Header, TensorEntry, TensorType};
use crate::bytes::ByteSource;

pub const MAGIC: &[u8] = b"GGUF";

/// Bytes of the longest header that is read: those of models with large vocabularies have some 20 MB.
const MAX_HEADER: u64 = 100_000_000;
/// Bytes that are read at first, and then doubled: the header does not say how long it is.
const FIRST_READ: u64 = 64 << 10;
const MOST_TENSORS: u64 = 1_000_000;
const MOST_VALUES: u64 = 1_000_000;
/// Bytes; ggml itself allows 63.
const LONGEST_NAME: u64 = 1024;
/// `GGML_MAX_DIMS`
const MOST_DIMENSIONS: u32 = 4;
/// Bytes of the shortest description: no name, no dimension.
const SHORTEST_TENSOR: u64 = 8 + 4 + 4 + 8;

/// Reads and checks the header of `source`, whose first bytes are `head`: afterwards every tensor lies in the file,
/// and no byte belongs to two.
///
/// # Errors
/// [`ContainerError`], whose message names the file.
pub async fn read<S: ByteSource>(source: &S, head: Vec<u8>) -> Result<Header, ContainerError> {
    let len = source.len();
    let mut bytes = head;
    loop {
        match parse(&bytes, len) {
            Ok(header) => return Ok(header),
            Err(Stop::Fault(fault)) => return Err(ContainerError::Gguf { path: source.path().to_owned(), fault }),
            // What is wanted lies in the file, within the limit and past what is here.
            Err(Stop::More(wanted)) => {
                let here = bytes.len() as u64;
                let next = wanted.max(here.saturating_mul(2)).max(FIRST_READ).min(len).min(MAX_HEADER);
                bytes.extend(source.read(here..next).await?);
            }
        }
    }
}

/// A tensor as its description stands, before it is checked against the others.
struct RawTensor {
    name: String,
    number: u32,
    shape: Vec<u64>,
    /// Relative to the beginning of the data.
    offset: u64,
}

fn parse(bytes: &[u8], len: u64) -> Result<Header, Stop> {
    let mut cursor = Cursor::new(bytes, len);
    cursor.take(MAGIC.len() as u64)?;
    match cursor.u32()? {
        2 | 3 => {}
        version if matches!(version.swap_bytes(), 1..=0xffff) => return Err(GgufFault::BigEndian.into()),
        version => return Err(GgufFault::Version { version }.into()),
    }
    let tensor_count = cursor.u64()?;
    let value_count = cursor.u64()?;
    check_count(&cursor, Part::Tensors, tensor_count, SHORTEST_TENSOR, MOST_TENSORS)?;
    check_count(&cursor, Part::Values, value_count, values::SHORTEST_PAIR, MOST_VALUES)?;
    cursor.part = Part::Values;
    let values = values::read(&mut cursor, value_count)?;
    cursor.part = Part::Tensors;
    check_count(&cursor, Part::Tensors, tensor_count, SHORTEST_TENSOR, MOST_TENSORS)?;
    let mut raw = Vec::new();
    for _ in 0..tensor_count {
        raw.push(description(&mut cursor)?);
    }
    let tensors = place(raw, cursor.position(), values.alignment, len)?;
    Ok(Header { format: Format::Gguf, tensors, metadata: values.texts })
}

fn check_count(cursor: &Cursor<'_>, part: Part, count: u64, each: u64, most: u64) -> Result<(), GgufFault> {
    if !cursor.has_room(count, each) {
        return Err(GgufFault::CountPastEnd { part, count, len: cursor.file_len() });
    }
    if count > most {
        return Err(GgufFault::CountOverLimit { part, count, most });
    }
    Ok(())
}

fn description(cursor: &mut Cursor<'_>) -> Result<RawTensor, Stop> {
    let name = cursor.name(LONGEST_NAME)?;
    let count = cursor.u32()?;
    if count > MOST_DIMENSIONS {
        return Err(GgufFault::Dimensions { name: quoted(name), count, most: MOST_DIMENSIONS }.into());
    }
    let mut shape = (0..count).map(|_| cursor.u64()).collect::<Result<Vec<u64>, Stop>>()?;
    shape.reverse();
    let number = cursor.u32()?;
    Ok(RawTensor { name: name.to_owned(), number, shape, offset: cursor.u64()? })
}

/// Gives each tensor its bytes in a file of `len` bytes whose header ends at `header`.
fn place(raw: Vec<RawTensor>, header: u64, alignment: u64, len: u64) -> Result<Vec<TensorEntry>, GgufFault> {
    let mut names = HashSet::with_capacity(raw.len());
    if let Some(twice) = raw.iter().find(|tensor| !names.insert(tensor.name.as_str())) {
        return Err(LayoutFault::Duplicate { name: quoted(&twice.name) }.into());
    }
    let data = header.next_multiple_of(alignment);
    let mut by_offset: Vec<&RawTensor> = raw.iter().collect();
    by_offset.sort_by_key(|tensor| tensor.offset);
    // Where the next tensor begins: the end of one whose type is not known.
    let offsets: Vec<u64> = by_offset.iter().map(|tensor| tensor.offset).collect();
    let mut tensors = Vec::with_capacity(raw.len());
    for tensor in &raw {
        let limit = offsets.partition_point(|&offset| offset <= tensor.offset);
        let limit = offsets.get(limit).and_then(|&next| data.checked_add(next)).unwrap_or(len).min(len);
        tensors.push(entry(tensor, data, alignment, limit, len)?);
    }
    check_overlaps(&tensors)?;
    Ok(tensors)
}

fn entry(tensor: &RawTensor, data: u64, alignment: u64, limit: u64, len: u64) -> Result<TensorEntry, GgufFault> {
    let RawTensor { name, number, shape, offset } = tensor;
    let dtype = types::tensor_type(*number);
    if offset % alignment != 0 {
        return Err(GgufFault::Unaligned { name: quoted(name), offset: *offset, alignment });
    }
    let overflow = || LayoutFault::ShapeOverflow { name: quoted(name), shape: shape_text(shape) };
    let past_end = |end| GgufFault::TensorPastEnd { name: quoted(name), end, len };
    let begin = data
        .checked_add(*offset)
        .filter(|&begin| begin <= len)
        .ok_or_else(|| past_end(data.saturating_add(*offset)))?;
    let elements = super::elements(shape).ok_or_else(overflow)?;
    let end = match types::of(*number) {
        Some(ty) => {
            if shape.last().copied().unwrap_or(1) % ty.block != 0 {
                let (name, shape) = (quoted(name), shape_text(shape));
                return Err(GgufFault::PartOfABlock { name, dtype: ty.name.to_owned(), shape, block: ty.block });
            }
            let size = (elements / ty.block).checked_mul(ty.bytes).ok_or_else(overflow)?;
            let end = begin.saturating_add(size);
            if end > len {
                return Err(past_end(end));
            }
            end
        }
        None => {
            let held = limit.saturating_sub(begin);
            let least = elements.div_ceil(8);
            if held < least {
                return Err(implausible(name, &dtype, shape, held).into());
            }
            // Padding follows, of unknown length.
            if elements == 0 { begin } else { limit }
        }
    };
    Ok(TensorEntry { name: name.clone(), dtype, shape: shape.clone(), begin, end })
}

fn implausible(name: &str, dtype: &TensorType, shape: &[u64], held: u64) -> LayoutFault {
    LayoutFault::Implausible { name: quoted(name), dtype: quoted(&dtype.name()), shape: shape_text(shape), held }
}

fn check_overlaps(tensors: &[TensorEntry]) -> Result<(), LayoutFault> {
    let mut by_place: Vec<&TensorEntry> = tensors.iter().collect();
    by_place.sort_by_key(|tensor| (tensor.begin, tensor.end));
    let mut taken = 0;
    for tensor in by_place {
        if tensor.begin < taken {
            return Err(LayoutFault::Overlap { name: quoted(&tensor.name), begin: tensor.begin, taken });
        }
        taken = tensor.end;
    }
    Ok(())
}
