//! Extractions to test the models with.

use lorascope_protocol::report::{ExtractedModule, ExtractionReport, FileReport};

/// A report without modules.
pub fn extraction() -> ExtractionReport {
    ExtractionReport {
        from: "base".to_owned(),
        to: "merged".to_owned(),
        rank_rule: "rank 8".to_owned(),
        file: FileReport { name: "adapter_model.safetensors".to_owned(), bytes: 42_100_000 },
        dtype: "F32".to_owned(),
        modules: Vec::new(),
        left_out: Vec::new(),
        warnings: Vec::new(),
        update_norm: 12.0,
        error: 0.2,
    }
}

pub fn extracted(name: &str, rank: u32, error: f64) -> ExtractedModule {
    ExtractedModule {
        name: name.to_owned(),
        shape: [64, 32],
        rank,
        update_norm: 1.5,
        error,
        singular_values: vec![1.0; rank as usize],
    }
}
