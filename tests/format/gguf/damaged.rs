//! What is refused, each fault in its own words.

use super::{fault, read, small, with};
use crate::common::gguf::{Draft, Tensor, Value, string};
use lorascope_format::container::gguf::{GgufFault, Part};
use lorascope_format::container::{ContainerError, LayoutFault};

/// The small file after a change of its header, before the padding.
fn patched(find: &[u8], put: &[u8]) -> Vec<u8> {
    let mut bytes = small().bytes();
    let at = bytes.windows(find.len()).position(|window| window == find).expect("what is to be patched");
    bytes[at..at + put.len()].copy_from_slice(put);
    bytes
}

#[test]
fn versions_and_byte_orders() {
    for version in [0, 1, 4, 1 << 31 | 1] {
        assert_eq!(fault(Draft { version, ..small() }.bytes()), GgufFault::Version { version });
    }
    for version in [2u32, 3] {
        let draft = Draft { version: version.swap_bytes(), ..small() };
        assert_eq!(fault(draft.bytes()), GgufFault::BigEndian);
        assert!(read(draft.bytes()).unwrap_err().to_string().contains("big-endian"));
    }
}

#[test]
fn counts_beyond_the_file_are_refused_before_anything_is_kept() {
    for count in [100, 1 << 40, u64::MAX] {
        let len = small().bytes().len() as u64;
        let tensors = fault(Draft { tensor_count: Some(count), ..small() }.bytes());
        assert_eq!(tensors, GgufFault::CountPastEnd { part: Part::Tensors, count, len });
        let values = fault(Draft { value_count: Some(count), ..small() }.bytes());
        assert_eq!(values, GgufFault::CountPastEnd { part: Part::Values, count, len });
    }
    // Room for it, and still too many.
    let mut bytes = Draft { tensor_count: Some(1_000_001), ..small() }.bytes();
    bytes.resize(25_000_000, 0);
    let (count, most) = (1_000_001, 1_000_000);
    assert_eq!(fault(bytes), GgufFault::CountOverLimit { part: Part::Tensors, count, most });
}

#[test]
fn one_more_than_there_is() {
    // The pairs end early, and a tensor's description is read as a pair; or the descriptions do, and padding is.
    for draft in [Draft { value_count: Some(6), ..small() }, Draft { tensor_count: Some(3), ..small() }] {
        let answer = read(draft.bytes());
        assert!(matches!(answer, Err(ContainerError::Gguf { .. })), "{answer:?}");
    }
}

#[test]
fn texts_beyond_the_file() {
    for claimed in [1 << 20, 1 << 62, u64::MAX] {
        let bytes = patched(&string("general.type"), &u64::to_le_bytes(claimed));
        let len = bytes.len() as u64;
        assert_eq!(fault(bytes), GgufFault::TextPastEnd { part: Part::Values, bytes: claimed, len });
        let bytes = patched(&string("blk.0.attn_q.weight.lora_a"), &u64::to_le_bytes(claimed));
        assert_eq!(fault(bytes), GgufFault::TextPastEnd { part: Part::Tensors, bytes: claimed, len });
    }
}

#[test]
fn names() {
    let long = with(&"k".repeat(65_536), Value::U8(0)).bytes();
    assert_eq!(fault(long), GgufFault::NameTooLong { part: Part::Values, bytes: 65_536, most: 65_535 });
    let mut draft = small();
    draft.tensors[0].name = "n".repeat(1025);
    assert_eq!(fault(draft.bytes()), GgufFault::NameTooLong { part: Part::Tensors, bytes: 1025, most: 1024 });
    assert_eq!(fault(patched(b"general.type", &[0xff])), GgufFault::NameNotUtf8 { part: Part::Values });
    assert_eq!(fault(patched(b"blk.0", &[0xff])), GgufFault::NameNotUtf8 { part: Part::Tensors });
    let twice = with("general.type", Value::U8(0)).bytes();
    assert_eq!(fault(twice), GgufFault::DuplicateKey { key: "`general.type`".to_owned() });
    let mut draft = small();
    draft.tensors[1].name = draft.tensors[0].name.clone();
    let name = "`blk.0.attn_q.weight.lora_a`".to_owned();
    assert_eq!(fault(draft.bytes()), GgufFault::Layout(LayoutFault::Duplicate { name }));
}

