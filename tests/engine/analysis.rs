//! Profile and scores against the reference's answers, measures against their definitions.

mod by_block;

use crate::common::{json, peft_fixture, read_f32};
use lorascope_engine::analysis::measures::{energy, energy_kept, frobenius, measures, rank_keeping};
use lorascope_engine::analysis::profile::{profile, total_layers};
use lorascope_engine::analysis::{Sigma, report as report_of};
use lorascope_format::adapter::{Adapter, scale};
use lorascope_protocol::report::{AdapterReport, LayerSource};
use lorascope_protocol::scheme::Scheme;
use proptest::prelude::*;
use serde_json::Value;

/// A report by the adapter's own names.
fn report(label: String, adapter: &Adapter, spectra: &[Option<Sigma>]) -> AdapterReport {
    report_of(label, adapter, spectra, None)
}

#[test]
fn layer_counts_are_the_reference_s() {
    let golden = json("golden/classification.json");
    let cases = golden["total_layers"].as_array().unwrap();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let names = case[0].as_array().unwrap().iter().map(|n| n.as_str().unwrap());
        assert_eq!(u64::from(total_layers(names, None).count), case[1].as_u64().unwrap(), "{case}");
    }
    assert_eq!(total_layers(["a.b"], None).source, LayerSource::Assumed(12));
    assert_eq!(total_layers(["layers.99999999999999999999.x", "layers.4294967295.x"], None).count, 12, "no overflow");
}

#[test]
fn profiles_are_the_reference_s() {
    let golden = json("golden/classification.json");
    let cases = golden["layer_profile"].as_array().unwrap();
    assert_eq!(cases.len(), 462);
    for case in cases {
        let total = u32::try_from(case[0].as_u64().unwrap()).unwrap();
        let answer = profile(case[1].as_str().unwrap(), total);
        assert_eq!((answer.kind, answer.depth), (case[2].as_str().unwrap(), case[3].as_str().unwrap()), "{case}");
    }
}

/// The fixture's adapter with the library's own singular values, the scale taken out again.
fn with_expected_spectra(folder: &str) -> (Adapter, Vec<Option<Sigma>>) {
    let adapter = peft_fixture(folder);
    let expected = json(&format!("expected/{folder}.json"));
    let spectrum = |name: &str, scale: f64| -> Vec<f64> {
        let values = expected["modules"][name]["singular_values"].as_array().unwrap();
        values.iter().map(|v| v.as_f64().unwrap() / scale).collect()
    };
    let spectra = adapter.modules.iter().map(|m| Some(Sigma::whole(spectrum(&m.name, m.scale)))).collect();
    (adapter, spectra)
}

#[test]
fn reports_of_the_fixtures() {
    for folder in ["peft-lora", "peft-rslora-attn", "peft-patterns", "peft-embed-saved"] {
        let (adapter, spectra) = with_expected_spectra(folder);
        let report = report(folder.to_owned(), &adapter, &spectra);
        let golden = &json("golden/domain_profile.json")[folder];
        assert_eq!(u64::from(report.total_layers), golden["total_layers"].as_u64().unwrap());
        let scores = golden["scores"].as_object().unwrap();
        assert_eq!(report.domains.scores.keys().collect::<Vec<_>>(), scores.keys().collect::<Vec<_>>());
        for (domain, score) in scores {
            let ours = report.domains.scores[domain].as_f64().unwrap();
            assert!((ours - score.as_f64().unwrap()).abs() < 1e-9, "{folder} {domain}: {ours}");
        }
        assert_eq!(serde_json::json!(report.domains.tags), golden["tags"]);
        assert!(report.domains.evidence);
        assert_eq!((report.domains.scheme.as_str(), report.domains.tag_threshold), ("legal-exam", Some(0.35)));
        let expected = json(&format!("expected/{folder}.json"));
        for module in &report.modules {
            let norm = expected["modules"][&module.name]["frobenius"].as_f64().unwrap();
            assert!((module.frobenius - norm).abs() < 1e-6 * norm, "{folder} {}", module.name);
            assert_eq!(module.dtype, "F32");
        }
        let shares: f64 = report.modules.iter().map(|m| m.energy_share).sum();
        assert!((shares - 1.0).abs() < 1e-12);
        let parts: u64 = adapter.modules.iter().map(|m| (m.shape[0] + m.shape[1]) * u64::from(m.rank)).sum();
        assert_eq!(report.parameters, parts);
    }
    let (adapter, spectra) = with_expected_spectra("peft-patterns");
    let rank = report(String::new(), &adapter, &spectra).rank;
    assert_eq!((rank.min, rank.max), (4, 16));
}

