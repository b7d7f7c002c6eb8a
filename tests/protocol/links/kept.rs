//! What comes out of a link is what went in, to the precision that is promised.

use lorascope_protocol::link::{self, measures::STEP};
use lorascope_protocol::report::{AdapterReport, ModuleReport};

use crate::links::made::{computed, llama, peft_lora, share, with_own_scheme};
use crate::numbers::Numbers;

/// Half a step, and what rounding adds.
const MEASURE: f64 = 0.5 * STEP * (1.0 + STEP);

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    if a == 0.0 { b == 0.0 } else { (b / a - 1.0).abs() <= tolerance }
}

fn read_back(report: &AdapterReport) -> AdapterReport {
    link::read(&share(report).text).expect("the link opens")
}

/// Every text, count and place is the same, and every measure within half a step.
fn assert_same_module(a: &ModuleReport, b: &ModuleReport) {
    let exact = |m: &ModuleReport| ModuleReport {
        frobenius: 0.0,
        stable_rank: 0.0,
        effective_rank: 0.0,
        spectral_entropy: 0.0,
        energy_share: 0.0,
        singular_values: vec![0.0; m.known_values()],
        unlisted: None,
        ..m.clone()
    };
    assert_eq!(exact(a), exact(b));
    let name = &a.name;
    assert!(near(a.frobenius, b.frobenius, MEASURE), "{name}: ‖ΔW‖ {} became {}", a.frobenius, b.frobenius);
    assert!(near(a.stable_rank, b.stable_rank, MEASURE), "{name}");
    assert!(near(a.effective_rank, b.effective_rank, MEASURE), "{name}");
    assert!((a.spectral_entropy - b.spectral_entropy).abs() <= MEASURE, "{name}");
    assert!(near(a.energy_share, b.energy_share, 0.005), "{name}: {} became {}", a.energy_share, b.energy_share);
    assert!(near(a.sigma_1(), b.sigma_1(), 0.002), "{name}");
    for (x, y) in a.singular_values.iter().zip(&b.singular_values) {
        assert!(near(*x, *y, 0.005), "{name}: σ {x} became {y}");
    }
}

fn assert_same(a: &AdapterReport, b: &AdapterReport) {
    assert_eq!((&a.label, &a.format, &a.base_model), (&b.label, &b.format, &b.base_model));
    assert_eq!((a.total_layers, &a.total_layers_source), (b.total_layers, &b.total_layers_source));
    assert_eq!((a.rank, a.parameters, a.energy), (b.rank, b.parameters, b.energy));
    let domains = (&a.domains, &b.domains);
    assert_eq!((&domains.0.scheme, &domains.0.tags), (&domains.1.scheme, &domains.1.tags));
    assert_eq!(domains.0.tag_threshold, domains.1.tag_threshold);
    assert_eq!(domains.0.evidence, domains.1.evidence);
    assert_eq!(domains.0.own, domains.1.own);
    assert_eq!(domains.0.scores.len(), domains.1.scores.len());
    for ((key, x), (other, y)) in domains.0.scores.iter().zip(&domains.1.scores) {
        assert_eq!(key, other);
        assert!((x.as_f64().unwrap() - y.as_f64().unwrap()).abs() <= 1e-6, "{key}: {x} became {y}");
    }
    assert_eq!(a.modules.len(), b.modules.len());
    a.modules.iter().zip(&b.modules).for_each(|(a, b)| assert_same_module(a, b));
    let origin = b.origin.as_ref().expect("it says that it came by a link");
    assert_eq!(origin.not_analyzed as usize, a.not_analyzed.len());
    assert_eq!(origin.warnings as usize, a.warnings.len());
    let json = serde_json::to_value(b).expect("JSON, and so every number finite");
    assert!(!json.to_string().contains("null"));
}

