//! What cannot be aligned is said and listed; what can be is aligned.

use crate::started::backends;
use lorascope_format::bytes::MemorySource;
use lorascope_protocol::report::Figures;
use lorascope_protocol::{BackendChoice, Outcome};
use nalgebra::DMatrix;
use serde_json::json;

use super::bench::{bench, said};
use super::run::{K, Q, Run, Tensor, adapter_file, safetensors, tensor};

#[test]
fn one_checkpoint_alone_shows_no_update() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    let (outcome, problems) = bench.drop_files(vec![run.state("step-1/model.safetensors", 1.0)]);
    assert_eq!((outcome, problems.len()), (Outcome::Done, 1));
    said(&problems, "step-1: one checkpoint shows no update. Drop a second one of the same model");
    // The second one makes an update, whichever drop it comes in.
    let (outcome, problems) = bench.drop_files(vec![run.state("base/model.safetensors", 0.0)]);
    assert_eq!((outcome, problems), (Outcome::Done, vec![]));
    assert_eq!(bench.pairs(), ["lora: base → step-1"]);
}

#[test]
fn the_same_checkpoint_twice() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    bench.drop_files(vec![run.state("base/model.safetensors", 0.0)]);
    // The very file, and the same numbers under another name.
    let (outcome, problems) = bench.drop_files(vec![run.state("base/model.safetensors", 0.0)]);
    assert_eq!((outcome, problems.len(), bench.pairs().len()), (Outcome::Done, 1, 0));
    said(&problems, "this file is already here");
    let (outcome, problems) = bench.drop_files(vec![run.state("copy/model.safetensors", 0.0)]);
    assert_eq!(outcome, Outcome::Done);
    said(&problems, "base → copy: both hold the same values in every weight that was compared");
    let row = bench.one("base", "copy");
    assert_eq!((row.whole.cosine, row.whole.capture, row.whole.update_norm), (Some(0.0), None, Some(0.0)));
}

#[test]
fn shards_that_are_missing() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    let shard = |folder: &str, n: u32, module: &str, at: f64| {
        let path = format!("{folder}/model-0000{n}-of-00002.safetensors");
        MemorySource::new(path, safetensors(&[run.weight(module, at)]))
    };
    let index = |folder: &str| {
        let map = json!({ format!("{Q}.weight"): "model-00001-of-00002.safetensors",
            format!("{K}.weight"): "model-00002-of-00002.safetensors" });
        let text = json!({ "metadata": {}, "weight_map": map }).to_string();
        MemorySource::new(format!("{folder}/model.safetensors.index.json"), text.into_bytes())
    };
    let (outcome, problems) =
        bench.drop_files(vec![run.state("base/model.safetensors", 0.0), shard("step-5", 1, Q, 1.0), index("step-5")]);
    assert_eq!(outcome, Outcome::Done);
    said(&problems, "model-00002-of-00002.safetensors");
    // What is there is computed, what is not is listed.
    let row = bench.one("base", "step-5");
    assert_eq!((row.matched, row.modules[0].name.as_str()), (1, Q));
    let [missing] = &row.unmatched[..] else { panic!("{:?}", row.unmatched) };
    assert_eq!(missing.name, K);
    assert!(missing.reason.contains("model-00002-of-00002.safetensors"), "{}", missing.reason);
    // With the second shard the checkpoint is whole, and aligned again.
    let (outcome, problems) = bench.drop_files(vec![shard("step-5", 2, K, 2.0)]);
    assert_eq!((outcome, problems), (Outcome::Done, vec![]));
    assert_eq!((bench.one("base", "step-5").matched, bench.alignment().len()), (2, 1));
    // An index alone.
    let (outcome, problems) = bench.drop_files(vec![index("other")]);
    assert_eq!(outcome, Outcome::Error);
    said(&problems, "other/model.safetensors.index.json");
    said(&problems, "model-00001-of-00002.safetensors");
}

