#![no_main]
//! Any bytes after the magic as a GGUF file.

use libfuzzer_sys::fuzz_target;
use lorascope_format::bytes::MemorySource;
use lorascope_format::container::{Format, read_header};
use lorascope_fuzz::{GGUF_TIMES, bounded};

fuzz_target!(|data: &[u8]| {
    let bytes = [b"GGUF", data.strip_prefix(b"GGUF").unwrap_or(data)].concat();
    let source = MemorySource::new("x.gguf", bytes.as_slice());
    match bounded(bytes.len(), GGUF_TIMES, || pollster::block_on(read_header(&source))) {
        Ok(header) => {
            assert_eq!(header.format, Format::Gguf);
            let mut places: Vec<(u64, u64)> = header.tensors.iter().map(|t| (t.begin, t.end)).collect();
            places.sort_unstable();
            assert!(places.iter().all(|&(begin, end)| begin <= end && end <= bytes.len() as u64));
            assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with("x.gguf: ") && text.len() < 4096, "{text}");
        }
    }
});
