//! A whole session without a browser: drops in, messages out, on both backends.

mod counts;
mod crew;
mod gpu;
mod held;
mod layers;
mod recall;
mod sequences;
mod toy;
mod values;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::common::{fixture, json};
use crate::started::{Messages, backends, start, start_plain, verdict};
use lorascope_engine::session::{Backend, Session};
use lorascope_format::bytes::MemorySource;
use lorascope_kernels::{FactorType, Pulse, Steady};
use lorascope_protocol::projection::OutputType;
use lorascope_protocol::report::AdapterReport;
use lorascope_protocol::{
    AdapterPiece, BackendChoice, Export, ExtractRank, ExtractRequest, Head, ItemId, ItemKind, MODULES_PER_MESSAGE,
    Outcome, PIECE_BYTES, Piece, Question, ToPage,
};
use nalgebra::DMatrix;
use pollster::block_on;

const FIXTURES: [&str; 4] = ["peft-lora", "peft-rslora-attn", "peft-patterns", "peft-embed-saved"];

/// Cancels at the given beat.
#[derive(Clone)]
struct CancelAt(Rc<Cell<u32>>);

impl Pulse for CancelAt {
    async fn beat(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() == 0
    }
}

fn adapter(folder: &str) -> Vec<MemorySource> {
    ["adapter_model.safetensors", "adapter_config.json"].map(|file| fixture(&format!("{folder}/{file}"))).to_vec()
}

fn weights(folder: &str) -> Vec<MemorySource> {
    adapter(folder)[..1].to_vec()
}

fn close(a: f64, b: f64, bound: f64, what: &str) {
    assert!((a - b).abs() <= bound, "{what}: {a} is not {b} within {bound:e}");
}

fn agrees_with_the_writing_library(report: &AdapterReport, name: &str) {
    let expected = json(&format!("expected/{name}.json"));
    let expected = expected["modules"].as_object().unwrap();
    let mut names: Vec<&str> = report.modules.iter().map(|m| m.name.as_str()).collect();
    let mut wanted: Vec<&str> = expected.keys().map(String::as_str).collect();
    names.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(names, wanted, "{name}");
    for module in &report.modules {
        let expected = &expected[&module.name];
        let sigma: Vec<f64> =
            expected["singular_values"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
        assert_eq!(module.shape.map(Some), [0, 1].map(|n| expected["shape"][n].as_u64()), "{name} {}", module.name);
        close(module.scale, expected["scaling"].as_f64().unwrap(), 1e-12, &module.name);
        close(module.frobenius, expected["frobenius"].as_f64().unwrap(), 1e-5 * sigma[0], &module.name);
        assert_eq!(module.singular_values.len(), sigma.len(), "{name} {}", module.name);
        for (a, b) in module.singular_values.iter().zip(&sigma) {
            close(*a, *b, 1e-5 * sigma[0], &module.name);
        }
    }
    let golden = &json("golden/domain_profile.json")[name];
    assert_eq!(u64::from(report.total_layers), golden["total_layers"].as_u64().unwrap());
    for (domain, score) in golden["scores"].as_object().unwrap() {
        close(report.domains.scores[domain].as_f64().unwrap(), score.as_f64().unwrap(), 1e-6, domain);
    }
    let tags: Vec<&str> = golden["tags"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
    assert_eq!(report.domains.tags, tags, "{name}");
}

/// A checkpoint of one weight, `rows` × 20.
fn state(path: &str, weight: &DMatrix<f64>) -> MemorySource {
    const NAME: &str = "model.layers.0.self_attn.q_proj.weight";
    let bytes: Vec<u8> = weight.transpose().iter().flat_map(|&x| (x as f32).to_le_bytes()).collect();
    let shape = vec![weight.nrows(), weight.ncols()];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, &bytes).unwrap();
    MemorySource::new(path, safetensors::serialize([(NAME, view)], None).unwrap())
}

fn item(messages: &Messages, label: &str) -> ItemId {
    let messages = messages.borrow();
    let found = messages.iter().find_map(|message| match message {
        ToPage::Item(item) if item.label == label => Some(item.item),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no item {label}"))
}
