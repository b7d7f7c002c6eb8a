//! Alignments to test the models with.

use crate::model::alignment::aligned::{Aligned, Update};
use lorascope_protocol::report::{AlignedModule, AlignmentReport, Along, Figures, NotAnalyzed};
use lorascope_protocol::{ItemId, Stage};

pub fn stage(item: ItemId, step: Option<u64>) -> Stage {
    Stage { item, label: format!("state {item}"), step }
}

pub fn figures(cosine: f64, capture: f64, update_norm: f64) -> Figures {
    Figures {
        cosine: Some(cosine),
        capture: Some(capture),
        chance: Some(0.025),
        update_norm: Some(update_norm),
        relative_norm: Some(0.002),
    }
}

/// An update of so many matched modules `layers.N.q`, whose cosines and captures grow with N; `layers.x` has none.
pub fn update(from: &str, to: &str, modules: usize) -> Update {
    let module = |i: usize| {
        let x = (i + 1) as f64 / modules as f64;
        AlignedModule { name: format!("layers.{i}.q"), figures: figures(x - 0.5, x, 2.0), reference_cosine: x - 0.5 }
    };
    let report = AlignmentReport {
        adapter: "a".to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        along: Along::Checkpoints,
        modules: Vec::new(),
        whole: figures(0.3, 0.4, 5.0),
        matched: modules as u32,
        unmatched: vec![NotAnalyzed { name: "layers.x".to_owned(), reason: "no such tensor".to_owned() }],
    };
    Update { whole_run: false, report, modules: (0..modules).map(module).collect() }
}

/// Updates of so many steps of ten, and the whole run where there are several.
pub fn aligned(steps: usize, modules: usize) -> Aligned {
    let name = |i: usize| format!("checkpoint-{}", i * 10);
    let mut updates: Vec<Update> = (0..steps).map(|i| update(&name(i), &name(i + 1), modules)).collect();
    if steps > 1 {
        updates.push(Update { whole_run: true, ..update(&name(0), &name(steps), modules) });
    }
    Aligned { updates }
}
