//! The alignment over the steps, as lines.

use std::sync::Arc;

use leptos::prelude::*;

use super::Desk;
use crate::export::CopyButton;
use crate::fields::Select;
use crate::model::alignment::figures::{TRAJECTORY, write_tick};
use crate::model::alignment::trajectory::{AREA, BESIDE, Beside, Kind, Line, Trajectory};
use crate::model::column::of_key;
use crate::model::number::ABSENT;
use crate::model::picture::theme::Theme;
use crate::model::picture::trajectory::picture;
use crate::picture::SavePicture;
use crate::store::shared_memo;
use crate::values::values_table;

#[component]
pub fn TrajectoryPanel(desk: Desk) -> impl IntoView {
    let figure = RwSignal::new(TRAJECTORY[0]);
    let beside = RwSignal::new(Beside::default());
    let trajectory = shared_memo(move || {
        let joined = desk.joined.get()?;
        let numbers = desk.series.with(|series| joined.set.numbers(series));
        let (figure, beside) = (figure.get(), beside.get());
        let module = (beside == Beside::Module).then(|| desk.store.module.get()).flatten();
        Trajectory::new(&joined, numbers, figure, beside, module).map(Arc::new)
    });
    // A single update has no trajectory: nothing is said of one.
    let there = Memo::new(move |_| desk.joined.with(|j| j.as_ref().is_some_and(|j| j.set.steps().len() > 1)));
    let figure_key = Memo::new(move |_| figure.get().key.to_owned());
    let figures = Signal::stored(Vec::from(TRAJECTORY.map(|f| (f.key.to_owned(), f.label.to_owned()))));
    let choose_figure = move |key: String| of_key(&TRAJECTORY, &key).into_iter().for_each(|f| figure.set(f));
    let beside_key = Memo::new(move |_| {
        let now = BESIDE.into_iter().find(|(one, ..)| *one == beside.get());
        now.map(|(_, key, _)| key.to_owned()).unwrap_or_default()
    });
    let besides = Signal::stored(Vec::from(BESIDE.map(|(_, key, label)| (key.to_owned(), label.to_owned()))));
    let choose_beside = move |chosen: String| {
        BESIDE.into_iter().filter(|(_, key, _)| *key == chosen).for_each(|(one, ..)| beside.set(one));
    };
    let draw = move |theme: &Theme| {
        let adapter = desk.store.adapter.get()?;
        trajectory.with(|t| t.as_ref().map(|t| picture(t, &adapter.report.label, theme)))
    };
    let tsv = move || trajectory.with_untracked(|t| t.as_ref().map(|t| t.tsv())).unwrap_or_default();
    view! {
        <Show when=move || there.get()>
            <section class="panel trajectory" data-testid="trajectory" aria-labelledby="trajectory-title">
                <h2 id="trajectory-title">"Over the steps"</h2>
                <div class="choices">
                    <Select
                        label="Measure"
                        hook="trajectory-measure"
                        all=figures
                        now=figure_key
                        choose=choose_figure
                    />
                    <Select
                        label="Beside it"
                        hook="trajectory-beside"
                        all=besides
                        now=beside_key
                        choose=choose_beside
                    />
                </div>
                {move || match trajectory.get() {
                    Some(trajectory) => view! { <Picture trajectory desk/> }.into_any(),
                    None => view! { <p class="small">"No update has this figure."</p> }.into_any(),
                }}
                {move || {
                    let about = trajectory.with(|t| t.as_ref()?.about_roles());
                    about.map(|text| view! { <p class="small">{text}</p> })
                }}
                <details class="help">
                    <summary>"The lines as a table"</summary>
                    <CopyButton label="Copy as TSV" text=tsv/>
                    {move || trajectory.get().map(|trajectory| view! { <Values trajectory/> })}
                </details>
                <Show when=move || trajectory.with(Option::is_some)>
                    <div class="panel-foot"><SavePicture what="the alignment over the steps" draw/></div>
                </Show>
            </section>
        </Show>
    }
}

fn class_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Whole => "line adapter",
        Kind::Chance => "line chance",
        Kind::Module => "line one-module",
        Kind::Role(_) => "line role",
    }
}

/// Roles have colours of their own, by number.
fn colour_of(kind: Kind) -> Option<String> {
    match kind {
        Kind::Role(number) => Some(format!("var(--role-{number})")),
        _ => None,
    }
}

#[component]
fn Picture(trajectory: Arc<Trajectory>, desk: Desk) -> impl IntoView {
    let figure = trajectory.figure;
    let grid: Vec<_> = trajectory
        .value_ticks()
        .into_iter()
        .map(|(t, y)| {
            let class = if t == 0.0 { "grid zero" } else { "grid" };
            view! {
                <line class=class x1=AREA.left x2=AREA.right y1=y y2=y></line>
                <text x=AREA.left - 6.0 y=y + 4.0 text-anchor="end">{write_tick(figure, t)}</text>
            }
        })
        .collect();
    let ticks: Vec<_> = trajectory
        .ticks()
        .into_iter()
        .map(|(x, text)| view! { <text x=x y=AREA.bottom + 18.0 text-anchor="middle">{text}</text> })
        .collect();
    let below = trajectory.below();
    let lines: Vec<_> = trajectory
        .lines
        .iter()
        .zip(trajectory.name_heights())
        // The adapter's own line lies on top.
        .rev()
        .map(|(line, name_y)| draw_line(&trajectory, line, name_y))
        .collect();
    let marked = trajectory.clone();
    let mark = move || {
        let place = desk.place.get().filter(|place| *place < marked.ends.len())?;
        let x = marked.x(place);
        Some(view! { <line class="mark" x1=x x2=x y1=AREA.top y2=AREA.bottom></line> })
    };
    view! {
        <svg viewBox=format!("0 0 {} {}", AREA.width, AREA.height) role="img" aria-labelledby="trajectory-title">
            {grid}
            {mark}
            {lines}
            {ticks}
            <text x=AREA.left y=AREA.height - 8.0>{below}</text>
        </svg>
    }
}

fn draw_line(trajectory: &Trajectory, line: &Line, name_y: Option<f64>) -> impl IntoView + use<> {
    let dots: Vec<_> =
        trajectory.dots(line).into_iter().map(|[x, y]| view! { <circle cx=x cy=y r="2.5"></circle> }).collect();
    let name = name_y.map(|y| view! { <text x=AREA.right + 8.0 y=y + 4.0>{line.margin_name()}</text> });
    view! { <g class=class_of(line.kind) style:color=colour_of(line.kind)><path d=trajectory.path(line)></path>{dots}{name}</g> }
}

#[component]
fn Values(trajectory: Arc<Trajectory>) -> impl IntoView {
    let figure = trajectory.figure;
    let text = |value: Option<f64>| value.map_or_else(|| ABSENT.to_owned(), |x| figure.write(x));
    let cells = |i| trajectory.lines.iter().map(|line| text(line.values.get(i).copied().flatten())).collect();
    values_table(
        "values",
        Some(("The lines as a table", Some(format!("{} of each update, by the state at its end", figure.label)))),
        "To",
        trajectory.lines.iter().map(|line| (line.name.clone(), None)).collect(),
        trajectory.ends.iter().enumerate().map(|(i, end)| ((end.clone(), None), cells(i))).collect(),
    )
}
