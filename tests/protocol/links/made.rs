//! Reports to share: of the fixtures, and of models with numbers like real ones.

use lorascope_engine::analysis::{measures, profile};
use lorascope_format::adapter::names;
use lorascope_protocol::link::{self, Payload};
use lorascope_protocol::report::{AdapterReport, DomainReport, ModuleReport, RankRange, share_energy};
use lorascope_protocol::scheme::Scheme;
use serde_json::json;

use crate::common::fixture;
use crate::dropped;
use crate::numbers::Numbers;

/// Characters that the page's own address may take of a whole link, `#p=` with it.
pub const ADDRESS: usize = 60;
pub const ROOM: usize = link::SHORT - ADDRESS;

/// The report of a fixture's files, computed.
pub fn computed(files: &[&str]) -> AdapterReport {
    let files = files.iter().map(|file| fixture(file)).collect();
    dropped::drops(vec![files]).adapter().clone()
}

pub fn peft_lora() -> AdapterReport {
    computed(&["peft-lora/adapter_model.safetensors", "peft-lora/adapter_config.json"])
}

/// The same, scored by a scheme that is not built in, and with a module that is there twice.
pub fn with_own_scheme() -> AdapterReport {
    let mut report = peft_lora();
    let mut scheme = Scheme::legal_exam().copied("Mein Schema".to_owned());
    scheme.domains[1].label = "<b>Logik</b>".to_owned();
    scheme.rules[1].weights.insert("style_gutachtenstil".to_owned(), 0.25);
    scheme.tag_threshold = Some(0.4);
    report.modules[3].copy_of = Some("gate_proj, up_proj".to_owned());
    report.modules.iter_mut().for_each(|module| module.energy_share = 0.0);
    share_energy(&mut report.modules);
    report.domains = scheme.score_modules(&report.modules);
    report
}

pub fn share(report: &AdapterReport) -> Payload {
    link::write(report, &report.modules, ROOM).expect("a link")
}

/// A PEFT adapter of a model with `layers` layers of Llama 8B's shapes, its norms a factor of 30 and its spectra's
/// decay a factor of 10 apart.
pub fn llama(layers: u32, rank: u32) -> AdapterReport {
    const MODULES: [(&str, [u64; 2]); 7] = [
        ("self_attn.q_proj", [4096, 4096]),
        ("self_attn.k_proj", [1024, 4096]),
        ("self_attn.v_proj", [1024, 4096]),
        ("self_attn.o_proj", [4096, 4096]),
        ("mlp.gate_proj", [14336, 4096]),
        ("mlp.up_proj", [14336, 4096]),
        ("mlp.down_proj", [4096, 14336]),
    ];
    let mut numbers = Numbers::new(7);
    let places = (0..layers).flat_map(|l| MODULES.map(|(m, shape)| (format!("model.layers.{l}.{m}"), shape)));
    let mut modules: Vec<ModuleReport> =
        places.map(|(name, shape)| module(&name, layers, shape, rank, &mut numbers)).collect();
    let energy: f64 = modules.iter().map(|m| m.frobenius.powi(2)).sum();
    modules.iter_mut().for_each(|m| m.energy_share = m.frobenius.powi(2) / energy);
    AdapterReport {
        label: "Meta-Llama-3.1-8B-Instruct-statute-tutor".to_owned(),
        format: "PEFT LoRA".to_owned(),
        base_model: Some("meta-llama/Meta-Llama-3.1-8B-Instruct".to_owned()),
        total_layers: layers,
        total_layers_source: "the largest layer number in the modules' names, plus 1".to_owned(),
        rank: RankRange { min: rank, max: rank },
        parameters: modules.iter().map(|m| (m.shape[0] + m.shape[1]) * u64::from(rank)).sum(),
        energy,
        modules,
        not_analyzed: Vec::new(),
        warnings: vec!["a warning".to_owned()],
        metadata: Default::default(),
        domains: DomainReport {
            own: None,
            scheme: "legal-exam".to_owned(),
            scores: serde_json::Map::from_iter([
                ("statute_recall".to_owned(), json!(0.41237)),
                ("logic_reasoning".to_owned(), json!(0.36219)),
                ("style_gutachtenstil".to_owned(), json!(0.22544)),
            ]),
            tags: vec!["statute_recall".to_owned(), "logic_reasoning".to_owned()],
            tag_threshold: Some(0.35),
            evidence: true,
        },
        origin: None,
    }
}

fn module(name: &str, layers: u32, shape: [u64; 2], rank: u32, numbers: &mut Numbers) -> ModuleReport {
    let place = names::place(name);
    let profile = profile::profile(name, layers);
    let decay = 0.05 * 10f64.powf(numbers.uniform());
    let norm = 0.02 * 30f64.powf(numbers.uniform());
    let mut sigma: Vec<f64> =
        (0..rank).map(|i| norm * (-decay * f64::from(i)).exp() * (0.9 + 0.1 * numbers.uniform())).collect();
    sigma.sort_by(|a, b| b.total_cmp(a));
    let of = measures::measures(&sigma, 0.0);
    ModuleReport {
        name: name.to_owned(),
        layer: place.layer,
        stack: place.stack,
        kind: profile.kind.to_owned(),
        depth: profile.depth.to_owned(),
        role: place.role,
        shape,
        rank,
        scale: 2.0,
        scale_source: "alpha 32 / r 16, adapter_config".to_owned(),
        dtype: "BF16".to_owned(),
        algorithm: "LoRA".to_owned(),
        note: None,
        copy_of: None,
        frobenius: measures::frobenius(&sigma),
        singular_values: sigma,
        unlisted: None,
        truncated: false,
        energy_share: 0.0,
        stable_rank: of.stable_rank,
        effective_rank: of.effective_rank,
        numerical_rank: of.numerical_rank,
        spectral_entropy: of.spectral_entropy,
    }
}
