//! How much of a file is read for its header.

use std::cell::Cell;
use std::rc::Rc;

use super::{small, with};
use crate::common::gguf::{Draft, Tensor, Value};
use lorascope_format::bytes::MemorySource;
use lorascope_format::bytes::Metered;
use lorascope_format::container::gguf::GgufFault;
use lorascope_format::container::{ContainerError, Header, read_header};

/// The answer, and the bytes that were read for it.
fn metered(bytes: Vec<u8>) -> (Result<Header, ContainerError>, u64) {
    let count = Rc::new(Cell::new(0));
    let source = Metered::new(MemorySource::new("x.gguf", bytes), Rc::clone(&count));
    let answer = pollster::block_on(read_header(&source));
    (answer, count.get())
}

#[test]
fn a_small_header_takes_one_small_read() {
    let mut bytes = small().bytes();
    bytes.resize(10_000_000, 0);
    let (answer, read) = metered(bytes);
    assert!(answer.is_ok());
    assert_eq!(read, 4096);
}

#[test]
fn a_header_of_megabytes_takes_at_most_twice_its_size() {
    // The size of a vocabulary.
    let words: Vec<String> = (0..200_000).map(|i| format!("token {i}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let draft = with("tokenizer.ggml.tokens", Value::texts(&words));
    let header = draft.parts().0.len() as u64;
    let mut bytes = draft.bytes();
    bytes.resize(40_000_000, 0);
    let (answer, read) = metered(bytes);
    assert_eq!(answer.unwrap().metadata["tokenizer.ggml.tokens"], "(a list of 200000 texts)");
    assert!(header < read && read <= 2 * header, "{read} bytes for a header of {header}");
}

#[test]
fn false_counts_and_lengths_take_no_more_than_the_first_read() {
    let far = 1 << 33;
    for draft in [
        Draft { tensor_count: Some(far), ..small() },
        Draft { value_count: Some(far), ..small() },
        with("k", Value::List(0, far, vec![])),
        with("k", Value::List(8, far, vec![])),
    ] {
        let mut bytes = draft.bytes();
        bytes.resize(1_000_000, 0);
        let (answer, read) = metered(bytes);
        assert!(matches!(answer, Err(ContainerError::Gguf { .. })));
        assert_eq!(read, 4096);
    }
}

#[test]
fn a_header_beyond_the_limit_is_not_read() {
    let draft = with("k", Value::List(0, 150_000_000, vec![]));
    let mut bytes = draft.bytes();
    bytes.resize(150_100_000, 0);
    let (answer, read) = metered(bytes);
    let Err(ContainerError::Gguf { fault, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!(fault, GgufFault::HeaderOverLimit { most: 100_000_000 });
    assert_eq!(read, 4096);
}

#[test]
fn twenty_thousand_modules_are_read() {
    let tensor = |i: u64| {
        let half = if i.is_multiple_of(2) { "a" } else { "b" };
        Tensor { name: format!("blk.{}.attn_q.weight.lora_{half}", i / 2), number: 0, ne: vec![1, 1], data: vec![0; 4] }
    };
    let (answer, _) = metered(Draft::new(&[], (0..40_000).map(tensor).collect()).bytes());
    assert_eq!(answer.unwrap().tensors.len(), 40_000);
}