/// An adapter of plain linear modules of rank 2, without a configuration.
fn adapter(names: &[&str]) -> Adapter {
    let keys: Vec<String> = names.iter().flat_map(|n| ["A", "B"].map(|f| format!("{n}.lora_{f}.weight"))).collect();
    let tensors: Vec<(&str, &[u64])> =
        keys.iter().map(|k| (k.as_str(), if k.contains("lora_A") { &[2, 8][..] } else { &[4, 2] })).collect();
    read_f32(&tensors, None).unwrap()
}

fn every_number(value: &Value, check: &mut impl FnMut(&Value)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| every_number(item, check)),
        Value::Object(fields) => fields.values().for_each(|field| every_number(field, check)),
        other => check(other),
    }
}

/// serde_json writes what is not finite as null, and absent parts are absent: so there is no null anywhere.
fn assert_finite(report: &AdapterReport) {
    every_number(&serde_json::to_value(report).unwrap(), &mut |leaf| assert!(!leaf.is_null(), "{report:?}"));
}

#[test]
fn an_untrained_adapter_is_no_evidence() {
    for spectrum in [vec![0.0, 0.0], vec![1e-7, 0.0], vec![5e-324, 5e-324]] {
        let report = report("x".to_owned(), &adapter(&["layers.0.q_proj"]), &[Some(Sigma::whole(spectrum.clone()))]);
        assert_finite(&report);
        assert!(!report.domains.evidence);
        assert!(report.domains.scores.values().all(|s| s.as_f64() == Some(0.33)));
        assert_eq!(report.domains.tags, ["statute_recall"]);
        let zero = spectrum[0] == 0.0;
        let module = &report.modules[0];
        assert_eq!((module.stable_rank == 0.0, module.effective_rank == 0.0), (zero, zero));
        assert_eq!(module.energy_share, if zero { 0.0 } else { 1.0 });
    }
}

#[test]
fn huge_values_stay_finite() {
    let two = adapter(&["layers.0.q_proj", "layers.0.mlp.up_proj"]);
    let report =
        |spectra: [Vec<f64>; 2]| report("x".to_owned(), &two, &spectra.map(|values| Some(Sigma::whole(values))));
    let large = report([vec![1e150, 1e150], vec![1e150, 0.0]]);
    assert_finite(&large);
    assert!((large.modules[0].energy_share - 2.0 / 3.0).abs() < 1e-12);
    assert!((large.modules[0].stable_rank - 2.0).abs() < 1e-12);
    assert_finite(&report([vec![1e154, 0.0], vec![1e154, 0.0]]));
    let beyond = report([vec![1e200, 1.0], vec![1.0, 1.0]]);
    assert_finite(&beyond);
    assert_eq!(beyond.modules.len(), 1);
    assert_eq!(beyond.not_analyzed[0].name, "layers.0.q_proj");
    assert!(beyond.warnings.iter().any(|w| w.contains("layers.0.q_proj") && w.contains("double precision")));
}

#[test]
fn a_report_follows_the_scale() {
    let mut one = adapter(&["layers.0.q_proj"]);
    let spectra = [Some(Sigma::whole(vec![3.0, 4e-7]))];
    let before = report("x".to_owned(), &one, &spectra);
    assert!(before.warnings.iter().any(|w| w.contains("assumed 1: no adapter_config.json")));
    scale::set_by_hand(&mut one, -2.0);
    let after = report("x".to_owned(), &one, &spectra);
    assert_eq!(after.modules[0].singular_values, [6.0, 8e-7]);
    assert_eq!((after.modules[0].scale, after.modules[0].numerical_rank), (-2.0, 1));
    assert!((after.energy - 4.0 * before.energy).abs() < 1e-12);
    assert_eq!(after.warnings, Vec::<String>::new());
}

