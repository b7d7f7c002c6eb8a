//! The figures: those of the reference, and those of dense f64.

use lorascope_format::adapter::Module;
use lorascope_format::bytes::MemorySource;
use lorascope_protocol::Outcome;
use lorascope_protocol::report::{Along, Figures};
use nalgebra::DMatrix;

use super::bench::{below, bench};
use super::run::{Q, adapter_file, config_file, rounded, safetensors, tensor};
use crate::alignments::{ADAPTERS, CHECKPOINTS, Golden};
use crate::common::fixtures;
use crate::numbers::Numbers;
use crate::started::backends;
use crate::written::Source;

#[test]
fn every_answer_of_the_reference() {
    let golden = Golden::read(&fixtures());
    for choice in backends() {
        let mut bench = bench(choice);
        let mut files: Vec<MemorySource> = ADAPTERS.iter().flat_map(|folder| below(folder)).collect();
        files.extend(below(CHECKPOINTS));
        let (outcome, problems) = bench.drop_files(files);
        assert_eq!((outcome, problems), (Outcome::Done, vec![]));
        let report = serde_json::to_value(bench.session.report()).expect("JSON");
        let worst = golden.check(&report["alignment"]);
        println!("{choice:?}: largest difference from the reference {worst:.1e}");
    }
}

/// Cosine, capture and the rest by dense f64, for factors of full column rank.
fn dense(b: &DMatrix<f64>, a: &DMatrix<f64>, scale: f64, x: &DMatrix<f64>, weight: Option<&DMatrix<f64>>) -> Figures {
    let delta = b * a * scale;
    let (u, v) = (b.clone().qr().q(), a.transpose().qr().q());
    let captured = (u.transpose() * x * v).norm_squared();
    Figures {
        cosine: Some(delta.dot(x) / (delta.norm() * x.norm())),
        capture: Some(captured / x.norm_squared()),
        chance: Some((b.ncols() * b.ncols()) as f64 / (x.nrows() * x.ncols()) as f64),
        update_norm: Some(x.norm()),
        relative_norm: weight.map(|w| delta.norm() / w.norm()),
    }
}

fn assert_near(figures: &Figures, wanted: &Figures, what: &str) {
    let near = |a: Option<f64>, b: Option<f64>, bound: f64, name: &str| match (a, b) {
        (Some(a), Some(b)) => assert!((a - b).abs() <= bound, "{what}: {name} {a}, dense f64 {b}"),
        (a, b) => assert_eq!(a, b, "{what}: {name}"),
    };
    near(figures.cosine, wanted.cosine, 1e-6, "cosine");
    near(figures.capture, wanted.capture, 1e-6, "capture");
    let relative = |wanted: Option<f64>, bound: f64| wanted.map_or(0.0, |wanted| bound * wanted.abs());
    near(figures.chance, wanted.chance, relative(wanted.chance, 1e-12), "chance");
    near(figures.update_norm, wanted.update_norm, relative(wanted.update_norm, 1e-6), "‖X‖");
    near(figures.relative_norm, wanted.relative_norm, relative(wanted.relative_norm, 1e-6), "‖ΔW‖/‖W‖");
}

/// Weights of about 1 and updates of a thousandth, which every dtype rounds in its own way; tall, wide and odd ones.
#[test]
fn figures_are_those_of_dense_f64() {
    for choice in backends() {
        for (n, (rows, cols, r)) in
            [(300, 70, 4), (65, 1030, 16), (17, 19, 3), (1, 40, 1), (520, 260, 64)].into_iter().enumerate()
        {
            for (before, after) in [("BF16", "BF16"), ("F32", "F32"), ("F16", "BF16"), ("F64", "F32")] {
                let mut numbers = Numbers::new(n as u64 + 1);
                let (b, a) = (numbers.matrix(rows, r), numbers.matrix(r, cols));
                let (b, a) = (rounded(&b, "F32"), rounded(&a, "F32"));
                let w = numbers.matrix(rows, cols);
                // Partly what the adapter does, so that the cosine is far from zero.
                let step = &b * &a * 1e-3 + numbers.matrix(rows, cols) * 2e-3;
                let (old, new) = (rounded(&w, before), rounded(&(&w + &step), after));
                let mut bench = bench(choice);
                let name = format!("{Q}.weight");
                let (outcome, problems) = bench.drop_files(vec![
                    adapter_file("lora/adapter_model.safetensors", Q, &b, &a),
                    config_file("lora/adapter_config.json", r, 2.0),
                    MemorySource::new("base.safetensors", safetensors(&[tensor(&name, before, &w)])),
                    MemorySource::new("step-7.safetensors", safetensors(&[tensor(&name, after, &(&w + &step))])),
                ]);
                assert_eq!((outcome, problems), (Outcome::Done, vec![]));
                let row = bench.one("base", "step-7");
                assert_eq!((row.matched, row.unmatched.len(), row.along), (1, 0, Along::Checkpoints));
                let wanted = dense(&b, &a, 2.0 / r as f64, &(new - &old), Some(&old));
                let what = format!("{choice:?} {rows}×{cols} rank {r}, {before} to {after}");
                assert_near(&row.modules[0].figures, &wanted, &what);
                assert_near(&row.whole, &wanted, &what);
            }
        }
    }
}

