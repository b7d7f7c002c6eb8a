use std::collections::{BTreeMap, HashSet};

use lorascope_engine::export::safetensors::{HeaderError, NewTensor, header};
use lorascope_format::bytes::MemorySource;
use lorascope_format::container::{Dtype, TensorType, byte_len};
use proptest::prelude::*;
use safetensors::SafeTensors;

use crate::common::header_of;

fn tensor(name: &str, dtype: Dtype, shape: &[u64]) -> NewTensor {
    NewTensor { name: name.to_owned(), dtype, shape: shape.to_vec() }
}

fn none() -> BTreeMap<String, String> {
    BTreeMap::new()
}

fn tensors() -> impl Strategy<Value = Vec<NewTensor>> {
    let dtype = prop::sample::select(vec![
        Dtype::F64,
        Dtype::F32,
        Dtype::F16,
        Dtype::BF16,
        Dtype::F8_E4M3,
        Dtype::I64,
        Dtype::U8,
        Dtype::BOOL,
    ]);
    let name = r#"[a-z."\\é\n ]{0,12}"#;
    let one = (name, dtype, prop::collection::vec(0u64..5, 0..4));
    prop::collection::vec(one, 0..12).prop_map(|all| {
        let mut names = HashSet::new();
        let all = all.into_iter().filter(|(name, ..)| names.insert(name.clone()));
        all.map(|(name, dtype, shape)| NewTensor { name, dtype, shape }).collect()
    })
}

proptest! {
    #[test]
    fn both_readers_read_what_was_described(
        tensors in tensors(),
        metadata in prop::collection::btree_map(r#"[a-z"\n]{0,6}"#, ".{0,9}", 0..4),
    ) {
        let new = header(&tensors, &metadata).unwrap();
        prop_assert_eq!(new.bytes.len() % 8, 0);
        let mut file = new.bytes.clone();
        file.resize(new.len as usize, 7);
        let ours = header_of(&MemorySource::new("new.safetensors", file.clone())).unwrap();
        prop_assert_eq!(&ours.metadata, &metadata);
        prop_assert_eq!(ours.tensors.len(), tensors.len());
        let (_, theirs) = SafeTensors::read_metadata(&file).unwrap();
        prop_assert_eq!(theirs.metadata().clone().unwrap_or_default(), metadata.into_iter().collect());
        let theirs = SafeTensors::deserialize(&file).unwrap();
        prop_assert_eq!(theirs.len(), tensors.len());
        let mut at = new.bytes.len() as u64;
        for ((tensor, range), ours) in tensors.iter().zip(&new.ranges).zip(&ours.tensors) {
            prop_assert_eq!(range.clone(), at..at + byte_len(tensor.dtype, &tensor.shape).unwrap());
            at = range.end;
            prop_assert_eq!((&ours.name, &ours.shape), (&tensor.name, &tensor.shape));
            prop_assert_eq!(&ours.dtype, &TensorType::Known(tensor.dtype));
            prop_assert_eq!(ours.begin..ours.end, range.clone());
            let view = theirs.tensor(&tensor.name).unwrap();
            prop_assert_eq!(view.dtype(), tensor.dtype);
            prop_assert!(view.shape().iter().map(|&d| d as u64).eq(tensor.shape.iter().copied()));
            prop_assert_eq!(view.data().len() as u64, range.end - range.start);
        }
        prop_assert_eq!(at, new.len);
    }
}

#[test]
fn sizes_are_64_bit() {
    let shapes: [&[u64]; 3] = [&[128_256, 4096], &[1 << 20, 1 << 12], &[8]];
    let tensors: Vec<NewTensor> =
        shapes.iter().zip(["a", "b", "c"]).map(|(shape, name)| tensor(name, Dtype::F32, shape)).collect();
    let new = header(&tensors, &none()).unwrap();
    let head = new.bytes.len() as u64;
    assert_eq!(new.ranges[1], head + 2_101_346_304..head + 2_101_346_304 + (1 << 34));
    assert_eq!(new.len, head + 2_101_346_304 + (1 << 34) + 32);
}

#[test]
fn no_metadata_is_written_where_there_is_none() {
    let new = header(&[tensor("x", Dtype::U8, &[3])], &none()).unwrap();
    let json = std::str::from_utf8(&new.bytes[8..]).unwrap();
    assert_eq!(json.trim_end(), r#"{"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#);
    assert_eq!(&new.bytes[..8], (json.len() as u64).to_le_bytes());
    assert_eq!(header(&[], &none()).unwrap().bytes, b"\x08\0\0\0\0\0\0\0{}      ");
}

#[test]
fn what_cannot_be_described_is_refused() {
    let twice = [tensor("x", Dtype::U8, &[1]), tensor("x", Dtype::F32, &[1])];
    assert_eq!(header(&twice, &none()), Err(HeaderError::Duplicate { name: "`x`".to_owned() }));
    assert_eq!(header(&[tensor("__metadata__", Dtype::U8, &[1])], &none()), Err(HeaderError::Reserved));
    for shape in [&[1 << 40, 1 << 40][..], &[1 << 62], &[u64::MAX]] {
        let error = header(&[tensor("x", Dtype::F32, shape)], &none()).unwrap_err();
        assert!(matches!(error, HeaderError::ShapeOverflow { .. }), "{error}");
    }
    let eighth = (1 << 61) - 1;
    let together: Vec<NewTensor> = (0..9).map(|n| tensor(&n.to_string(), Dtype::U8, &[eighth])).collect();
    assert!(header(&together[..7], &none()).is_ok());
    let error = header(&together, &none()).unwrap_err();
    assert!(matches!(error, HeaderError::ShapeOverflow { .. }), "{error}");
    let nibble = header(&[tensor("x", Dtype::F4, &[3])], &none()).unwrap_err();
    assert!(matches!(nibble, HeaderError::PartOfAByte { .. }), "{nibble}");
    let long = BTreeMap::from([("text".to_owned(), "x".repeat(100_000_000))]);
    let error = header(&[tensor("x", Dtype::U8, &[1])], &long).unwrap_err();
    assert!(error.to_string().contains("100,000,000"), "{error}");
}