#[test]
fn values() {
    let key = || "`k`".to_owned();
    let mut bool = with("k", Value::Bool(true)).bytes();
    let at = bool.windows(6).position(|window| window == [b'k', 7, 0, 0, 0, 1]).unwrap();
    bool[at + 5] = 2;
    assert_eq!(fault(bool), GgufFault::NotABool { key: key(), byte: 2 });
    let mut kind = with("k", Value::Bool(true)).bytes();
    kind[at + 1] = 13;
    assert_eq!(fault(kind), GgufFault::ValueKind { key: key(), kind: 13 });
    let list = with("k", Value::List(14, 1, vec![0])).bytes();
    assert_eq!(fault(list), GgufFault::ValueKind { key: key(), kind: 14 });
    for (kind, count) in [(0, 1 << 30), (8, 1 << 20), (9, 1 << 20), (10, u64::MAX), (4, 1 << 62)] {
        let bytes = with("k", Value::List(kind, count, vec![])).bytes();
        let len = bytes.len() as u64;
        assert_eq!(fault(bytes), GgufFault::ListPastEnd { key: key(), count, len });
    }
    let mut nested = [&0u32.to_le_bytes()[..], &0u64.to_le_bytes()].concat();
    for depth in 1..=4 {
        let bytes = with("k", Value::List(9, 1, nested.clone())).bytes();
        match depth {
            1..=3 => assert!(read(bytes).is_ok(), "{depth}"),
            _ => assert_eq!(fault(bytes), GgufFault::TooDeep { key: key(), most: 4 }),
        }
        nested = [&9u32.to_le_bytes()[..], &1u64.to_le_bytes(), &nested].concat();
    }
}

#[test]
fn alignments() {
    for (value, given) in
        [(Value::U32(0), "`0`"), (Value::U32(48), "`48`"), (Value::U64(32), "`32`"), (Value::text("32"), "`32`")]
    {
        let bytes = with("general.alignment", value).bytes();
        assert_eq!(fault(bytes), GgufFault::Alignment { given: given.to_owned() });
    }
    // Two gigabytes: the data then begin past the end.
    let bytes = with("general.alignment", Value::U32(1 << 31)).bytes();
    assert!(matches!(fault(bytes), GgufFault::TensorPastEnd { end: 0x8000_0000, .. }));
}

fn lone(number: u32, ne: &[u64], size: usize) -> GgufFault {
    let data = vec![0; size];
    fault(Draft::new(&[], vec![Tensor { name: "t".to_owned(), number, ne: ne.to_vec(), data }]).bytes())
}

#[test]
fn shapes() {
    let name = || "`t`".to_owned();
    assert_eq!(lone(0, &[1; 5], 4), GgufFault::Dimensions { name: name(), count: 5, most: 4 });
    let shape = "[4294967296, 4294967296]".to_owned();
    let overflow = GgufFault::Layout(LayoutFault::ShapeOverflow { name: name(), shape });
    assert_eq!(lone(0, &[1 << 32, 1 << 32], 4), overflow);
    assert!(matches!(lone(0, &[1 << 62], 4), GgufFault::Layout(LayoutFault::ShapeOverflow { .. })), "times 4 bytes");
    assert!(matches!(lone(0, &[0, 1 << 62, 1 << 62], 4), GgufFault::Layout(LayoutFault::ShapeOverflow { .. })));
    assert!(matches!(lone(0, &[1 << 40], 4), GgufFault::TensorPastEnd { .. }));
    for (number, dtype, ne, block) in
        [(8, "Q8_0", &[48, 32][..], 32), (12, "Q4_K", &[128], 256), (8, "Q8_0", &[], 32), (8, "Q8_0", &[1, 32], 32)]
    {
        let shape = format!("{:?}", ne.iter().rev().collect::<Vec<_>>());
        let dtype = dtype.to_owned();
        assert_eq!(lone(number, ne, 2000), GgufFault::PartOfABlock { name: name(), dtype, shape, block });
    }
    assert!(matches!(lone(99, &[1 << 20], 64), GgufFault::Layout(LayoutFault::Implausible { held: 64, .. })));
}

#[test]
fn places() {
    let name = || "`blk.0.attn_q.weight.lora_b`".to_owned();
    let at = |offset| fault(Draft { offsets: vec![(1, offset)], ..small() }.bytes());
    assert_eq!(at(40), GgufFault::Unaligned { name: name(), offset: 40, alignment: 32 });
    assert!(matches!(at(0), GgufFault::Layout(LayoutFault::Overlap { .. })));
    let len = small().bytes().len() as u64;
    let data = len - 64;
    assert_eq!(at(64), GgufFault::TensorPastEnd { name: name(), end: len + 12, len });
    assert_eq!(at(1 << 50), GgufFault::TensorPastEnd { name: name(), end: data + (1 << 50), len });
    assert_eq!(at(u64::MAX - 31), GgufFault::TensorPastEnd { name: name(), end: u64::MAX, len });
}

#[test]
fn every_truncation_is_refused_in_words() {
    let whole = small().bytes();
    let tensors = read(whole.clone()).unwrap().tensors;
    let needed = tensors.iter().map(|tensor| tensor.end).max().unwrap() as usize;
    for len in 0..whole.len() {
        let cut = whole[..len].to_vec();
        match read(cut.clone()) {
            Ok(_) => assert!(len >= needed, "{len} bytes are enough?"),
            Err(_) if len < 4 => {}
            Err(_) => {
                assert!(len < needed, "{len} bytes are not enough?");
                let text = fault(cut).to_string();
                assert!(text.contains("truncated") || text.contains("past the end") || text.contains("more than fit"));
            }
        }
    }
}
