use super::testing::{compared, figures, lists, overlap_grid};
use super::*;
use crate::model::run::Stopped;
use crate::model::shown::{Phase, State};
use crate::model::testing::{analysed, result};
use lorascope_protocol::report::EngineReport;
use lorascope_protocol::{Head, Outcome, Question, Refusal, ToPage};

const PAIR: PairId = (10, 11);
/// The comparison.
const JOB: JobId = 5;

/// Three adapters are analysed, and the engine waits.
fn three() -> State {
    let mut state = State::default();
    state.receive(ToPage::Started { engine: EngineReport::default() }, 0.0);
    for item in 10..13 {
        state.receive(analysed(item, &format!("a{item}"), 0), 0.0);
    }
    state.receive(finished(Outcome::Done), 0.0);
    state
}

fn finished(outcome: Outcome) -> ToPage {
    ToPage::Finished { outcome, engine: EngineReport::default(), problems: Vec::new() }
}

fn compare(state: &mut State) {
    assert_eq!(state.begin_comparison(JOB, 0.0), Question::Compare);
    let Compared { items, pairs, left_out } = compared(3);
    let (first, rest) = pairs.split_at(2);
    let pieces = [first, rest].map(|pairs| Piece::Compared(pairs.to_vec())).to_vec();
    for message in result(Some(JOB), Head::Comparison { items, left_out }, pieces) {
        assert_eq!(state.comparison.run.result, None, "a part is not shown");
        state.receive(message, 0.0);
    }
    state.receive(finished(Outcome::Done), 0.0);
}

fn pieces(state: &mut State, job: JobId, pair: PairId) {
    let lists = lists();
    let pieces = [
        PairPiece::Modules(lists.modules[..1].to_vec()),
        PairPiece::Modules(lists.modules[1..].to_vec()),
        PairPiece::OnlyA(lists.only_a),
        PairPiece::OnlyB(lists.only_b),
        PairPiece::NotCompared(lists.not_compared),
    ];
    for message in result(Some(job), Head::Pair, pieces.map(Piece::Pair).to_vec()) {
        assert_eq!(state.comparison.lists(pair), None);
        state.receive(message, 0.0);
    }
}

#[test]
fn it_is_asked_for_once_and_comes_in_pieces() {
    let mut state = three();
    assert!(state.comparison_due());
    let mut asked = state.clone();
    asked.begin_comparison(JOB, 0.0);
    assert!(!asked.comparison_due() && asked.phase == Phase::Analyzing && asked.doing() == "Comparing");
    compare(&mut state);
    assert!(!state.comparison_due());
    let matrix = state.matrix().unwrap();
    assert_eq!((matrix.labels.join(" "), matrix.compared.as_ref()), ("a10 a11 a12".to_owned(), &compared(3)));
}

#[test]
fn nothing_is_asked_for_less_than_two_or_of_a_busy_engine() {
    let mut state = three();
    state.phase = Phase::Loading;
    assert!(!state.comparison_due());
    state.phase = Phase::Done;
    for item in [11, 12] {
        assert!(state.comparison_due());
        state.receive(ToPage::Removed { item }, 0.0);
    }
    assert!(!state.can_compare() && !state.comparison_due());
}

#[test]
fn what_was_refused_or_cancelled_waits_for_the_person() {
    for (text, stopped) in
        [(None, Stopped::Cancelled), (Some("too large".to_owned()), Stopped::Refused("too large".to_owned()))]
    {
        let mut state = three();
        state.begin_comparison(JOB, 0.0);
        state.receive(ToPage::Refused { job: JOB, why: text.map(Refusal::Words) }, 0.0);
        state.receive(finished(Outcome::Done), 0.0);
        assert_eq!((state.comparison.run.stopped(), state.comparison_due()), (Some(&stopped), false));
        // Another adapter is something new.
        state.receive(analysed(13, "a13", 0), 0.0);
        assert!(state.comparison_due());
    }
    // An end without an answer is one, too: nothing goes round in circles.
    let mut state = three();
    state.begin_comparison(JOB, 0.0);
    state.receive(finished(Outcome::Done), 0.0);
    assert!(!state.comparison_due() && !state.comparison.run.is_running());
}