#[test]
fn every_kind_of_adapter_comes_back() {
    let folders = [
        &["peft-lora/adapter_model.safetensors", "peft-lora/adapter_config.json"][..],
        &["peft-patterns/adapter_model.safetensors", "peft-patterns/adapter_config.json"],
        &["peft-embed-saved/adapter_model.safetensors", "peft-embed-saved/adapter_config.json"],
        &["peft-dora/adapter_model.safetensors", "peft-dora/adapter_config.json"],
        &["diffusers-unet/pytorch_lora_weights.safetensors"],
        &["kohya-locon/adapter.safetensors"],
        &["lycoris-loha/adapter.safetensors"],
        &["lycoris-lokr/adapter.safetensors"],
        &["lycoris-tucker/adapter.safetensors"],
    ];
    for files in folders {
        let report = computed(files);
        let back = read_back(&report);
        assert_same(&report, &back);
        // The measures alone say the same of each module.
        let measures = link::write(&report, &report.modules, 0).expect("a link");
        assert!(!measures.spectra);
        let back = link::read(&measures.text).expect("the link opens");
        assert_same(&report, &back);
        assert!(back.modules.iter().all(|m| m.singular_values.is_empty() && m.unlisted.is_some()));
    }
    assert_same(&llama(32, 16), &read_back(&llama(32, 16)));
}

/// Copies do not count in the shares, and a scheme that a person wrote comes along whole.
#[test]
fn copies_and_schemes_come_back() {
    let report = with_own_scheme();
    let back = read_back(&report);
    assert_same(&report, &back);
    assert_eq!((back.modules[3].energy_share, back.origin.map(|origin| origin.link)), (0.0, Some(2)));
    // Whoever does not need them can be read by the version before.
    assert_eq!(read_back(&peft_lora()).origin.map(|origin| origin.link), Some(1));
}

#[test]
fn sharing_what_came_by_a_link_gives_the_same_link() {
    for report in [peft_lora(), llama(32, 16), computed(&["kohya-locon/adapter.safetensors"]), with_own_scheme()] {
        let link = share(&report);
        let back = link::read(&link.text).expect("the link opens");
        assert_eq!(share(&back), link);
    }
}

#[test]
fn zeros_extremes_and_truncated_spectra_come_back() {
    let mut report = llama(3, 6);
    let zero = &mut report.modules[0];
    zero.singular_values = vec![0.0; 6];
    (zero.frobenius, zero.stable_rank, zero.effective_rank, zero.spectral_entropy) = (0.0, 0.0, 0.0, 0.0);
    zero.numerical_rank = 0;
    let part = &mut report.modules[1];
    (part.rank, part.truncated, part.note) = (0, true, Some("exact, with the base".to_owned()));
    let tail = &mut report.modules[2].singular_values;
    (tail[4], tail[5]) = (1e-17, 0.0);
    for module in &mut report.modules[3..6] {
        (module.scale, module.rank, module.layer) = (-0.125, 4096, Some(u32::MAX));
    }
    let shift = 1e140;
    for module in &mut report.modules[6..8] {
        module.frobenius *= shift;
        module.singular_values.iter_mut().for_each(|s| *s *= shift);
    }
    let energy: f64 = report.modules.iter().map(|m| m.frobenius.powi(2)).sum();
    report.modules.iter_mut().for_each(|m| m.energy_share = m.frobenius.powi(2) / energy);
    report.energy = energy;
    assert_same(&report, &read_back(&report));
    report.modules.clear();
    assert_same(&report, &read_back(&report));
}

#[test]
fn random_modules_come_back() {
    let mut numbers = Numbers::new(99);
    for _ in 0..40 {
        let mut report = llama(1 + numbers.below(9) as u32, 1 + numbers.below(40) as u32);
        for module in &mut report.modules {
            match numbers.below(6) {
                0 => {
                    module.name =
                        format!("b{}.x{:02}.{}", numbers.below(99), numbers.below(99), numbers.below(1 << 40));
                }
                1 => module.shape = [numbers.below(5000) as u64, numbers.below(5000) as u64],
                2 => module.scale = numbers.uniform(),
                3 => module.scale_source = format!("alpha {}", numbers.below(50)),
                4 => module.layer = None,
                _ => module.stack = ["unet", "text_encoder", "дом"][numbers.below(3)].to_owned(),
            }
        }
        assert_same(&report, &read_back(&report));
    }
}

#[test]
fn long_texts_are_cut_and_say_so() {
    let mut report = llama(2, 4);
    report.label = "x".repeat(10_000);
    report.base_model = Some("é".repeat(10_000));
    let back = read_back(&report);
    assert!(back.label.ends_with('…') && back.label.chars().count() == 160);
    assert_eq!(back.base_model.map(|base| base.chars().count()), Some(160));
    assert_eq!(back.modules.len(), 14);
}
