use super::testing::{stage, update};
use super::*;
use crate::model::shown::{Phase, State};
use crate::model::testing::{analysed, result};
use lorascope_protocol::report::EngineReport;
use lorascope_protocol::{About, Head, Item, ItemKind, Outcome, Problem, Question, ToPage};

fn series(along: Along, stages: Vec<Stage>) -> ToPage {
    ToPage::Series { along, stages, unused: Vec::new() }
}

/// These alignments of an adapter.
fn sent(item: ItemId, updates: Vec<Vec<Piece>>) -> Vec<ToPage> {
    result(None, Head::Alignments { item, along: Along::Checkpoints }, updates.concat())
}

fn finished(outcome: Outcome) -> ToPage {
    ToPage::Finished { outcome, engine: EngineReport::default(), problems: Vec::new() }
}

/// An update of so many modules as the engine sends it: in pieces of two.
fn pieces(from: &str, to: &str, modules: usize) -> Vec<Piece> {
    let update = update(from, to, modules);
    let head = Piece::Alignment { whole_run: (from, to) == ("a", "c"), report: Box::new(update.report) };
    [head].into_iter().chain(update.modules.chunks(2).map(|chunk| Piece::Aligned(chunk.to_vec()))).collect()
}

fn receive(state: &mut State, messages: Vec<ToPage>) {
    messages.into_iter().for_each(|message| state.receive(message, 0.0));
}

/// An adapter in view and three checkpoints, aligned.
fn example() -> State {
    let mut state = State::default();
    receive(
        &mut state,
        vec![analysed(1, "a", 0), series(Along::Checkpoints, vec![stage(2, None), stage(3, None), stage(4, None)])],
    );
    receive(&mut state, sent(1, vec![pieces("a", "b", 3), pieces("b", "c", 3), pieces("a", "c", 3)]));
    receive(&mut state, vec![finished(Outcome::Done)]);
    state
}

fn in_view(state: &State) -> Option<Vec<usize>> {
    state.alignment_in_view().map(|set| set.updates.iter().map(|u| u.modules.len()).collect())
}

#[test]
fn alignments_come_into_view_when_all_are_whole() {
    let mut state = example();
    assert_eq!(in_view(&state), Some(vec![3, 3, 3]));
    let mut messages = sent(1, vec![pieces("a", "c", 2), pieces("c", "b", 5)]);
    let last = messages.pop().unwrap();
    receive(&mut state, messages);
    assert_eq!(in_view(&state), Some(vec![3, 3, 3]), "the former ones stay until then");
    state.receive(last, 0.0);
    assert_eq!(in_view(&state), Some(vec![2, 5]));
    // An update without a matched module has no pieces.
    receive(&mut state, sent(1, vec![pieces("a", "b", 0)]));
    assert_eq!(in_view(&state), Some(vec![0]));
    receive(&mut state, sent(1, vec![]));
    assert_eq!(in_view(&state), None);
}

#[test]
fn removing_clearing_and_a_crash() {
    let mut state = example();
    state.receive(ToPage::Panicked { text: "gone".into() }, 0.0);
    assert!(in_view(&state).is_some() && !state.is_free(), "results stay, as everywhere");
    state.receive(ToPage::Removed { item: 3 }, 0.0);
    assert_eq!(state.alignment.checkpoints.wanted(), [2, 4]);
    state.receive(ToPage::Removed { item: 1 }, 0.0);
    assert!(!state.alignment.has_any());
    let mut state = example();
    state.clear(9);
    assert!(!state.alignment.has_any() && state.alignment.checkpoints.is_empty());
    let mut state = example();
    state.receive(finished(Outcome::Idle), 0.0);
    assert!(!state.alignment.has_any() && state.alignment.checkpoints.is_empty());
}

#[test]
fn what_to_look_along() {
    let mut state = State::default();
    assert_eq!((state.alignment.along(), state.alignment.has_choice()), (Along::Checkpoints, false));
    state.receive(series(Along::Adapters, vec![stage(1, None)]), 0.0);
    assert!(state.alignment.adapters.is_empty(), "the adapter in view alone is no series");
    state.receive(series(Along::Adapters, vec![stage(1, None), stage(5, None)]), 0.0);
    assert_eq!(state.alignment.along(), Along::Adapters);
    state.receive(series(Along::Checkpoints, vec![stage(2, None)]), 0.0);
    assert_eq!((state.alignment.along(), state.alignment.has_choice()), (Along::Adapters, true), "one is not enough");
    state.receive(series(Along::Checkpoints, vec![stage(2, None), stage(3, None)]), 0.0);
    assert_eq!(state.alignment.along(), Along::Checkpoints);
    state.alignment.chosen = Some(Along::Adapters);
    assert_eq!(state.alignment.along(), Along::Adapters);
    state.receive(series(Along::Adapters, vec![]), 0.0);
    assert_eq!(state.alignment.along(), Along::Checkpoints, "what is gone cannot be chosen");
}

