//! What is read.

use super::{read, small, with};
use crate::common::gguf::{Draft, Kind, Tensor, Value, adapter, string, tensor};
use crate::common::{fixture, header_of};
use lorascope_format::container::{Dtype, Format, TensorType};

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * 0.7).sin()).collect()
}

#[test]
fn tensors_lie_where_the_header_says() {
    let tensors = vec![
        tensor("a", Kind::F32, &[3, 5], &numbers(15)),
        tensor("b", Kind::F16, &[7], &numbers(7)),
        tensor("c", Kind::Bf16, &[2, 3, 4], &numbers(24)),
        tensor("d", Kind::Q8_0, &[2, 64], &numbers(128)),
        tensor("e", Kind::F32, &[], &numbers(1)),
        tensor("f", Kind::F32, &[0, 4], &[]),
    ];
    let bytes = adapter(8.0, tensors.clone());
    let header = read(bytes.clone()).unwrap();
    assert_eq!(header.format, Format::Gguf);
    let known = |dtype| TensorType::Known(dtype);
    let types = [
        known(Dtype::F32),
        known(Dtype::F16),
        known(Dtype::BF16),
        TensorType::Q8_0,
        known(Dtype::F32),
        known(Dtype::F32),
    ];
    let shapes: [&[u64]; 6] = [&[3, 5], &[7], &[2, 3, 4], &[2, 64], &[], &[0, 4]];
    assert_eq!(header.tensors.len(), tensors.len());
    for (i, entry) in header.tensors.iter().enumerate() {
        assert_eq!((&entry.name, &entry.dtype, entry.shape.as_slice()), (&tensors[i].name, &types[i], shapes[i]));
        assert_eq!(bytes[entry.begin as usize..entry.end as usize], tensors[i].data, "{}", entry.name);
    }
}

#[test]
fn values_become_texts() {
    let long = "x".repeat(70_000);
    let list = |kind, count, bytes: &[u8]| Value::List(kind, count, bytes.to_vec());
    let nested = [&8u32.to_le_bytes()[..], &1u64.to_le_bytes(), &string("a")].concat();
    for (value, text) in [
        (Value::U8(255), "255"),
        (Value::I8(-3), "-3"),
        (Value::U16(65_535), "65535"),
        (Value::I16(-300), "-300"),
        (Value::U32(4_000_000_000), "4000000000"),
        (Value::I32(-70_000), "-70000"),
        (Value::F32(0.1), "0.1"),
        (Value::F32(16.0), "16"),
        (Value::Bool(true), "true"),
        (Value::Bool(false), "false"),
        (Value::text("a\nb é"), "a\nb é"),
        (Value::U64(u64::MAX), "18446744073709551615"),
        (Value::I64(i64::MIN), "-9223372036854775808"),
        (Value::F64(1e-5), "0.00001"),
        (Value::texts(&["one", "", "three"]), "(a list of 3 texts)"),
        (list(4, 2, &[0; 8]), "(a list of 2 whole numbers)"),
        (list(6, 1, &[0; 4]), "(a list of 1 numbers)"),
        (list(7, 3, &[7; 3]), "(a list of 3 booleans)"),
        (list(12, 0, &[]), "(a list of 0 numbers)"),
        (list(9, 1, &nested), "(a list of 1 lists)"),
        (Value::text(&long), "(a text of 70000 bytes)"),
    ] {
        let header = read(with("some.key", value).bytes()).unwrap();
        assert_eq!(header.metadata["some.key"], text);
        assert_eq!(header.metadata["general.type"], "adapter");
        assert_eq!(header.metadata["adapter.lora.alpha"], "4");
    }
}

#[test]
fn a_text_that_is_not_utf_8_is_shown_as_far_as_it_is() {
    let mut bytes = with("some.key", Value::text("caf\u{1}")).bytes();
    let at = bytes.windows(4).position(|window| window == b"caf\x01").unwrap();
    bytes[at + 3] = 0xe9;
    assert_eq!(read(bytes).unwrap().metadata["some.key"], "caf\u{fffd}");
}

