use std::fmt::{self, Display, Write};

use crate::bytes::SourceError;

use super::gguf::GgufFault;
use super::sniff::Foreign;

/// Why a file cannot be read as safetensors or GGUF. Each message names the file, what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Another kind of file altogether, told from its first bytes.
    #[error("{path}: {kind}")]
    Foreign { path: String, kind: Foreign },
    #[error("{path}: too short to be a safetensors file ({len} bytes; the header's length alone takes 8). {AGAIN}")]
    TooShort { path: String, len: u64 },
    #[error("{path}: there is no header: its length is given as 0, so this is not a safetensors file. {AGAIN}")]
    HeaderEmpty { path: String },
    #[error(
        "{path}: the header is said to be {header} bytes long, more than the 100,000,000 that safetensors allows. \
         This is not a safetensors file, or its beginning is damaged. {AGAIN}"
    )]
    HeaderOverLimit { path: String, header: u64 },
    #[error(
        "{path}: the header is said to be {header} bytes long, past the end of the file ({len} bytes). The file is \
         truncated, or not a safetensors file. {AGAIN}"
    )]
    HeaderPastEnd { path: String, header: u64, len: u64 },
    #[error("{path}: the header is not UTF-8 text (byte {at} of it). The file is damaged. {AGAIN}")]
    NotUtf8 { path: String, at: usize },
    #[error("{path}: the header is not valid JSON ({reason}). The file is damaged. {AGAIN}")]
    NotJson { path: String, reason: String },
    #[error("{path}: the header's JSON is not a safetensors header ({reason}). {REWRITE}")]
    NotAHeader { path: String, reason: String },
    #[error("{path}: {fault}. {REWRITE}")]
    Layout { path: String, fault: LayoutFault },
    #[error("{path}: {fault}. {AGAIN}")]
    Incomplete { path: String, fault: LayoutFault },
    #[error("{path}: this GGUF file cannot be read: {fault}. {}", .fault.advice())]
    Gguf { path: String, fault: GgufFault },
}

const AGAIN: &str = "Download or copy it again.";
const REWRITE: &str = "Save it again with the safetensors library.";

/// A tensor whose description does not fit the others or the file. Names are [`quoted`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutFault {
    #[error("the tensor {name} is described twice")]
    Duplicate { name: String },
    #[error("the data range of the tensor {name} is invalid: it begins at offset {begin}, after its end {end}")]
    Backwards { name: String, begin: u64, end: u64 },
    #[error("the shape {shape} of the tensor {name} is too large: its product overflows 64 bits")]
    ShapeOverflow { name: String, shape: String },
    #[error("the tensor {name} ({dtype} {shape}) does not fill whole bytes: its size is {bits} bits")]
    PartOfAByte { name: String, dtype: String, shape: String, bits: u64 },
    #[error("the tensor {name} ({dtype} {shape}) needs {wanted} bytes, but its data range holds {held}")]
    WrongSize { name: String, dtype: String, shape: String, wanted: u64, held: u64 },
    #[error("the tensor {name} ({dtype} {shape}) holds {held} bytes, which no type of number needs for that shape")]
    Implausible { name: String, dtype: String, shape: String, held: u64 },
    #[error("there is a hole: bytes {begin} to {end} of the data, before the tensor {name}, belong to no tensor")]
    Hole { name: String, begin: u64, end: u64 },
    #[error(
        "the tensor {name} overlaps the tensor before it: it begins at {begin}, inside bytes already taken up to {taken}"
    )]
    Overlap { name: String, begin: u64, taken: u64 },
    #[error("the file is truncated: the tensors need {wanted} bytes of data, it ends after {held}")]
    Truncated { wanted: u64, held: u64 },
    #[error("{extra} extra bytes at the end belong to no tensor")]
    Trailing { extra: u64 },
}

/// What a parser says, at most 400 characters of it: it quotes a text that stands where none should, however long.
pub fn brief(reason: impl Display) -> String {
    struct Cut(String, usize);
    impl Write for Cut {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            let end = piece.char_indices().nth(self.1).map(|(end, _)| end);
            let kept = piece.get(..end.unwrap_or(piece.len())).unwrap_or_default();
            self.0.push_str(kept);
            self.1 -= kept.chars().count();
            end.map_or(Ok(()), |_| Err(fmt::Error))
        }
    }
    let mut cut = Cut(String::new(), 400);
    if write!(cut, "{reason}").is_err() {
        cut.0.push('…');
    }
    cut.0
}

/// A shape made fit for a sentence: at most eight of its dimensions.
pub fn shape_text(shape: &[u64]) -> String {
    const MOST: usize = 8;
    match shape.get(..MOST).filter(|_| shape.len() > MOST) {
        Some(first) => format!("{first:?} and {} more dimensions", shape.len() - MOST),
        None => format!("{shape:?}"),
    }
}

/// A name from a file, made fit for a sentence: in quotes, without control characters, at most 120 characters.
pub fn quoted(name: &str) -> String {
    const MOST: usize = 120;
    let mut text: String = name.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if name.chars().nth(MOST).is_some() {
        text.push('…');
    }
    format!("`{text}`")
}