#[test]
fn another_order_is_asked_for_and_a_repeated_series_keeps_it() {
    let mut state = example();
    assert!(!state.can_align());
    state.alignment.checkpoints.shift(4, false);
    state.receive(series(Along::Checkpoints, vec![stage(2, None), stage(3, None), stage(4, None)]), 0.0);
    assert!(state.can_align());
    let asked = state.begin_alignment();
    assert_eq!(asked, Question::Align { along: Along::Checkpoints, order: vec![2, 4, 3] });
    assert_eq!(state.phase, Phase::Analyzing);
    assert_eq!(state.status(), "Aligning …");
    state.receive(series(Along::Checkpoints, vec![stage(2, None), stage(4, None), stage(3, None)]), 0.0);
    state.receive(finished(Outcome::Done), 0.0);
    assert!(!state.can_align() && state.doing() == "Analysing");
    // Cancelled: what is not there can be asked for again.
    receive(&mut state, sent(1, vec![]));
    assert!(state.can_align());
}

#[test]
fn what_a_removal_or_a_cancel_leaves_out_can_be_aligned() {
    let mut state = example();
    state.receive(ToPage::Removed { item: 3 }, 0.0);
    // The engine knows a → c: the whole run of before, now the only step.
    receive(&mut state, vec![series(Along::Checkpoints, vec![stage(2, None), stage(4, None)])]);
    let mut only = pieces("a", "c", 3);
    if let Some(Piece::Alignment { whole_run, .. }) = only.first_mut() {
        *whole_run = false;
    }
    receive(&mut state, sent(1, vec![only]));
    let set = state.alignment_in_view().unwrap();
    assert_eq!((set.steps().len(), set.is_whole_run(0), state.can_align()), (1, false, false));
    // Of four states one is gone: a step that nobody has computed, and two updates that are known.
    let mut state = example();
    let four = vec![stage(2, None), stage(3, None), stage(4, None), stage(5, None)];
    receive(&mut state, vec![series(Along::Checkpoints, four), finished(Outcome::Done)]);
    assert!(state.can_align(), "three updates are here, four are wanted");
    state.phase = Phase::Analyzing;
    assert!(!state.can_align(), "they may be under way");
}

#[test]
fn another_alignment_makes_history_of_what_was_said_of_the_last() {
    let mut state = example();
    // The same words of the drop are not of the alignment.
    let said = [(About::Drop, "Cancelled."), (About::Alignments, "a: there is nothing to compare it with")];
    let problems = said.map(|(about, text)| Problem::warning(about, text)).into();
    state.receive(ToPage::Finished { outcome: Outcome::Done, engine: EngineReport::default(), problems }, 0.0);
    let texts = |state: &State| state.warnings().into_iter().map(|notice| notice.text).collect::<Vec<_>>();
    assert_eq!(texts(&state).len(), 2);
    state.begin_alignment();
    assert_eq!(texts(&state), ["Cancelled."], "what was said of the drop stays");
}

#[test]
fn two_checkpoints_alone_are_something_to_extract_from() {
    let mut state = State::default();
    state.receive(series(Along::Checkpoints, vec![stage(2, None)]), 0.0);
    assert!(!state.only_extracts());
    state.receive(series(Along::Checkpoints, vec![stage(2, None), stage(4, None)]), 0.0);
    assert!(state.only_extracts());
    let item = |kind| {
        ToPage::Item(Item {
            item: 9,
            kind,
            label: String::new(),
            detail: String::new(),
            scale_assumed: false,
            address: None,
        })
    };
    state.receive(item(ItemKind::Companion), 0.0);
    assert!(state.only_extracts());
    state.receive(item(ItemKind::Adapter), 0.0);
    assert!(!state.only_extracts(), "its analysis comes into view soon");
}