#[test]
fn both_versions_and_other_alignments_are_read() {
    for version in [2, 3] {
        assert_eq!(read(Draft { version, ..small() }.bytes()).unwrap().tensors.len(), 2);
    }
    for alignment in [1, 8, 64, 4096] {
        let draft = Draft { alignment, ..with("general.alignment", Value::U32(alignment as u32)) };
        let header = read(draft.bytes()).unwrap();
        let begin = draft.parts().0.len().next_multiple_of(alignment) as u64;
        assert_eq!(header.tensors[0].begin, begin);
        assert_eq!(header.tensors[1].begin, (begin + 32).next_multiple_of(alignment as u64));
    }
}

#[test]
fn unused_bytes_may_lie_between_tensors_and_after_them() {
    let mut bytes = small().bytes();
    // The last tensor's padding, which some writers leave out.
    bytes.truncate(bytes.len() - 20);
    assert_eq!(read(bytes.clone()).unwrap().tensors[1].end, bytes.len() as u64);
    bytes.extend([7; 1000]);
    assert!(read(bytes).is_ok());
    let header = read(Draft { offsets: vec![(0, 32), (1, 0)], ..small() }.bytes()).unwrap();
    assert!(header.tensors[1].begin < header.tensors[0].begin, "the data in another order");
    assert!(read(Draft::new(&[], vec![]).bytes()).unwrap().tensors.is_empty(), "nothing at all");
}

/// `(number, name, numbers in a block, bytes of a block)`, from `ggml-common.h`.
const BLOCKS: &[(u32, &str, u64, u64)] = &[
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (34, "TQ1_0", 256, 54),
    (39, "MXFP4", 32, 17),
    (40, "NVFP4", 64, 36),
];

#[test]
fn other_types_are_listed_with_their_names_and_sizes() {
    for &(number, name, block, size) in BLOCKS {
        let data = vec![0; 6 * size as usize];
        let other = Tensor { name: "t".to_owned(), number, ne: vec![2 * block, 3], data };
        let header = read(Draft::new(&[], vec![other]).bytes()).unwrap();
        let entry = &header.tensors[0];
        assert_eq!((entry.dtype.name().as_str(), entry.byte_len()), (name, 6 * size));
        assert_eq!(entry.shape, [3, 2 * block]);
    }
    for (number, dtype) in [(24, Dtype::I8), (25, Dtype::I16), (26, Dtype::I32), (27, Dtype::I64), (28, Dtype::F64)] {
        let size = lorascope_format::container::byte_len(dtype, &[3]).unwrap() as usize;
        let other = Tensor { name: "t".to_owned(), number, ne: vec![3], data: vec![0; size] };
        let header = read(Draft::new(&[], vec![other]).bytes()).unwrap();
        assert_eq!((&header.tensors[0].dtype, header.tensors[0].byte_len()), (&TensorType::Known(dtype), size as u64));
    }
}

/// A type that is newer than the table: its tensor takes the bytes up to the next one.
#[test]
fn a_type_without_a_name_is_listed_by_its_number() {
    let other = Tensor { name: "t".to_owned(), number: 99, ne: vec![40], data: vec![1; 50] };
    let mut draft = small();
    draft.tensors.insert(1, other);
    let header = read(draft.bytes()).unwrap();
    let [first, entry, last] = header.tensors.as_slice() else { panic!("{header:?}") };
    assert_eq!(entry.dtype, TensorType::Unknown("ggml type 99".to_owned()));
    assert_eq!((entry.begin, entry.end), (first.end, last.begin));
}

/// Written by the gguf package of llama.cpp (`tests/fixtures/gguf/write.py`).
#[test]
fn a_file_of_llama_cpps_own_writer() {
    let source = fixture("gguf/adapter.gguf");
    let header = header_of(&source).unwrap();
    let shown: Vec<_> =
        header.tensors.iter().map(|t| (t.name.as_str(), t.dtype.name(), t.shape.clone(), t.byte_len())).collect();
    assert_eq!(
        shown,
        [
            ("blk.0.attn_q.weight.lora_a", "F32".to_owned(), vec![4, 32], 512),
            ("blk.0.attn_q.weight.lora_b", "F16".to_owned(), vec![24, 4], 192),
            ("blk.0.ffn_up.weight.lora_a", "Q8_0".to_owned(), vec![4, 64], 272),
            ("blk.0.ffn_up.weight.lora_b", "BF16".to_owned(), vec![6, 4], 48),
        ]
    );
    assert_eq!(header.metadata["adapter.lora.alpha"], "16");
    assert_eq!(header.metadata["general.tags"], "(a list of 2 texts)");
}
