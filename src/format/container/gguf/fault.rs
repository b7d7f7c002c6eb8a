use super::super::LayoutFault;

/// Why a GGUF file cannot be read. Names are quoted; the file's own name and [`Self::advice`] stand around it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GgufFault {
    #[error("it is truncated: it ends after {len} bytes, inside its {part}")]
    Truncated { part: Part, len: u64 },
    #[error("it is written in big-endian byte order, and only little-endian files are read")]
    BigEndian,
    #[error("it is of version {version} of the format, and versions 2 and 3 are read")]
    Version { version: u32 },
    #[error("it is said to hold {count} {part}, more than fit into its {len} bytes")]
    CountPastEnd { part: Part, count: u64, len: u64 },
    #[error("it is said to hold {count} {part}, more than the {most} that are read")]
    CountOverLimit { part: Part, count: u64, most: u64 },
    #[error("its header is longer than the {most} bytes that are read")]
    HeaderOverLimit { most: u64 },
    #[error("among its {part} a text is said to be {bytes} bytes long, past the end of the file ({len} bytes)")]
    TextPastEnd { part: Part, bytes: u64, len: u64 },
    #[error("among its {part} a name is {bytes} bytes long, more than the {most} that are read")]
    NameTooLong { part: Part, bytes: u64, most: u64 },
    #[error("among its {part} a name is not UTF-8 text")]
    NameNotUtf8 { part: Part },
    #[error("the key {key} is given twice")]
    DuplicateKey { key: String },
    #[error("the value of {key} is of the kind {kind}, which the format does not have")]
    ValueKind { key: String, kind: u32 },
    #[error("the value of {key} should be true or false (1 or 0), and is {byte}")]
    NotABool { key: String, byte: u8 },
    #[error("the list at {key} is said to hold {count} values, more than fit into the file ({len} bytes)")]
    ListPastEnd { key: String, count: u64, len: u64 },
    #[error("the lists at {key} lie more than {most} deep in each other")]
    TooDeep { key: String, most: u32 },
    #[error("`general.alignment` should be a power of two, a whole number of 32 bits, and is {given}")]
    Alignment { given: String },
    #[error("the tensor {name} has {count} dimensions, more than the {most} that the format has")]
    Dimensions { name: String, count: u32, most: u32 },
    #[error("the rows of the tensor {name} ({dtype} {shape}) are not whole blocks of {block} numbers")]
    PartOfABlock { name: String, dtype: String, shape: String, block: u64 },
    #[error("the tensor {name} begins at offset {offset} of the data, which is not a multiple of {alignment}")]
    Unaligned { name: String, offset: u64, alignment: u64 },
    #[error("it is truncated: the tensor {name} ends at byte {end}, the file after {len} bytes")]
    TensorPastEnd { name: String, end: u64, len: u64 },
    #[error(transparent)]
    Layout(#[from] LayoutFault),
}

impl GgufFault {
    /// A sentence that says what to do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::BigEndian => "Convert it on a little-endian machine, or drop the adapter that it was made from.",
            Self::Version { .. } => {
                "Convert the adapter with a current llama.cpp (`convert_lora_to_gguf.py`), or drop the adapter that it \
                 was made from."
            }
            Self::Truncated { .. }
            | Self::TensorPastEnd { .. }
            | Self::CountPastEnd { .. }
            | Self::TextPastEnd { .. }
            | Self::ListPastEnd { .. } => "Download or copy it again.",
            _ => "Download it again, or convert the adapter again (llama.cpp: `convert_lora_to_gguf.py`).",
        }
    }
}

/// The parts of a GGUF header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Counts,
    Values,
    Tensors,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Counts => "first 24 bytes",
            Self::Values => "key-value pairs",
            Self::Tensors => "tensor descriptions",
        })
    }
}
