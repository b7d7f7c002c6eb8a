#![no_main]
//! Any bytes as a safetensors file.

use libfuzzer_sys::fuzz_target;
use lorascope_format::bytes::MemorySource;
use lorascope_format::container::{ContainerError, Format, read_header};
use lorascope_fuzz::{HEADER_TIMES, bounded};

fuzz_target!(|data: &[u8]| {
    let source = MemorySource::new("x.safetensors", data);
    match bounded(data.len(), HEADER_TIMES, || pollster::block_on(read_header(&source))) {
        Ok(header) if header.format == Format::Safetensors => {
            // Every byte after the header belongs to exactly one tensor.
            let taken: u64 = header.tensors.iter().map(|tensor| tensor.byte_len()).sum();
            let body = data.first_chunk().map(|prefix| data.len() as u64 - 8 - u64::from_le_bytes(*prefix));
            assert_eq!(Some(taken), body);
        }
        Ok(_) | Err(ContainerError::Gguf { .. }) => {}
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with("x.safetensors: ") && text.len() < 4096, "{text}");
        }
    }
});
