#![no_main]
//! A header in lines, and after a NUL the text of an `adapter_config.json`, as an adapter.
//!
//! A line is a tensor, `F32 8x16 name`, or a pair of the metadata, `@key=value`; a first line `GGUF` makes it the
//! header of such a file. So most inputs get past the container, which has targets of its own.

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use lorascope_format::adapter::{self, PeftConfig};
use lorascope_format::container::{Dtype, Format, Header, TensorEntry, TensorType, byte_len};
use lorascope_fuzz::bounded;
use serde_json::Value;

/// Bytes of tensors that count as input, at most.
const BODY: u64 = 64 << 10;

fuzz_target!(|text: &str| {
    let (lines, config) = text.split_once('\0').unwrap_or((text, ""));
    let header = header(lines);
    // Experts that share their tensors become a module each, and each has bytes of its own in the file.
    let body: u64 = header.tensors.iter().map(TensorEntry::byte_len).fold(0, u64::saturating_add);
    let size = text.len() + body.min(BODY) as usize;
    let read = |config: Option<&PeftConfig>| {
        if let Ok(adapter) = bounded(size, 256, || adapter::read(&header, config)) {
            assert!(adapter.modules.len() <= size);
        }
    };
    read(None);
    if let Ok(Value::Object(object)) = serde_json::from_str(config) {
        read(Some(&bounded(text.len(), 256, || PeftConfig::read(&object))));
    }
});

/// What a container's reader could give: no name twice, sizes that fit the dtype and do not overflow.
fn header(lines: &str) -> Header {
    let mut header = Header { format: Format::Safetensors, tensors: Vec::new(), metadata: Default::default() };
    let mut names = HashSet::new();
    let mut at = 0;
    for line in lines.lines() {
        if let Some((key, value)) = line.strip_prefix('@').and_then(|pair| pair.split_once('=')) {
            header.metadata.insert(key.to_owned(), value.to_owned());
        } else if line == "GGUF" {
            header.format = Format::Gguf;
        } else if let Some(tensor) = tensor(line, at).filter(|tensor| names.insert(tensor.name.clone())) {
            at = tensor.end;
            header.tensors.push(tensor);
        }
    }
    header
}

fn tensor(line: &str, begin: u64) -> Option<TensorEntry> {
    let mut parts = line.splitn(3, ' ');
    let (dtype, shape, name) = (parts.next()?, parts.next()?, parts.next()?);
    let numbers = shape.split('x').filter(|part| !part.is_empty()).map(|part| part.parse().ok());
    let shape: Vec<u64> = numbers.collect::<Option<_>>()?;
    let known = serde_json::from_value::<Dtype>(Value::from(dtype)).ok();
    let size = match (known, dtype) {
        (Some(dtype), _) => byte_len(dtype, &shape)?,
        (None, "Q8_0") => byte_len(Dtype::U8, &shape)? / 32 * 34,
        (None, _) => byte_len(Dtype::U8, &shape)?,
    };
    let dtype = match (known, dtype) {
        (Some(dtype), _) => TensorType::Known(dtype),
        (None, "Q8_0") => TensorType::Q8_0,
        (None, name) => TensorType::Unknown(name.to_owned()),
    };
    Some(TensorEntry { name: name.to_owned(), dtype, shape, begin, end: begin.checked_add(size)? })
}
