use super::form::Goal;
use super::testing::{head, projected, projection};
use super::*;
use crate::model::shown::{Phase, State};
use crate::model::testing::{analysed, module, result};
use lorascope_protocol::projection::{PlanRow, RankRule};
use lorascope_protocol::report::EngineReport;
use lorascope_protocol::{AdapterPiece, Head, Item, ItemKind, Outcome, ToPage};

fn item(id: ItemId, kind: ItemKind) -> ToPage {
    ToPage::Item(Item {
        item: id,
        kind,
        label: format!("item {id}"),
        detail: String::new(),
        scale_assumed: false,
        address: None,
    })
}

fn finished(outcome: Outcome) -> ToPage {
    ToPage::Finished { outcome, engine: EngineReport::default(), problems: Vec::new() }
}

fn adapter(id: ItemId) -> [ToPage; 2] {
    let modules = vec![module("layers.0.q", Some(0), "q", 16)];
    [analysed(id, "a", 1), ToPage::Piece(Piece::Adapter(AdapterPiece::Modules(modules)))]
}

/// A page that shows the adapter 1, the engine waiting.
fn page() -> State {
    let mut state = State::default();
    state.receive(ToPage::Started { engine: EngineReport::default() }, 0.0);
    state.begin_drop(0.0);
    receive(&mut state, vec![item(1, ItemKind::Adapter)]);
    receive(&mut state, adapter(1).into());
    receive(&mut state, vec![finished(Outcome::Done)]);
    state
}

fn receive(state: &mut State, messages: Vec<ToPage>) {
    messages.into_iter().for_each(|message| state.receive(message, 1000.0));
}

fn row(name: &str) -> PlanRow {
    PlanRow {
        source: name.to_owned(),
        name: name.to_owned(),
        layer: Some(0),
        from: [64, 32],
        shape: [64, 32],
        source_rank: 16,
        rank: 8,
        scale: 2.0,
        kept: 0.97,
        gain: 1.0,
    }
}

fn plan(job: JobId, rows: &[&str]) -> Vec<ToPage> {
    let pieces = rows.iter().map(|name| Piece::Plan(vec![row(name)])).collect();
    result(Some(job), Head::Plan(Box::new(head(rows.len()))), pieces)
}

fn refused(job: JobId, text: &str) -> Vec<ToPage> {
    vec![ToPage::Refused { job, why: Some(Refusal::Words(text.to_owned())) }]
}

fn ask(state: &mut State, job: JobId) -> Ask {
    let ask = state.plan_due().expect("a plan is due");
    state.begin_plan(job, ask.clone());
    ask
}

#[test]
fn a_plan_is_asked_once_and_shown_when_it_is_whole() {
    let mut state = page();
    let asked = ask(&mut state, 5);
    assert_eq!((asked.item, &asked.request), (1, &Request::default()));
    assert_eq!(state.plan_due(), None, "one question at a time");
    for message in plan(5, &["a", "b"]) {
        assert!(state.projection.planned.is_none(), "half a plan is not shown");
        state.receive(message, 1000.0);
    }
    let planned = state.projection.planned.clone().unwrap();
    assert_eq!(planned.outcome.as_ref().unwrap().rows.len(), 2);
    assert!(state.plan_is_current());
    assert_eq!((state.plan_due(), state.projection_problem()), (None, None));
    assert_eq!(state.projection.base_model.as_deref(), Some("org/source"));
}

#[test]
fn an_answer_is_of_what_was_asked_then() {
    let mut state = page();
    let first = ask(&mut state, 5);
    state.projection.form.rank.typed("8");
    assert_eq!(state.plan_due(), None, "the first question is still under way");
    receive(&mut state, refused(5, "too small"));
    assert_eq!(state.projection.planned.as_ref().unwrap().ask, first);
    assert_eq!(state.projection_problem(), None, "what was said of other settings is not said of these");
    let second = ask(&mut state, 6);
    assert_eq!(second.request.rank, RankRule::Number(8));
    receive(&mut state, refused(6, "no such size"));
    assert_eq!(state.projection_problem().as_deref(), Some("no such size"));
}

#[test]
fn a_format_that_cannot_be_projected_is_told_from_settings_that_cannot() {
    let mut state = page();
    ask(&mut state, 5);
    receive(&mut state, refused(5, "no such size"));
    assert_eq!(state.projection_excluded(), None);
    state.projection.form.rank.typed("8");
    ask(&mut state, 6);
    let why = Refusal::NotOfPeft("kohya LoRA".to_owned());
    let text = why.to_string();
    receive(&mut state, vec![ToPage::Refused { job: 6, why: Some(why) }]);
    assert_eq!(state.projection_excluded(), Some(text));
    // Another adapter is not judged by it.
    receive(&mut state, vec![item(2, ItemKind::Adapter)]);
    receive(&mut state, adapter(2).into());
    state.selected = Some(2);
    assert_eq!(state.projection_excluded(), None);
}

#[test]
fn answers_to_other_questions_are_nobodys() {
    let mut state = page();
    receive(&mut state, plan(5, &[]));
    assert!(state.projection.planned.is_none(), "nobody asked");
    ask(&mut state, 6);
    receive(&mut state, plan(5, &["x"]));
    assert!(state.projection.planned.is_none() && state.plan_due().is_none());
}

