use std::sync::Arc;

use super::*;
use crate::model::alignment::figures::{COSINE, UPDATE_NORM};
use crate::model::alignment::testing::{aligned, figures};
use crate::model::shown::Adapter;
use crate::model::testing::{adapter, module};
use lorascope_protocol::report::ModuleReport;

fn joined(steps: usize, modules: Vec<ModuleReport>) -> Joined {
    let set = aligned(steps, modules.len());
    Joined::new(Arc::new(Adapter { item: 1, report: adapter("a"), modules }), Arc::new(set))
}

fn of_roles(steps: usize, roles: &[&str]) -> Joined {
    joined(steps, roles.iter().enumerate().map(|(i, r)| module(&format!("layers.{i}.q"), None, r, 2)).collect())
}

#[test]
fn a_single_update_is_no_trajectory() {
    let of = |steps| Trajectory::new(&of_roles(steps, &["q"]), None, &COSINE, Beside::Nothing, None);
    assert!(of(1).is_none() && of(2).is_some());
}

#[test]
fn a_role_is_one_long_vector() {
    let mut joined = of_roles(2, &["q", "q", "v"]);
    let mut set = (*joined.set).clone();
    // ‖ΔW‖ 3 and 4, ‖X‖ 1 and 2: cosine (3·1·0.5 + 4·2·1)/(5·√5), capture (0.2·1 + 0.6·4)/5.
    set.updates[0].modules[0].figures = figures(0.5, 0.2, 1.0);
    set.updates[0].modules[1].figures = figures(1.0, 0.6, 2.0);
    joined.set = Arc::new(set);
    let adapter = Arc::make_mut(&mut joined.adapter);
    (adapter.modules[0].frobenius, adapter.modules[1].frobenius) = (3.0, 4.0);
    let q = |figure| {
        let trajectory = Trajectory::new(&joined, None, figure, Beside::Roles, None).unwrap();
        trajectory.lines.into_iter().find(|line| line.name == "q").unwrap().values[0].unwrap()
    };
    assert!((q(&COSINE) - 9.5 / (5.0 * 5f64.sqrt())).abs() < 1e-12);
    assert!((q(&CAPTURE) - 2.6 / 5.0).abs() < 1e-12);
    assert!((q(&UPDATE_NORM) - 5f64.sqrt()).abs() < 1e-12);
}

#[test]
fn lines_beside_the_whole_adapter() {
    let roles = ["q", "k", "v", "o", "gate", "up", "down", "embed", "head", "conv"];
    let joined = of_roles(3, &roles);
    let names = |figure, beside, module| {
        let trajectory = Trajectory::new(&joined, None, figure, beside, module).unwrap();
        (trajectory.lines.iter().map(|l| l.name.clone()).collect::<Vec<_>>(), trajectory.roles_left_out)
    };
    assert_eq!(names(&COSINE, Beside::Roles, None).0.len(), 1 + MOST_ROLES);
    assert_eq!(names(&COSINE, Beside::Roles, None).1, 2);
    assert_eq!(names(&CAPTURE, Beside::Nothing, None).0, ["adapter", "chance"]);
    assert_eq!(names(&COSINE, Beside::Module, Some(1)).0, ["adapter", "layers.1.q"]);
    assert_eq!(names(&COSINE, Beside::Module, None).0, ["adapter"]);
    let single = Trajectory::new(&of_roles(2, &["q", "q"]), None, &COSINE, Beside::Roles, None).unwrap();
    assert_eq!(single.lines.len(), 1, "a single role is the adapter again");
}

#[test]
fn a_module_is_named_in_full_but_for_the_margin() {
    let modules = ["model.layers.3.q_proj", "layers.0.a_very_long_last_part"].map(|name| module(name, None, "q", 2));
    let joined = joined(2, modules.into());
    for (index, margin) in [(0, "q_proj"), (1, "a_very_long_l…")] {
        let trajectory = Trajectory::new(&joined, None, &COSINE, Beside::Module, Some(index)).unwrap();
        assert_eq!(trajectory.lines.iter().map(Line::margin_name).collect::<Vec<_>>(), ["adapter", margin]);
        let head = format!("to\tstep\tadapter\t{}", joined.adapter.modules[index].name);
        assert_eq!(trajectory.tsv().lines().next(), Some(head.as_str()));
    }
}

#[test]
fn gaps_break_a_line_and_zero_is_in_the_picture() {
    let mut joined = of_roles(4, &["q"]);
    let mut set = (*joined.set).clone();
    set.updates[1].report.whole.cosine = None;
    set.updates[2].report.whole.cosine = Some(f64::NAN);
    joined.set = Arc::new(set);
    let trajectory = Trajectory::new(&joined, None, &COSINE, Beside::Nothing, None).unwrap();
    let path = trajectory.path(&trajectory.lines[0]);
    assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 0), "{path}");
    assert_eq!((trajectory.scale.low, trajectory.scale.high), (0.0, 0.3));
    assert!(!path.contains("NaN"));
    let lines = trajectory.tsv();
    assert_eq!(
        lines.lines().collect::<Vec<_>>()[..3],
        ["to\tstep\tadapter", "checkpoint-10\t\t0.3", "checkpoint-20\t\t"]
    );
}

#[test]
fn steps_lie_by_their_numbers() {
    let joined = of_roles(3, &["q"]);
    let x = |numbers: Option<Vec<u64>>| {
        let trajectory = Trajectory::new(&joined, numbers, &COSINE, Beside::Nothing, None).unwrap();
        ([0, 1, 2].map(|i| trajectory.x(i)), trajectory.ticks().into_iter().map(|(_, text)| text).collect::<Vec<_>>())
    };
    let (even, names) = x(None);
    assert_eq!((even[0], even[1], even[2]), (AREA.left, (AREA.left + AREA.right) / 2.0, AREA.right));
    assert_eq!(names, ["1", "2", "3"]);
    let (numbered, names) = x(Some(vec![10, 20, 50]));
    assert!((numbered[1] - (AREA.left + (AREA.right - AREA.left) / 4.0)).abs() < 1e-9);
    assert_eq!(names, ["10", "20", "50"]);
}

#[test]
fn ticks_of_many_steps_do_not_touch() {
    let joined = of_roles(200, &["q"]);
    let numbers = (1..=200).map(|i| i * 1000).collect();
    let trajectory = Trajectory::new(&joined, Some(numbers), &COSINE, Beside::Nothing, None).unwrap();
    let ticks = trajectory.ticks();
    assert!(ticks.len() > 2 && ticks.last().unwrap().1 == "200000");
    assert!(ticks.windows(2).all(|w| w[1].0 - w[0].0 >= 8.0 + 6.5 * w[0].1.len() as f64), "{ticks:?}");
}

#[test]
fn names_stand_apart_and_inside() {
    let roles = ["q", "k", "v", "o", "gate", "up", "down", "embed"];
    // All lines of a norm of 2 per module end at the same height.
    let trajectory = Trajectory::new(&of_roles(2, &roles), None, &UPDATE_NORM, Beside::Roles, None).unwrap();
    let mut heights: Vec<f64> = trajectory.name_heights().into_iter().flatten().collect();
    assert_eq!(heights.len(), 9);
    heights.sort_by(f64::total_cmp);
    assert!(heights.windows(2).all(|w| w[1] - w[0] >= NAME_HEIGHT - 1e-9), "{heights:?}");
    assert!(heights[0] >= 0.0 && heights[8] <= AREA.bottom);
}
