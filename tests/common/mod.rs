//! What the native tests share: fixtures read from disk, and files built in memory. Beside it lie the parts
//! that need more of the workspace, which a test program declares where it has that.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::fs;
use std::path::PathBuf;

pub mod gguf;
pub mod mlx;

use lorascope_format::adapter::{Adapter, AdapterError, PeftConfig};
use lorascope_format::bytes::MemorySource;
use lorascope_format::container::{ContainerError, Dtype, Header, TensorType, byte_len, read_header};
use serde_json::Value;

pub fn fixtures() -> PathBuf {
    xtask::proc::root().join("tests/fixtures")
}

/// A file below `tests/fixtures`, under the path that a drop of its folder gives it.
pub fn fixture(path: &str) -> MemorySource {
    let bytes = fs::read(fixtures().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    MemorySource::new(path, bytes)
}

pub fn json(path: &str) -> Value {
    let text = fs::read_to_string(fixtures().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

pub fn header_of(source: &MemorySource) -> Result<Header, ContainerError> {
    pollster::block_on(read_header(source))
}

pub fn config(text: &str) -> PeftConfig {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => PeftConfig::read(&object),
        other => panic!("not an object: {other:?}"),
    }
}

/// The adapter of a fixture folder, with its configuration.
pub fn peft_fixture(folder: &str) -> Adapter {
    let header = header_of(&fixture(&format!("{folder}/adapter_model.safetensors"))).unwrap();
    let config = config(&fs::read_to_string(fixtures().join(folder).join("adapter_config.json")).unwrap());
    lorascope_format::adapter::read(&header, Some(&config)).unwrap()
}

/// A safetensors file of F32 tensors, all elements 0.5, in the given order.
pub fn f32_file(tensors: &[(&str, &[u64])]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut at = 0;
    for (name, shape) in tensors {
        let end = at + 4 * shape.iter().product::<u64>();
        let entry = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [at, end] });
        entries.push(format!("{}:{entry}", Value::from(*name)));
        at = end;
    }
    let body: Vec<u8> = (0..at / 4).flat_map(|_| 0.5f32.to_le_bytes()).collect();
    file(&format!("{{{}}}", entries.join(",")), &body)
}

/// A header's text and a body, framed.
pub fn file(header: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Reads an adapter of F32 tensors.
pub fn read_f32(tensors: &[(&str, &[u64])], config: Option<&PeftConfig>) -> Result<Adapter, AdapterError> {
    let header = header_of(&MemorySource::new("adapter.safetensors", f32_file(tensors))).unwrap();
    lorascope_format::adapter::read(&header, config)
}

/// The hostile corpus's adapter of 20,000 modules of rank 1, one layer each.
pub fn twenty_thousand_modules() -> Vec<u8> {
    let entries: Vec<String> = (0..40_000)
        .map(|i| {
            let (layer, factor) = (i / 2, if i % 2 == 0 { "A" } else { "B" });
            format!(
                "\"base_model.model.model.layers.{layer}.q.lora_{factor}.weight\": {{\"dtype\": \"F32\", \
                 \"shape\": [1, 1], \"data_offsets\": [{}, {}]}}",
                4 * i,
                4 * i + 4
            )
        })
        .collect();
    let body: Vec<u8> = (0..40_000).flat_map(|_| 0.5f32.to_le_bytes()).collect();
    file(&format!("{{{}}}", entries.join(", ")), &body)
}

/// A file of the hostile corpus, as dropped alone or beside its `adapter_config.json`.
pub fn hostile(name: &str) -> MemorySource {
    if name == "twenty-thousand-modules.safetensors" {
        return MemorySource::new(name, twenty_thousand_modules());
    }
    MemorySource::new(name, fs::read(fixtures().join("hostile").join(name)).unwrap_or_else(|e| panic!("{name}: {e}")))
}

/// The corpus's manifest: file name, verdict, `must_say`.
pub fn hostile_manifest() -> Vec<(String, String, Option<String>)> {
    let Value::Object(manifest) = json("hostile/manifest.json") else { panic!("the manifest is no object") };
    let text = |v: &Value, key: &str| v.get(key).and_then(Value::as_str).map(str::to_owned);
    manifest.iter().map(|(name, v)| (name.clone(), text(v, "verdict").unwrap(), text(v, "must_say"))).collect()
}

/// A safetensors file of zeros.
pub fn typed_file(tensors: &[(&str, Dtype, &[u64])]) -> Vec<u8> {
    let (mut entries, mut at) = (serde_json::Map::new(), 0);
    for &(name, dtype, shape) in tensors {
        let end = at + byte_len(dtype, shape).unwrap();
        let dtype = TensorType::Known(dtype).name();
        let entry = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [at, end] });
        entries.insert(name.to_owned(), entry);
        at = end;
    }
    file(&Value::Object(entries).to_string(), &vec![0; at as usize])
}
