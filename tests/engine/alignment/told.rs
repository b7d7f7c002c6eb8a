//! What the page is told beside the figures: which update is over the whole run, which problems are of alignments.

use lorascope_format::bytes::MemorySource;
use lorascope_protocol::report::Along;
use lorascope_protocol::{About, BackendChoice, Piece, Problem, Question, ToPage};
use nalgebra::DMatrix;
use pollster::block_on;

use super::run::{Q, Run, safetensors, tensor};

/// The updates in order, and which of them is over the whole run.
fn updates(messages: &[ToPage]) -> Vec<(String, bool)> {
    let update = |message: &ToPage| match message {
        ToPage::Piece(Piece::Alignment { whole_run, report }) => {
            Some((format!("{} → {}", report.from, report.to), *whole_run))
        }
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
    block_on(bench.session.ask(1, Question::Align { along: Along::Checkpoints, order: ends.to_vec() }));
    assert_eq!(updates(&bench.take()), [("base → step-2".to_owned(), false)]);
}

#[test]
fn problems_of_alignments_are_told_apart_from_those_of_the_drop() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    let other = safetensors(&[tensor(&format!("{Q}.weight"), "F32", &DMatrix::from_element(6, 6, 1.0))]);
    bench.drop_files(vec![
        run.state("base.safetensors", 0.0),
        MemorySource::new("other.safetensors", other),
        MemorySource::new("broken.safetensors", vec![1, 2, 3]),
    ]);
    let Some(ToPage::Finished { problems, .. }) = bench.take().pop() else { panic!("no end") };
    let about = |text: &str| {
        let said: Vec<&Problem> = problems.iter().filter(|problem| problem.text.contains(text)).collect();
        assert_eq!(said.len(), 1, "{problems:?}");
        said[0].about.clone()
    };
    assert_eq!(about("nothing to compare"), About::Alignments);
    assert_eq!(about("broken.safetensors"), About::Drop);
}
