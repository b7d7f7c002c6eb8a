use super::*;
use crate::model::testing::{adapter, analysed, module};
use lorascope_protocol::report::NotAnalyzed;
use lorascope_protocol::{AdapterPiece, Piece, Progress};

fn item(id: ItemId, kind: ItemKind) -> ToPage {
    ToPage::Item(Item {
        item: id,
        kind,
        label: format!("item {id}"),
        detail: String::new(),
        scale_assumed: id == 7,
        address: None,
    })
}

fn finished(outcome: Outcome, problems: &[(bool, &str)]) -> ToPage {
    let problem = |(error, text): &(bool, &str)| Problem { error: *error, ..Problem::warning(About::Drop, *text) };
    let problems = problems.iter().map(problem).collect();
    ToPage::Finished { outcome, engine: EngineReport::default(), problems }
}

/// `pieces` follow.
fn announced(id: ItemId, pieces: usize) -> ToPage {
    analysed(id, &format!("adapter {id}"), pieces)
}

fn modules(n: usize) -> ToPage {
    ToPage::Piece(Piece::Adapter(AdapterPiece::Modules(vec![module("layers.0.q", Some(0), "q", 2); n])))
}

fn texts(notices: Vec<crate::model::said::Notice>) -> Vec<String> {
    notices.into_iter().map(|notice| notice.text).collect()
}

fn after(messages: Vec<ToPage>) -> State {
    let mut state = State::default();
    state.begin_drop(1000.0);
    for message in messages {
        state.receive(message, 1400.0);
    }
    state
}

#[test]
fn a_drop_from_loading_to_done() {
    let mut state = after(vec![ToPage::Loading, item(1, ItemKind::Adapter)]);
    assert_eq!(state.phase, Phase::Loading);
    state.receive(ToPage::Progress(Progress { text: "Analysing a".into(), done: 1, total: 2 }), 1100.0);
    assert_eq!((state.phase, state.status().as_str()), (Phase::Analyzing, "Analysing a"));
    state.receive(announced(1, 2), 1200.0);
    state.receive(modules(200), 1200.0);
    assert!(state.selected().is_none(), "half an adapter is not shown");
    state.receive(modules(100), 1200.0);
    assert_eq!(state.selected().unwrap().modules.len(), 300);
    state.receive(finished(Outcome::Done, &[]), 1400.0);
    assert_eq!(state.phase.word(), "done");
    assert_eq!(state.status(), "1 adapter analysed; the last drop took 0.4 s");
    assert!(state.running.is_none());
}

#[test]
fn a_second_drop_adds_and_comes_into_view() {
    let mut state = after(vec![announced(1, 0), finished(Outcome::Done, &[(false, "a.bin: skipped")])]);
    state.begin_drop(2000.0);
    assert!(state.warnings().is_empty(), "the former drop's problems are history");
    state.receive(announced(2, 0), 2001.0);
    state.receive(announced(3, 0), 2002.0);
    assert_eq!(state.selected, Some(2), "the first of the new drop");
    assert_eq!(state.adapters.len(), 3);
    state.receive(ToPage::Removed { item: 2 }, 2003.0);
    assert_eq!(state.selected, Some(1));
}

#[test]
fn a_new_scale_replaces_the_adapter_in_place() {
    let mut state = after(vec![announced(1, 1), modules(1), announced(2, 0), finished(Outcome::Done, &[])]);
    state.selected = Some(2);
    state.receive(announced(1, 1), 0.0);
    state.receive(modules(1), 0.0);
    assert_eq!((state.selected, state.adapters.len()), (Some(2), 2));
    assert_eq!(state.adapters[&1].modules.len(), 1, "replaced, not appended to");
}

