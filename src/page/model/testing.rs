//! Reports to test the models with.

use std::collections::BTreeMap;

use lorascope_protocol::names;
use lorascope_protocol::report::{AdapterReport, DomainReport, ModuleReport, RankRange};
use lorascope_protocol::{Head, ItemId, JobId, Piece, ToPage};

/// A result as the engine sends it.
pub fn result(job: Option<JobId>, head: Head, pieces: Vec<Piece>) -> Vec<ToPage> {
    let head = ToPage::Result { job, head, pieces: pieces.len() };
    [head].into_iter().chain(pieces.into_iter().map(ToPage::Piece)).collect()
}

/// An analysed adapter of that label, of which `pieces` follow.
pub fn analysed(item: ItemId, label: &str, pieces: usize) -> ToPage {
    ToPage::Result { job: None, head: Head::Adapter { item, report: Box::new(adapter(label)) }, pieces }
}

/// A module of the given path, with σ = 2, 1, …, halving `rank` times.
pub fn module(name: &str, layer: Option<u32>, role: &str, rank: u32) -> ModuleReport {
    let singular_values: Vec<f64> = (0..rank).map(|i| 2.0 * 0.5f64.powi(i as i32)).collect();
    let energy: f64 = singular_values.iter().map(|s| s * s).sum();
    ModuleReport {
        name: name.to_owned(),
        layer,
        stack: String::new(),
        kind: "attn".to_owned(),
        depth: "early".to_owned(),
        role: role.to_owned(),
        shape: [64, 32],
        rank,
        scale: 2.0,
        scale_source: "alpha 16 / r 8, adapter_config".to_owned(),
        dtype: "F32".to_owned(),
        algorithm: "LoRA".to_owned(),
        note: None,
        copy_of: None,
        unlisted: None,
        truncated: false,
        frobenius: energy.sqrt(),
        singular_values,
        energy_share: 0.25,
        stable_rank: energy / 4.0,
        effective_rank: 1.5,
        numerical_rank: rank,
        spectral_entropy: 0.4,
    }
}

/// Modules of these paths, at their places in the model.
pub fn placed(paths: &[&str]) -> Vec<ModuleReport> {
    let mut places: Vec<_> = paths.iter().map(|path| names::place(path)).collect();
    names::settle_stacks(&mut places);
    let at = |(path, place): (&&str, names::Place)| ModuleReport {
        stack: place.stack,
        ..module(path, place.layer, &place.role, 4)
    };
    paths.iter().zip(places).map(at).collect()
}

/// An adapter's report without modules.
pub fn adapter(label: &str) -> AdapterReport {
    AdapterReport {
        label: label.to_owned(),
        format: "PEFT LoRA".to_owned(),
        base_model: None,
        total_layers: 6,
        total_layers_source: "largest layer number".to_owned(),
        rank: RankRange { min: 4, max: 4 },
        parameters: 1000,
        energy: 4.0,
        modules: Vec::new(),
        not_analyzed: Vec::new(),
        warnings: Vec::new(),
        metadata: BTreeMap::new(),
        domains: DomainReport {
            own: None,
            scheme: "legal-exam".to_owned(),
            scores: serde_json::Map::new(),
            tags: Vec::new(),
            tag_threshold: Some(0.35),
            evidence: true,
        },
        origin: None,
    }
}
