//! A pair module by module: heatmap, table, and what is not in both.

use std::sync::Arc;

use leptos::prelude::*;

use super::Desk;
use crate::fields::FigureChoice;
use crate::found::FoundList;
use crate::heatmap::{Heat, HeatPanel, field_memo};
use crate::left_out::left_out;
use crate::model::axis::ScaleKind;
use crate::model::comparison::figures::FIGURES;
use crate::model::comparison::joined::PairField;
use crate::model::found::PAGE;
use crate::model::number::plural;
use crate::sheet::{Picked, SheetTable, sheet_memo};
use crate::store::shared_memo;

/// Modules that both have; `None` until the pair's lists are here.
fn shared(desk: Desk) -> Option<usize> {
    desk.lists.with(|lists| lists.as_ref().map(|lists| lists.modules.len()))
}

/// The heatmap is drawn as soon as the pair's modules are here, and where there are any.
#[component]
pub fn PairHeat(desk: Desk) -> impl IntoView {
    let shared = Memo::new(move |_| shared(desk));
    let text = move || match shared.get() {
        None => "Reading the modules of this pair …",
        Some(_) => {
            "There is no module that both have and that can be compared: nothing stands beside each other layer by layer."
        }
    };
    view! {
        <Show
            when=move || shared.get().is_some_and(|n| n > 0)
            fallback=move || view! { <p class="whole" role="status">{text}</p> }
        >
            <Heatmap desk/>
        </Show>
    }
}

#[component]
fn Heatmap(desk: Desk) -> impl IntoView {
    let field = field_memo(move || Some(PairField { map: desk.map.get()?, figure: desk.figure.get() }));
    let grid = shared_memo(move || desk.map.with(|map| map.as_ref().map(|map| map.grid.clone())));
    let module = Picked {
        now: Signal::derive(move || desk.map.with(|map| map.as_ref()?.place_of(desk.module.get()?))),
        pick: Callback::new(move |place: usize| {
            if let Some(row) = desk.map.with_untracked(|map| map.as_ref()?.shared_at(place)) {
                desk.pick(row);
            }
        }),
    };
    let heat = Heat::new(desk.store, "compare-heatmap", grid, field, RwSignal::new(ScaleKind::default()), module);
    let choice = FigureChoice::new("compare-figure", &FIGURES, desk.figure);
    view! { <div class="heat-place"><HeatPanel heat title="Layer by layer" subtitle=Signal::stored("A beside B".to_owned()) choice/></div> }
}

#[component]
pub fn PairTable(desk: Desk) -> impl IntoView {
    let sheet = sheet_memo(move || desk.lists.get());
    let picked = Picked { now: desk.module.into(), pick: Callback::new(move |row| desk.pick(row)) };
    let not_compared = move || {
        let lists = desk.lists.get()?;
        let all = &lists.not_compared;
        let summary = format!("{} in both and cannot be compared", plural(all.len(), "module is", "modules are"));
        left_out(all, "fold small", Some("compare-not-compared"), summary)
    };
    let only = move |second: bool| {
        let lists = desk.lists.get()?;
        let names = if second { lists.only_b.clone() } else { lists.only_a.clone() };
        let label = desk.label(second);
        (!names.is_empty()).then(|| only_one(names, if second { "B" } else { "A" }, label))
    };
    let shared = Memo::new(move |_| shared(desk));
    view! {
            <section class="panel whole shared-modules" aria-labelledby="shared-title" hidden=move || shared.get().is_none()>
                <h2 id="shared-title">"Modules of both"</h2>
    <Show when=move || shared.get().is_some_and(|n| n > 0)>
                <SheetTable sheet hook="compare-row" label="Modules that both adapters have" picked done=|_| ()/>
    </Show>
                <div class="folds">
                    {move || only(false)}
                    {move || only(true)}
                    {not_compared}
                </div>
            </section>
        }
}

/// Modules that only one has, folded.
fn only_one(names: Vec<String>, which: &'static str, label: String) -> impl IntoView {
    let opened = RwSignal::new(names.len() <= PAGE);
    let summary = format!("{} only in {which}, {label}", plural(names.len(), "module is", "modules are"));
    let names: Arc<[String]> = names.into();
    let list = move || {
        let (texts, names) = (names.iter().map(|name| name.to_lowercase()).collect(), names.clone());
        let row = move |n: usize| Some(view! { <li><code>{names.get(n)?.clone()}</code></li> });
        view! { <FoundList texts row hook="compare-only-filter" label="Search by words of a name" names=("module", "modules")/> }
    };
    view! {
        <details class="fold small" data-testid="compare-only" data-of=which on:toggle=move |_| opened.set(true)>
            <summary>{summary}</summary>
            {move || opened.get().then(&list)}
        </details>
    }
}
