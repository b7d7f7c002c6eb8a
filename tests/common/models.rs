//! Checkpoints of the small Llama: read as dense matrices, and with an adapter merged in.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::collections::BTreeMap;

use half::bf16;
use lorascope_format::bytes::{ByteSource, MemorySource};
use lorascope_format::container::TensorType;
use nalgebra::DMatrix;
use serde_json::{Map, json};

use crate::common::{file, fixture, header_of};

/// Every weight matrix by its module's path, in f64.
pub fn weights(source: &MemorySource) -> BTreeMap<String, DMatrix<f64>> {
    let header = header_of(source).unwrap();
    let matrices = header.tensors.iter().filter(|tensor| tensor.shape.len() == 2);
    matrices
        .filter_map(|tensor| {
            let bytes = pollster::block_on(source.read(tensor.begin..tensor.end)).unwrap();
            let TensorType::Known(dtype) = tensor.dtype else { return None };
            let dtype = lorascope_engine::factor_type::of_dtype(dtype)?;
            let (rows, cols) = (tensor.shape[0] as usize, tensor.shape[1] as usize);
            let numbers = (0..rows * cols).map(|n| dtype.decode(&bytes, n));
            Some((tensor.name.strip_suffix(".weight")?.to_owned(), DMatrix::from_row_iterator(rows, cols, numbers)))
        })
        .collect()
}

/// `merged/model.safetensors`: a checkpoint with updates added to its weights, all of it rounded to bf16.
pub fn merged(base: &str, delta: &BTreeMap<String, DMatrix<f64>>) -> MemorySource {
    let mut header = Map::new();
    let mut body: Vec<u8> = Vec::new();
    for (path, weight) in weights(&fixture(base)) {
        let sum = delta.get(&path).map_or_else(|| weight.clone(), |delta| &weight + delta);
        let begin = body.len();
        body.extend(sum.transpose().iter().flat_map(|&x| bf16::from_f64(x).to_le_bytes()));
        let entry =
            json!({ "dtype": "BF16", "shape": [sum.nrows(), sum.ncols()], "data_offsets": [begin, body.len()] });
        header.insert(format!("{path}.weight"), entry);
    }
    MemorySource::new("merged/model.safetensors", file(&serde_json::Value::Object(header).to_string(), &body))
}