#[test]
fn it_goes_with_its_adapters_and_is_due_again() {
    let mut state = three();
    compare(&mut state);
    state.receive(ToPage::Gone { job: 77 }, 0.0);
    assert!(state.comparison.run.result.is_some(), "another job's");
    state.receive(ToPage::Gone { job: JOB }, 0.0);
    assert!(state.comparison.run.result.is_none() && state.comparison_due());
    compare(&mut state);
    state.ask_pair(6, PAIR).unwrap();
    pieces(&mut state, 6, PAIR);
    state.receive(ToPage::Removed { item: 12 }, 0.0);
    state.receive(ToPage::Gone { job: JOB }, 0.0);
    assert!(state.matrix().is_none() && state.comparison.lists(PAIR).is_none() && state.comparison_due());
    compare(&mut state);
    state.receive(finished(Outcome::Idle), 0.0);
    assert!(state.comparison.run.result.is_none());
}

#[test]
fn a_pair_is_asked_once_and_its_lists_are_put_together() {
    let mut state = three();
    assert_eq!(state.ask_pair(6, PAIR), None, "there is no comparison");
    compare(&mut state);
    assert_eq!(state.ask_pair(7, PAIR), Some(Question::Pair { a: 10, b: 11 }));
    assert_eq!(state.ask_pair(8, PAIR), None);
    pieces(&mut state, 7, PAIR);
    assert_eq!(state.comparison.lists(PAIR).map(Arc::as_ref), Some(&lists()));
    assert_eq!(state.ask_pair(9, PAIR), None, "it is here");
    // Nobody asked, or it is of a comparison that is gone.
    state.ask_pair(10, (10, 12)).unwrap();
    state.receive(ToPage::Gone { job: JOB }, 0.0);
    compare(&mut state);
    pieces(&mut state, 10, (10, 12));
    assert_eq!(state.comparison.lists((10, 12)), None);
}

#[test]
fn what_was_looked_at_longest_ago_is_asked_again() {
    let mut state = three();
    compare(&mut state);
    for b in 11..12 + KEPT as u32 {
        assert!(state.ask_pair(b, (10, b)).is_some());
        pieces(&mut state, b, (10, b));
    }
    assert!(state.comparison.lists((10, 12)).is_some());
    assert!(state.ask_pair(99, PAIR).is_some());
}

#[test]
fn a_module_is_asked_once_and_a_refusal_is_an_answer() {
    let mut state = three();
    compare(&mut state);
    let of = (PAIR, "layers.0.q".to_owned());
    let asked = Question::Overlap { a: 10, b: 11, name: "layers.0.q".to_owned() };
    assert_eq!((state.ask_module(6, of.clone()), state.ask_module(7, of.clone())), (Some(asked), None));
    let answer = result(Some(6), Head::Overlap(Box::new(overlap_grid())), Vec::new());
    answer.into_iter().for_each(|message| state.receive(message, 0.0));
    assert_eq!(state.comparison.overlap(&of).unwrap().grid, Ok(overlap_grid()));
    let other = (PAIR, "layers.9.q".to_owned());
    state.ask_module(8, other.clone());
    state.receive(ToPage::Refused { job: 8, why: Some(Refusal::Words("gone".to_owned())) }, 0.0);
    assert_eq!(state.comparison.overlap(&other).unwrap().grid, Err("gone".to_owned()));
    assert_eq!(state.ask_module(9, other), None);
}

#[test]
fn after_a_crash_nothing_is_waited_for() {
    let mut state = three();
    compare(&mut state);
    state.ask_pair(6, PAIR);
    state.begin_comparison(JOB, 0.0);
    state.crashed("a panic".to_owned());
    assert!(!state.comparison.run.is_running());
    assert!(state.matrix().is_some(), "what is in view stays");
    assert_eq!(state.ask_pair(7, PAIR), None, "there is no engine");
}

#[test]
fn the_pair_and_the_module_in_view() {
    let compared = compared(3);
    assert_eq!(compared.pair_or_first(None), Some((10, 11)));
    assert_eq!(compared.pair_or_first(Some((11, 12))), Some((11, 12)));
    assert_eq!(compared.pair_or_first(Some((11, 99))), Some((10, 11)));
    assert_eq!((compared.pair(2, 0), compared.pair(1, 1), compared.pair(0, 3)), (Some((10, 12)), None, None));
    assert_eq!(Compared::default().pair_or_first(None), None);
    let lists = lists();
    assert_eq!(lists.module_or_strongest(None), Some(1));
    assert_eq!(lists.module_or_strongest(Some("layers.0.q")), Some(0));
    assert_eq!(lists.module_or_strongest(Some("layers.0.v")), Some(1));
    assert_eq!(PairLists::default().module_or_strongest(None), None);
    assert_eq!(figures(0.5).cosine, Some(0.5));
}
