//! Projections to test the models with.

use lorascope_protocol::projection::PlanHead;
use lorascope_protocol::report::{FileReport, ProjectedModule, ProjectionReport, Quality};

/// A plan of so many modules.
pub fn head(rows: usize) -> PlanHead {
    PlanHead {
        rows,
        target: "the same sizes".to_owned(),
        base_model: Some("org/source".to_owned()),
        same_model: true,
        source_layers: 32,
        target_layers: None,
        kept: 0.9731,
        bytes: 42_100_000,
        dtype: "BF16".to_owned(),
        left_out: Vec::new(),
        warnings: Vec::new(),
    }
}

/// A report without modules.
pub fn projection(adapter: &str) -> ProjectionReport {
    ProjectionReport {
        adapter: adapter.to_owned(),
        method: "svd".to_owned(),
        target: "the same sizes".to_owned(),
        base_model: None,
        file: FileReport { name: "adapter_model.safetensors".to_owned(), bytes: 42_100_000 },
        dtype: "BF16".to_owned(),
        modules: Vec::new(),
        left_out: Vec::new(),
        warnings: Vec::new(),
        quality: Quality { energy_kept: Some(0.9731), ..Quality::default() },
    }
}

/// A module of 64×32 taken from rank 16 to `rank`.
pub fn projected(name: &str, rank: u32, kept: f64) -> ProjectedModule {
    ProjectedModule {
        name: name.to_owned(),
        source: name.to_owned(),
        shape: [64, 32],
        source_shape: [64, 32],
        rank,
        source_rank: 16,
        scale: 2.0,
        gain: 1.0,
        frobenius: 1.5,
        singular_values: vec![1.0; rank as usize],
        quality: Quality { energy_kept: Some(kept), ..Quality::default() },
    }
}
