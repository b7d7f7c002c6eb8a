//! safetensors files as MLX writes them (`mlx/io/safetensors.cpp`): `"__metadata__": null`, the JSON's keys in
//! alphabetical order, the data in that of a hash map, and no padding.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::file;
use super::gguf::Kind;

/// A tensor to be written: its name, its dtype (not Q8_0), its row-major shape and its numbers.
pub struct Tensor {
    pub name: String,
    pub kind: Kind,
    pub shape: Vec<u64>,
    pub numbers: Vec<f32>,
}

pub fn tensor(name: &str, kind: Kind, shape: &[u64], numbers: &[f32]) -> Tensor {
    assert_eq!(shape.iter().product::<u64>(), numbers.len() as u64, "{name}");
    Tensor { name: name.to_owned(), kind, shape: shape.to_vec(), numbers: numbers.to_vec() }
}

/// The file, whose data lie in an order that has nothing to do with the names.
pub fn write(tensors: &[Tensor]) -> Vec<u8> {
    let mut order: Vec<&Tensor> = tensors.iter().collect();
    order.sort_by_key(|tensor| hash(&tensor.name));
    let mut entries = BTreeMap::from([("__metadata__", Value::Null)]);
    let mut data = Vec::new();
    for Tensor { name, kind, shape, numbers } in order {
        let dtype = match kind {
            Kind::F32 => "F32",
            Kind::F16 => "F16",
            Kind::Bf16 => "BF16",
            Kind::Q8_0 => panic!("safetensors has no Q8_0"),
        };
        let begin = data.len();
        data.extend(kind.encode(numbers));
        let entry = json!({ "data_offsets": [begin, data.len()], "dtype": dtype, "shape": shape });
        assert!(entries.insert(name, entry).is_none(), "{name} is given twice");
    }
    let entries: Vec<String> = entries.iter().map(|(name, entry)| format!("{}:{entry}", json!(name))).collect();
    file(&format!("{{{}}}", entries.join(",")), &data)
}

/// FNV-1a: the same order in every run.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