#[test]
fn an_image_adapter_opens_with_the_neutral_scheme() {
    let names = [
        "unet.down_blocks.1.attentions.1.transformer_blocks.0.attn1.to_q",
        "unet.up_blocks.2.attentions.0.transformer_blocks.0.attn1.to_q",
    ];
    let report = report(
        "x".to_owned(),
        &adapter(&names),
        &[Some(Sigma::whole(vec![1.0, 0.0])), Some(Sigma::whole(vec![1.0, 0.0]))],
    );
    assert_finite(&report);
    assert_eq!((report.domains.scheme.as_str(), report.domains.tags.len()), ("by-block", 0));
    assert_eq!(serde_json::to_string(&report.domains.scores).unwrap(), r#"{"down":0.5,"up":0.5}"#);
    assert_eq!(report.total_layers, 7);
    assert_eq!(report.total_layers_source, "the largest layer number of a stack, plus 1");
    let places: Vec<_> = report.modules.iter().map(|m| (m.stack.as_str(), m.layer)).collect();
    assert_eq!(places, [("down", Some(4)), ("up", Some(6))]);
}

#[test]
fn modules_that_were_not_computed_are_left_out() {
    let two = adapter(&["layers.0.q_proj", "layers.5.q_proj"]);
    let report = report("x".to_owned(), &two, &[Some(Sigma::whole(vec![1.0, 0.0])), None]);
    assert_eq!(report.modules.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["layers.0.q_proj"]);
    assert_eq!(
        (report.total_layers, report.modules[0].depth.as_str()),
        (6, "early"),
        "the model has six layers all the same"
    );
    assert_eq!(report.parameters, 24);
}

#[test]
fn measures_by_their_definitions() {
    let flat = measures(&[2.0; 4], 0.0);
    assert!((flat.stable_rank - 4.0).abs() < 1e-12 && (flat.effective_rank - 4.0).abs() < 1e-12);
    assert!((flat.spectral_entropy - 4f64.ln()).abs() < 1e-12);
    assert_eq!(flat.numerical_rank, 4);
    let one = measures(&[7.0], 0.0);
    assert_eq!((one.stable_rank, one.effective_rank, one.spectral_entropy, one.numerical_rank), (1.0, 1.0, 0.0, 1));
    assert!(one.spectral_entropy.is_sign_positive());
    assert_eq!(measures(&[1.0, 2.1e-6, 1.9e-6], 0.0).numerical_rank, 2);
    assert_eq!(measures(&[], 0.0), measures(&[0.0, 0.0], 0.0));
    assert_eq!((frobenius(&[3.0, 4.0]), energy(&[3.0, 4.0])), (5.0, 25.0));
    assert_eq!(frobenius(&[3e200, 0.0]), 3e200, "a square that overflows");
    assert_eq!(energy_kept(&[2.0, 1.0, 1.0]), [4.0 / 6.0, 5.0 / 6.0, 1.0]);
    assert_eq!([0.5, 0.7, 0.9, 1.0].map(|share| rank_keeping(&[2.0, 1.0, 1.0], share)), [1, 2, 3, 3]);
    assert_eq!((rank_keeping(&[0.0], 0.9), energy_kept(&[0.0])), (0, vec![0.0]));
}

#[test]
fn a_scheme_is_data() {
    let text = r#"{"name":"mine","domains":[{"key":"a"},{"key":"b","label":"Second"}],"rules":[{"kind":"attn","weights":{"a":1,"b":1}},{"depth":"late","weights":{"b":2}}],
        "tag_threshold":0.6}"#;
    let mine: Scheme = serde_json::from_str(text).unwrap();
    let again: Scheme = serde_json::from_str(&serde_json::to_string(&mine).unwrap()).unwrap();
    assert_eq!(mine, again);
    let q = profile("layers.0.q_proj", 6);
    let down = profile("layers.5.down_proj", 6);
    let scored = mine.score(&[(q, 2.0), (down, 1.0)]);
    assert_eq!(serde_json::to_string(&scored.scores).unwrap(), r#"{"a":0.3333333333333333,"b":0.6666666666666666}"#);
    assert_eq!(scored.tags, ["b"]);
    let tie = mine.score(&[(q, 2.0)]);
    assert_eq!((tie.tags.as_slice(), tie.evidence), (&["a".to_owned()][..], true), "the first on a tie");
    let unmatched = mine.score(&[(profile("x", 6), 1.0)]);
    assert!(!unmatched.evidence && unmatched.scores["a"] == 0.5, "rules that weigh nothing give no evidence");
    let legal = Scheme { built_in: None, ..Scheme::legal_exam() };
    assert_eq!(legal, serde_json::from_str(&serde_json::to_string(&Scheme::legal_exam()).unwrap()).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn measures_keep_their_bounds(values in prop::collection::vec(0.0f64..1.0, 1..40), exponent in -300i32..150) {
        let mut sigma: Vec<f64> = values.iter().map(|v| v * 10f64.powi(exponent)).collect();
        sigma.sort_by(|a, b| b.total_cmp(a));
        let n = sigma.len() as f64;
        let m = measures(&sigma, 0.0);
        prop_assert!(sigma[0] == 0.0 || (1.0..=n).contains(&m.stable_rank));
        prop_assert!(m.stable_rank <= m.effective_rank * (1.0 + 1e-9), "2-norm rank below the entropy's");
        prop_assert!(m.effective_rank <= n * (1.0 + 1e-9));
        let kept = energy_kept(&sigma);
        prop_assert!(kept.windows(2).all(|w| w[0] <= w[1]) && kept.iter().all(|k| (0.0..=1.0).contains(k)));
        let k = rank_keeping(&sigma, 0.9);
        prop_assert!(sigma[0] == 0.0 || (kept[k - 1] >= 0.9 && (k == 1 || kept[k - 2] < 0.9)));
        prop_assert!(frobenius(&sigma) >= sigma[0]);
    }
}
