use super::testing::{extracted, extraction};
use super::*;
use crate::model::shown::{Phase, State};
use crate::model::testing::{analysed, result};
use lorascope_protocol::report::{Along, EngineReport};
use lorascope_protocol::{ExtractRank, Head, ItemId, Outcome, Refusal, Stage, ToPage};

const JOB: JobId = 5;

fn stage(item: ItemId) -> Stage {
    Stage { item, label: format!("state {item}"), step: None }
}

fn with_checkpoints(items: &[ItemId]) -> State {
    let mut state = State::default();
    let stages = items.iter().map(|item| stage(*item)).collect();
    state.receive(ToPage::Series { along: Along::Checkpoints, stages, unused: vec![stage(9)] }, 0.0);
    state
}

fn begin(state: &mut State) -> ExtractRequest {
    let request = state.extraction_wanted().unwrap().unwrap();
    state.begin_extraction(JOB, request, 1000.0);
    request
}

fn finished() -> ToPage {
    ToPage::Finished { outcome: Outcome::Done, engine: EngineReport::default(), problems: Vec::new() }
}

#[test]
fn the_ends_are_the_first_and_the_last_until_chosen() {
    let mut state = with_checkpoints(&[1, 2, 3]);
    assert_eq!(state.extraction_ends(), Some((1, 3)));
    state.extraction.form.from = Some(2);
    state.extraction.form.to = Some(9);
    assert_eq!(state.extraction_ends(), Some((2, 9)), "also one that the series does not use");
    state.remove(2);
    state.remove(9);
    assert_eq!(state.extraction_ends(), Some((1, 3)));
    assert_eq!(with_checkpoints(&[1]).extraction_ends(), Some((1, 9)), "all that there are, where few are used");
    assert_eq!(with_checkpoints(&[]).extraction_wanted(), None);
}

#[test]
fn the_rank_is_that_of_the_adapter_in_view() {
    let mut state = with_checkpoints(&[1, 2]);
    let rank = |state: &State| state.extraction_wanted().unwrap().unwrap().rank;
    assert_eq!(rank(&state), ExtractRank::Number(USUAL_RANK));
    state.receive(analysed(5, "a", 0), 0.0);
    assert_eq!(rank(&state), ExtractRank::Number(4));
}

#[test]
fn a_result_comes_into_view_when_it_is_whole() {
    let mut state = with_checkpoints(&[1, 2]);
    let request = begin(&mut state);
    assert_eq!((state.phase, state.status().as_str()), (Phase::Analyzing, "Extracting …"));
    let pieces = ["l.0.q", "l.1.q"].map(|name| Piece::Extracted(vec![extracted(name, 8, 0.1)]));
    for message in result(Some(JOB), Head::Extraction(Box::new(extraction())), pieces.to_vec()) {
        assert!(state.extraction.run.result.is_none());
        state.receive(message, 2500.0);
    }
    let result = state.extraction.run.result.clone().unwrap();
    assert_eq!((result.modules.len(), result.seconds, result.request), (2, Some(1.5), Some(request)));
    assert_eq!(result.job, Some(JOB));
    state.receive(finished(), 2500.0);
    assert!(!state.extraction.run.is_running() && !state.extraction_is_other());
    state.extraction.form.embeddings = true;
    assert!(state.extraction_is_other());
    state.receive(ToPage::Gone { job: JOB }, 0.0);
    assert!(state.extraction.run.result.is_none());
}

#[test]
fn failures_are_said_of_what_was_asked() {
    let mut state = with_checkpoints(&[1, 2]);
    begin(&mut state);
    state.receive(ToPage::Refused { job: JOB, why: Some(Refusal::Words("they share no tensor".into())) }, 0.0);
    state.receive(finished(), 0.0);
    assert_eq!(state.extraction_problem().unwrap(), "they share no tensor");
    state.extraction.form.rank = Some("3".into());
    assert_eq!(state.extraction_problem(), None, "of other settings nothing is known");
    state.extraction.form.rank = Some("0".into());
    assert!(state.extraction_problem().unwrap().starts_with("The rank"));
    state.extraction.form.rank = None;
    begin(&mut state);
    state.receive(ToPage::Refused { job: JOB, why: None }, 0.0);
    assert_eq!((state.extraction_problem(), state.extraction.run.is_running()), (None, false), "cancelled");
}

#[test]
fn results_stay_after_a_crash_and_go_with_everything() {
    let mut state = with_checkpoints(&[1, 2, 3]);
    begin(&mut state);
    let messages = result(Some(JOB), Head::Extraction(Box::new(extraction())), Vec::new());
    messages.into_iter().for_each(|message| state.receive(message, 0.0));
    assert!(state.extraction.run.result.is_some());
    state.receive(ToPage::Panicked { text: "gone".into() }, 0.0);
    assert!(state.extraction.run.result.is_some(), "results stay in view, as everywhere");
    state.clear(9);
    assert!(state.extraction.run.result.is_none());
}