#[test]
fn nothing_is_asked_of_a_busy_a_dead_or_no_engine() {
    let mut state = page();
    state.begin_drop(0.0);
    assert_eq!(state.plan_due(), None);
    receive(&mut state, vec![finished(Outcome::Done)]);
    assert!(state.plan_due().is_some());
    ask(&mut state, 5);
    state.crashed("index out of bounds".into());
    assert_eq!(state.plan_due(), None);
    assert!(!state.is_free());
    assert_eq!(State::default().wanted(), None);
}

#[test]
fn what_is_dropped_makes_a_plan_due_again() {
    let mut state = page();
    ask(&mut state, 5);
    receive(&mut state, plan(5, &[]));
    assert!(state.plan_is_current());
    // The same adapter with another scale.
    receive(&mut state, adapter(1).into());
    assert!(state.plan_due().is_some() && !state.plan_is_current());
}

#[test]
fn a_target_that_comes_after_the_adapter_is_chosen_and_one_that_goes_is_not_missed() {
    let mut state = State::default();
    receive(&mut state, vec![item(9, ItemKind::ModelConfig)]);
    assert_eq!(state.projection.form.goal, Goal::Same, "there was nothing to project yet");
    let mut state = page();
    receive(&mut state, vec![item(5, ItemKind::ModelConfig), item(6, ItemKind::Checkpoint)]);
    assert_eq!(state.projection.form.goal, Goal::Item(5));
    assert_eq!(state.targets().len(), 2);
    state.projection.form.goal = Goal::Same;
    receive(&mut state, vec![item(5, ItemKind::ModelConfig)]);
    assert_eq!(state.projection.form.goal, Goal::Same, "only when it is new");
    state.projection.form.goal = Goal::Item(6);
    receive(&mut state, vec![ToPage::Removed { item: 6 }]);
    assert_eq!(state.projection.form.goal, Goal::Same);
}

#[test]
fn a_field_without_a_usable_value_is_a_problem() {
    let mut state = page();
    state.projection.form.rank.typed("0");
    assert!(state.projection_problem().is_some_and(|text| text.contains("rank")));
    assert_eq!(state.plan_due(), None);
}

fn project(state: &mut State) {
    let ask = state.wanted().unwrap().unwrap();
    state.begin_projection(JOB, ask, 500.0);
}

const JOB: JobId = 7;

fn answer(modules: &[&str]) -> Vec<ToPage> {
    let pieces = modules.iter().map(|name| Piece::Projected(vec![projected(name, 8, 0.9)])).collect();
    result(Some(JOB), Head::Projection { item: 1, report: Box::new(projection("a")) }, pieces)
}

#[test]
fn a_projection_from_question_to_result() {
    let mut state = page();
    state.projection.form.rank.typed("8");
    project(&mut state);
    assert!(state.projection.run.is_running() && state.phase == Phase::Analyzing && state.would_lose());
    assert_eq!(state.status(), "Projecting …");
    for message in answer(&["a", "b"]) {
        assert!(state.projection.run.result.is_none(), "half a result is not shown");
        state.receive(message, 1000.0);
    }
    receive(&mut state, vec![finished(Outcome::Done)]);
    let shown = state.projection.run.result.clone().unwrap();
    assert_eq!((shown.modules.len(), shown.seconds), (2, Some(0.5)));
    assert_eq!((state.phase, state.projection.run.is_running()), (Phase::Done, false));
    assert!(state.would_lose(), "nothing of it was saved");
    state.begin_export(JOB + 1, JOB);
    state.hear(JOB + 1, ToPage::Exported { file_name: "adapter.zip".into() }, 0.0);
    assert!(!state.would_lose());
    assert!(!state.result_is_other());
    state.projection.form.rank.typed("4");
    assert!(state.result_is_other());
    receive(&mut state, vec![ToPage::Gone { job: JOB }]);
    assert!(state.projection.run.result.is_none() && !state.result_is_other());
}

#[test]
fn a_failure_is_said_and_a_cancel_is_not() {
    let mut state = page();
    project(&mut state);
    receive(&mut state, answer(&[]));
    receive(&mut state, vec![finished(Outcome::Done)]);
    project(&mut state);
    receive(&mut state, vec![ToPage::Refused { job: JOB, why: None }, finished(Outcome::Done)]);
    assert_eq!(state.projection_problem(), None);
    project(&mut state);
    receive(&mut state, refused(JOB, "out of memory"));
    receive(&mut state, vec![finished(Outcome::Done)]);
    assert_eq!(state.projection_problem().as_deref(), Some("out of memory"));
    assert!(state.projection.run.result.is_some(), "the last one stays");
    state.projection.form.rank.typed("4");
    assert_eq!(state.projection_problem(), None, "of other settings nothing is known yet");
}

#[test]
fn a_cancel_in_the_middle_leaves_no_half() {
    let mut state = page();
    project(&mut state);
    receive(&mut state, vec![ToPage::Refused { job: JOB, why: None }, finished(Outcome::Done)]);
    assert!(state.projection.run.result.is_none() && state.is_free());
}

#[test]
fn clearing_forgets_settings_and_result() {
    let mut state = page();
    state.projection.form.rank.typed("8");
    project(&mut state);
    receive(&mut state, answer(&[]));
    receive(&mut state, vec![finished(Outcome::Done)]);
    state.clear(9);
    assert!(state.projection.run.result.is_none() && state.projection.form == Form::default());
    let mut state = page();
    project(&mut state);
    receive(&mut state, answer(&[]));
    receive(&mut state, vec![finished(Outcome::Idle)]);
    assert!(state.projection.run.result.is_none(), "nothing is held any more");
}
