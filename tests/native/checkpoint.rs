//! Checkpoints: which files belong together, in which order states come, which tensor is a module's weight.

mod changed;
mod held;
mod matching;
mod quantised;
mod sets;

use lorascope::container::{Dtype, TensorType, byte_len};

/// A safetensors file of zeros.
fn typed_file(tensors: &[(&str, Dtype, &[u64])]) -> Vec<u8> {
    let (mut entries, mut at) = (serde_json::Map::new(), 0);
    for &(name, dtype, shape) in tensors {
        let end = at + byte_len(dtype, shape).unwrap();
        let dtype = TensorType::Known(dtype).name();
        let entry = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [at, end] });
        entries.insert(name.to_owned(), entry);
        at = end;
    }
    crate::common::file(&serde_json::Value::Object(entries).to_string(), &vec![0; at as usize])
}