/// Every list arrives in pieces, a long text too.
#[test]
fn the_lists_of_an_adapter_are_put_together() {
    let entry = |n: u32| NotAnalyzed { name: format!("layers.{n}.bias"), reason: "a bias".into() };
    let part = |key: &str, text: &str| (key.to_owned(), text.to_owned());
    let pieces = [
        AdapterPiece::Modules(vec![module("layers.0.q", Some(0), "q", 2)]),
        AdapterPiece::NotAnalyzed(vec![entry(0)]),
        AdapterPiece::NotAnalyzed(vec![entry(1)]),
        AdapterPiece::Warnings(vec!["odd key".into()]),
        AdapterPiece::Metadata(vec![part("format", "pt"), part("ss_tag_frequency", "{\"a\":")]),
        AdapterPiece::Metadata(vec![part("ss_tag_frequency", " {}}"), part("z", "")]),
    ];
    let mut state = after(vec![announced(1, pieces.len())]);
    for piece in pieces {
        assert!(state.selected().is_none(), "not before the last piece");
        state.receive(ToPage::Piece(Piece::Adapter(piece)), 0.0);
    }
    let adapter = state.selected().unwrap();
    assert_eq!((adapter.modules.len(), &adapter.report.not_analyzed), (1, &vec![entry(0), entry(1)]));
    assert_eq!(texts(state.warnings()), ["odd key"]);
    let metadata: Vec<(&str, &str)> = adapter.report.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(metadata, [("format", "pt"), ("ss_tag_frequency", "{\"a\": {}}"), ("z", "")]);
}

#[test]
fn errors_and_warnings_are_said_once() {
    let mut report = adapter("a");
    report.warnings = vec!["scale assumed".into(), "odd key".into()];
    let state = after(vec![
        ToPage::Result { job: None, head: Head::Adapter { item: 1, report: Box::new(report) }, pieces: 0 },
        finished(Outcome::Error, &[(true, "x.bin: a pickle"), (false, "odd key"), (true, "x.bin: a pickle")]),
    ]);
    assert_eq!(texts(state.errors()), ["x.bin: a pickle"]);
    assert_eq!(texts(state.warnings()), ["odd key", "scale assumed"]);
    assert_eq!(state.phase, Phase::Error);
}

#[test]
fn removing_keeps_what_was_said_before() {
    let mut state = after(vec![announced(1, 0), finished(Outcome::Done, &[(false, "b: skipped")])]);
    state.receive(ToPage::Removed { item: 9 }, 0.0);
    state.receive(finished(Outcome::Done, &[]), 0.0);
    assert_eq!(texts(state.warnings()), ["b: skipped"]);
}

