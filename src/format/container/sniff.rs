//! What a file is that is neither safetensors nor GGUF, told from its first bytes.
//!
//! Only asked after the framing failed: a good safetensors file may begin with `PK` or 0x80, the low bytes of
//! its header's length.

use std::fmt;

/// A kind of file that people drop in place of one that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    Empty,
    Zeros,
    LfsPointer,
    Html,
    Zip,
    Pickle,
}

/// The bytes that [`foreign`] wants to see, at most.
pub const HEAD: u64 = 4096;

/// Judges the first [`HEAD`] bytes of a file (fewer where it is shorter).
pub fn foreign(head: &[u8]) -> Option<Foreign> {
    if head.is_empty() {
        return Some(Foreign::Empty);
    }
    if head.iter().all(|&b| b == 0) {
        return Some(Foreign::Zeros);
    }
    if head.starts_with(b"version https://git-lfs") {
        return Some(Foreign::LfsPointer);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(Foreign::Zip);
    }
    if is_pickle(head) {
        return Some(Foreign::Pickle);
    }
    is_html(head).then_some(Foreign::Html)
}

/// Protocol 2 and later begin with the opcode PROTO (0x80) and the protocol's number.
fn is_pickle(head: &[u8]) -> bool {
    matches!(head, [0x80, 2..=5, ..])
}

fn is_html(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    [&b"<!doctype"[..], b"<html", b"<head", b"<body", b"<?xml"]
        .iter()
        .any(|tag| head.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag)))
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the file is empty (0 bytes). Download or copy it again.",
            Self::Zeros => "the file holds nothing but zero bytes, as a failed download leaves it. Download it again.",
            Self::LfsPointer => {
                "this is a Git LFS pointer, a note of 130 bytes in place of the file. Run `git lfs pull`, or download \
                 the file itself."
            }
            Self::Html => {
                "this is a web page (HTML) saved under the file's name. Download the file itself; on Hugging Face use \
                 its download arrow."
            }
            Self::Zip => {
                "this is a zip archive, the form that PyTorch saves `.bin`, `.pt` and `.pth` files in. It may hold \
                 code, so it is never opened here. Save the weights as safetensors; if it is an archive of an \
                 adapter, unpack it and drop the folder."
            }
            Self::Pickle => {
                "this is a Python pickle. Reading one can run code, so it is never opened here. Save the weights as \
                 safetensors (PEFT: `save_pretrained(…, safe_serialization=True)`)."
            }
        })
    }
}