#[test]
fn checkpoints_of_another_model() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    let other = |path: &str| {
        MemorySource::new(
            path,
            safetensors(&[tensor(&format!("{Q}.weight"), "F32", &DMatrix::from_element(6, 6, 1.0))]),
        )
    };
    let (outcome, problems) = bench.drop_files(vec![
        run.state("base.safetensors", 0.0),
        other("other-a.safetensors"),
        other("other-b.safetensors"),
    ]);
    assert_eq!(outcome, Outcome::Done);
    said(&problems, "lora: there is nothing to compare it with in base → other-a, other-a → other-b, base → other-b");
    said(&problems, "none of its modules has a weight in both that can be compared with it; the Alignment tab says");
    said(&problems, "Are they states of the model that it was trained on?");
    let row = bench.one("base", "other-a");
    assert_eq!((row.matched, row.whole), (0, Figures::default()));
    assert!(
        row.unmatched.iter().any(|m| m.name == Q && m.reason.contains("[6, 6]") && m.reason.contains("10 × 12")),
        "{:?}",
        row.unmatched
    );
    assert!(row.unmatched.iter().any(|m| m.name == K));
}

#[test]
fn quantised_checkpoints_are_refused_by_name() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    let ints = |name: &str, rows: usize, cols: usize| Tensor {
        name: name.to_owned(),
        dtype: "I32",
        shape: vec![rows, cols],
        bytes: vec![0; 4 * rows * cols],
    };
    let mut gptq = vec![ints(&format!("{Q}.qweight"), 2, 10), ints(&format!("{Q}.qzeros"), 1, 2)];
    gptq.push(ints(&format!("{Q}.g_idx"), 12, 1));
    gptq.push(tensor(&format!("{Q}.scales"), "F16", &DMatrix::from_element(1, 10, 1.0)));
    let (outcome, problems) = bench.drop_files(vec![
        run.state("base.safetensors", 0.0),
        MemorySource::new("packed.safetensors", safetensors(&gptq)),
    ]);
    assert_eq!(outcome, Outcome::Done);
    said(&problems, "quantised by GPTQ");
    said(&problems, "before quantisation");
    assert!(bench.one("base", "packed").unmatched.iter().any(|m| m.reason.contains("GPTQ")));
}

#[test]
fn weights_that_are_not_finite_are_listed() {
    for choice in backends() {
        let run = Run::new();
        let mut bench = run.start(choice);
        let mut broken = &run.w + &run.step;
        broken[(3, 5)] = f64::NAN;
        broken[(4, 4)] = f64::INFINITY;
        let tensors = [tensor(&format!("{Q}.weight"), "F32", &broken), run.weight(K, 1.0)];
        bench.drop_files(vec![
            run.state("base.safetensors", 0.0),
            MemorySource::new("step-1.safetensors", safetensors(&tensors)),
        ]);
        let row = bench.one("base", "step-1");
        assert_eq!((row.matched, row.modules[0].name.as_str()), (1, K));
        assert!(row.unmatched[0].reason.contains("2 numbers that are not finite"), "{:?}", row.unmatched);
        assert!(row.whole.cosine.is_some_and(f64::is_finite));
    }
}

/// A reason that all modules share is said at once.
#[test]
fn a_reason_that_all_share_is_quoted() {
    let mut run = Run::new();
    run.step[(3, 5)] = f64::NAN;
    let mut bench = run.start(BackendChoice::Cpu);
    let base = safetensors(&[run.weight(Q, 0.0), run.weight(K, 0.0)]);
    let clean = MemorySource::new("clean.safetensors", base);
    let (_, problems) = bench.drop_files(vec![clean, run.state("step-1.safetensors", 1.0)]);
    // 0·NaN is no number either.
    said(
        &problems,
        "lora: there is nothing to compare it with in clean → step-1: its weight holds 2 numbers that are not finite \
         (NaN or infinity) in these checkpoints.",
    );
}

/// Between adapters there are no weights.
#[test]
fn adapters_without_a_module_in_common() {
    let numbers = |seed: f64| DMatrix::from_fn(10, 2, |i, j| (seed + (2 * i + j) as f64).sin());
    let file = |path: &str, module: &str, seed: f64| {
        adapter_file(
            &format!("{path}/adapter_model.safetensors"),
            module,
            &numbers(seed),
            &numbers(seed + 0.5).transpose(),
        )
    };
    let mut bench = bench(BackendChoice::Cpu);
    let (outcome, problems) =
        bench.drop_files(vec![file("checkpoint-1", Q, 1.0), file("checkpoint-2", Q, 2.0), file("other", K, 3.0)]);
    assert_eq!((outcome, problems.len()), (Outcome::Done, 1), "{problems:?}");
    said(
        &problems,
        "other: there is nothing to compare it with in checkpoint-1 → checkpoint-2: checkpoint-1 has no such module.",
    );
}