/// Plain 8-bit weights are decoded, exactly.
#[test]
fn eight_bit_weights_are_decoded() {
    for choice in backends() {
        let mut numbers = Numbers::new(3);
        let (b, a) = (rounded(&numbers.matrix(24, 2), "F32"), rounded(&numbers.matrix(2, 20), "F32"));
        let integers = |numbers: &mut Numbers| DMatrix::from_fn(24, 20, |_, _| numbers.integer(3));
        let (old, new) = (integers(&mut numbers), integers(&mut numbers));
        let name = format!("{Q}.weight");
        let mut bench = bench(choice);
        bench.drop_files(vec![
            adapter_file("lora.safetensors", Q, &b, &a),
            MemorySource::new("a.safetensors", safetensors(&[tensor(&name, "F8_E5M2", &old)])),
            MemorySource::new("b.safetensors", safetensors(&[tensor(&name, "F8_E5M2", &new)])),
        ]);
        let wanted = dense(&b, &a, 1.0, &(new - &old), Some(&old));
        assert_near(&bench.one("a", "b").whole, &wanted, &format!("{choice:?}"));
    }
}

/// ‖UᵀXV‖² for the column spaces of both factors of a module.
fn captured(source: &Source, module: &Module, x: &DMatrix<f64>) -> f64 {
    let [u, v] = module.pair().unwrap().map(|factor| source.factor(factor).map(f64::from).qr().q());
    (u.tr_mul(x) * v).norm_squared()
}

/// The four adapters of one training: updates between them, never dense here, against the same computed densely.
#[test]
fn a_trajectory_of_adapters() {
    let labels = ["checkpoint-30", "checkpoint-60", "checkpoint-90", "checkpoint-120"];
    let sources = labels.map(|label| Source::open(&format!("peft-lora-trajectory/{label}")));
    let dense_updates = sources.each_ref().map(Source::products);
    for choice in backends() {
        let mut bench = bench(choice);
        let (outcome, problems) = bench.drop_files(below("peft-lora-trajectory"));
        assert_eq!((outcome, problems), (Outcome::Done, vec![]));
        let rows = bench.alignment();
        assert_eq!(rows.len(), 4 * 4, "{:#?}", bench.pairs());
        let mut worst: f64 = 0.0;
        for row in rows {
            assert_eq!((row.along, row.matched, row.unmatched.len()), (Along::Adapters, 42, 0));
            let at = |label: &str| labels.iter().position(|l| *l == label).expect("a state");
            let (own, from, to) =
                (&dense_updates[at(&row.adapter)], &dense_updates[at(&row.from)], &dense_updates[at(&row.to)]);
            assert!(at(&row.to) == at(&row.from) + 1 || (at(&row.from), at(&row.to)) == (0, 3));
            let (mut dot, mut own_sq, mut update_sq, mut captured_sq) = (0.0, 0.0, 0.0, 0.0);
            for module in &row.modules {
                let x = &to[&module.name] - &from[&module.name];
                let delta = &own[&module.name];
                let cosine = delta.dot(&x) / (delta.norm() * x.norm());
                worst = worst.max((module.figures.cosine.expect("a cosine") - cosine).abs());
                let norm = module.figures.update_norm.expect("a norm");
                assert!((norm - x.norm()).abs() <= 1e-6 * x.norm(), "{} ‖X‖ {norm}, dense {}", module.name, x.norm());
                assert_eq!(module.figures.relative_norm, None);
                let source = &sources[at(&row.adapter)];
                let own_captured = captured(source, source.module(&module.name), &x);
                let capture = module.figures.capture.expect("a capture");
                worst = worst.max((capture - own_captured / x.norm_squared()).abs());
                let chance = module.figures.chance.expect("a chance level");
                assert!((chance * x.len() as f64 - 64.0).abs() < 1e-9, "{}: chance {chance} of rank 8", module.name);
                captured_sq += own_captured;
                dot += delta.dot(&x);
                own_sq += delta.norm_squared();
                update_sq += x.norm_squared();
            }
            let cosine = dot / (own_sq * update_sq).sqrt();
            worst = worst.max((row.whole.cosine.expect("a cosine") - cosine).abs());
            worst = worst.max((row.whole.capture.expect("a capture") - captured_sq / update_sq).abs());
        }
        println!("{choice:?}: largest difference from dense f64 {worst:.1e}");
        assert!(worst <= 1e-6, "{choice:?}: {worst:e}");
    }
}

/// Weights of a size that a GPU's arithmetic cannot hold, where each backend has the same figures.
#[test]
fn figures_of_very_large_and_very_small_updates() {
    for choice in backends() {
        for size in [1e12, 1e-31] {
            let mut numbers = Numbers::new(13);
            let (b, a) = (rounded(&numbers.matrix(24, 2), "F32"), rounded(&numbers.matrix(2, 20), "F32"));
            let [old, new] = [0, 1].map(|_| rounded(&(numbers.matrix(24, 20) * size), "F32"));
            let name = format!("{Q}.weight");
            let mut bench = bench(choice);
            bench.drop_files(vec![
                adapter_file("lora.safetensors", Q, &b, &a),
                MemorySource::new("a.safetensors", safetensors(&[tensor(&name, "F32", &old)])),
                MemorySource::new("b.safetensors", safetensors(&[tensor(&name, "F32", &new)])),
            ]);
            let (found, wanted) = (bench.one("a", "b").whole, dense(&b, &a, 1.0, &(new - &old), Some(&old)));
            assert_near(&found, &wanted, &format!("{choice:?} {size:e}"));
            let (norm, exact) = (found.update_norm.expect("a norm"), wanted.update_norm.expect("a norm"));
            assert!((norm - exact).abs() <= 1e-6 * exact, "{choice:?} {size:e}: {norm:e}, dense f64 {exact:e}");
        }
    }
}
