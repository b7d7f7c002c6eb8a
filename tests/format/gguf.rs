//! The reader of GGUF headers against files written byte by byte, good ones and damaged ones.

mod damaged;
mod good;
mod mutated;
mod reads;

use crate::common::gguf::{Draft, Kind, Value, adapter_values, tensor};
use crate::common::header_of;
use lorascope_format::bytes::MemorySource;
use lorascope_format::container::gguf::GgufFault;
use lorascope_format::container::{ContainerError, Header};

fn read(bytes: Vec<u8>) -> Result<Header, ContainerError> {
    header_of(&MemorySource::new("x.gguf", bytes))
}

/// Why the file is refused; the message names it and says what to do.
fn fault(bytes: Vec<u8>) -> GgufFault {
    let error = read(bytes).expect_err("a damaged file");
    let text = error.to_string();
    assert!(text.starts_with("x.gguf: this GGUF file cannot be read: ") && text.ends_with('.'), "{text}");
    assert!(text.len() < 1500 && !text.contains(".."), "{text}");
    match error {
        ContainerError::Gguf { fault, .. } => fault,
        other => panic!("{other:?}"),
    }
}

/// An adapter of one module: rank 2, `[out, in]` = `[3, 4]`.
fn small() -> Draft {
    Draft::new(
        &adapter_values("llama", 4.0),
        vec![
            tensor("blk.0.attn_q.weight.lora_a", Kind::F32, &[2, 4], &[1.0; 8]),
            tensor("blk.0.attn_q.weight.lora_b", Kind::F16, &[3, 2], &[2.0; 6]),
        ],
    )
}

/// The same with one more pair among the values.
fn with(key: &str, value: Value) -> Draft {
    let mut draft = small();
    draft.values.push((key.to_owned(), value));
    draft
}
