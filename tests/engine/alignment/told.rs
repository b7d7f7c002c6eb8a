//! What the page is told beside the figures: which update is over the whole run, which problems are of alignments.

use lorascope_format::bytes::MemorySource;
use lorascope_protocol::report::Along;
use lorascope_protocol::{BackendChoice, ToPage};
use nalgebra::DMatrix;
use pollster::block_on;

use super::run::{Q, Run, safetensors, tensor};

/// The updates in order, and which of them is over the whole run.
fn updates(messages: &[ToPage]) -> Vec<(String, bool)> {
    let update = |message: &ToPage| match message {
        ToPage::Alignment { whole_run, report, .. } => Some((format!("{} → {}", report.from, report.to), *whole_run)),
        _ => None,
    };
    messages.iter().filter_map(update).collect()
}

#[test]
fn the_same_update_is_the_whole_run_or_a_step() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    let states = [("base", 0.0), ("step-1", 1.0), ("step-2", 3.0)];
    bench.drop_files(states.map(|(name, n)| run.state(&format!("{name}.safetensors"), n)).to_vec());
    let ends = ["base", "step-2"].map(|label| bench.item(label));
    let told = [("base → step-1", false), ("step-1 → step-2", false), ("base → step-2", true)];
    assert_eq!(updates(&bench.take()), told.map(|(name, whole)| (name.to_owned(), whole)));
    block_on(bench.session.align(Along::Checkpoints, ends.to_vec()));
    assert_eq!(updates(&bench.take()), [("base → step-2".to_owned(), false)]);
}

#[test]
fn problems_of_alignments_are_told_apart_from_those_of_the_drop() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    let other = safetensors(&[tensor(&format!("{Q}.weight"), "F32", &DMatrix::from_element(6, 6, 1.0))]);
    let (_, problems) = bench.drop_files(vec![
        run.state("base.safetensors", 0.0),
        MemorySource::new("other.safetensors", other),
        MemorySource::new("broken.safetensors", vec![1, 2, 3]),
    ]);
    let texts = |message| match message {
        ToPage::AlignmentProblems { texts } => texts,
        _ => Vec::new(),
    };
    let of_alignment: Vec<String> = bench.take().into_iter().flat_map(texts).collect();
    let (compared, rest): (Vec<String>, Vec<String>) =
        problems.into_iter().partition(|text| text.contains("nothing to compare"));
    assert_eq!((of_alignment, rest.len()), (compared.clone(), 1), "{rest:?}");
    assert_eq!(compared.len(), 1);
}