#[test]
fn cancel_drops_the_half_and_keeps_the_whole() {
    let mut state = after(vec![announced(1, 0), announced(2, 2), modules(5), finished(Outcome::Done, &[])]);
    state.receive(modules(5), 0.0);
    assert_eq!(state.adapters.keys().copied().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_crash_leaves_results_and_forgetting_starts_over() {
    let mut state = after(vec![item(1, ItemKind::Adapter), announced(1, 0), finished(Outcome::Done, &[])]);
    state.address_warning = Some("backend=cuda".into());
    state.receive(ToPage::Panicked { text: "index out of bounds".into() }, 0.0);
    assert_eq!((state.phase, state.status().as_str()), (Phase::Error, "The engine stopped"));
    assert!(state.selected().is_some() && state.holds_something());
    state.forget();
    assert!(!state.holds_something() && state.selected().is_none() && state.crash.is_none());
    assert_eq!((state.phase, texts(state.warnings())), (Phase::Idle, vec!["backend=cuda".to_owned()]));
}

#[test]
fn no_backend_stays_said() {
    let mut state = State::default();
    assert_eq!(state.status(), "Starting the engine …");
    state.receive(ToPage::NoBackend { text: "no WebGPU here".into() }, 0.0);
    state.forget();
    assert_eq!((state.phase, texts(state.errors())), (Phase::Error, vec!["no WebGPU here".to_owned()]));
}

#[test]
fn assumed_scales_and_waiting_checkpoints() {
    let state = after(vec![item(7, ItemKind::Checkpoint), finished(Outcome::Done, &[])]);
    assert!(state.scale_assumed(7) && !state.scale_assumed(8));
    assert_eq!(state.status(), "Kept; waiting for an adapter");
}

#[test]
fn after_clear_the_past_does_not_come_back() {
    let mut state = after(vec![item(1, ItemKind::Adapter), announced(1, 2), modules(1)]);
    state.clear(8);
    assert_eq!((state.phase, state.holds_something()), (Phase::Idle, false));
    // A drop that began before, whether it is still gathered or already analysed, is not wanted; what answers the clear,
    // and the next drop, are.
    assert_eq!([6, 7, 8, 9].map(|job| state.is_wanted(job)), [false, false, true, true]);
    state.begin_drop(5000.0);
    assert_eq!([7, 9].map(|job| state.is_wanted(job)), [false, true]);
    state.receive(ToPage::Cleared { engine: EngineReport::default() }, 0.0);
    assert_eq!((state.selected, state.phase), (None, Phase::Loading));
    state.receive(announced(2, 0), 0.0);
    state.receive(finished(Outcome::Done, &[]), 6000.0);
    assert_eq!((state.selected, state.phase), (Some(2), Phase::Done));
    state.forget();
    assert!(!state.is_wanted(7), "a fresh engine does not make it wanted");
}

#[test]
fn what_was_removed_comes_back_to_its_place() {
    let adapters = [1, 2, 3].map(|id| item(id, ItemKind::Adapter));
    let mut state = after(adapters.into_iter().chain([finished(Outcome::Done, &[])]).collect());
    state.begin_removal(5, 2);
    state.receive(ToPage::Removed { item: 2 }, 0.0);
    assert_eq!(state.removed.as_ref().map(|removed| removed.text.as_str()), Some("Removed item 2."));
    state.receive(item(2, ItemKind::Adapter), 0.0);
    assert_eq!(state.items.iter().map(|item| item.item).collect::<Vec<_>>(), [1, 2, 3]);
    state.clear(9);
    assert_eq!(state.removed.as_ref().map(|removed| removed.text.as_str()), Some("Everything was cleared."));
    state.begin_drop(0.0);
    assert!(state.removed.is_none(), "the engine forgets what it took as soon as something new comes");
}

#[test]
fn idle_means_that_nothing_is_held() {
    let state = after(vec![item(1, ItemKind::Adapter), announced(1, 9), finished(Outcome::Idle, &[])]);
    assert!(!state.holds_something() && state.selected().is_none());
}

#[test]
fn a_scale_set_by_hand_can_be_corrected() {
    let mut state = after(vec![item(7, ItemKind::Adapter)]);
    assert!(state.scale_open(7) && !state.scale_open(8));
    state.scale_was_set(3, 7);
    state.items[0].scale_assumed = false;
    assert!(state.scale_open(7) && !state.scale_assumed(7));
}

#[test]
fn checkpoints_alone_have_a_screen_that_does_not_flash_in_a_drop() {
    use lorascope_protocol::Stage;
    use lorascope_protocol::report::Along;
    let stage = |item| Stage { item, label: format!("step {item}"), step: None };
    let series = |items: &[ItemId]| ToPage::Series {
        along: Along::Checkpoints,
        stages: items.iter().map(|item| stage(*item)).collect(),
        unused: Vec::new(),
    };
    let mut state = after(vec![ToPage::Loading, series(&[1, 2])]);
    assert_eq!(Screen::of(&state, Some(Screen::First)), Screen::First, "an adapter may follow");
    state.receive(finished(Outcome::Done, &[]), 0.0);
    assert_eq!(Screen::of(&state, Some(Screen::First)), Screen::Checkpoints);
    assert_eq!(state.status(), "2 checkpoints kept");
    state.receive(ToPage::Loading, 0.0);
    assert_eq!(Screen::of(&state, Some(Screen::Checkpoints)), Screen::Checkpoints, "it stays while the engine works");
    state.receive(announced(3, 0), 0.0);
    assert_eq!(Screen::of(&state, Some(Screen::Checkpoints)), Screen::Result);
    assert_eq!(Screen::of(&after(vec![series(&[1])]), None), Screen::First);
}
