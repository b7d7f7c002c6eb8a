//! The updates of the series beside the whole adapter: one row each, one of them in view.

use leptos::prelude::*;
use web_sys::KeyboardEvent;

use super::Desk;
use crate::browser::focus;
use crate::definitions::Definitions;
use crate::model::alignment::aligned::UpdateRow;
use crate::model::alignment::figures::FIGURES;

#[component]
pub fn UpdatesPanel(desk: Desk) -> impl IntoView {
    let rows = move || {
        let rows: Vec<UpdateRow> = desk
            .set
            .with(|set| set.as_ref().map(|set| (0..set.updates.len()).filter_map(|place| set.row(place)).collect()))
            .unwrap_or_default();
        rows.into_iter().enumerate().map(|(place, row)| draw(desk, place, row)).collect_view()
    };
    let heads = FIGURES.map(|figure| {
        view! { <th scope="col" title=figure.help>{figure.head}</th> }
    });
    let on_key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let count = desk.set.with_untracked(|set| set.as_ref().map_or(0, |set| set.updates.len()));
        let (Some(here), Some(last)) = (desk.place.get_untracked(), count.checked_sub(1)) else { return };
        let next = match event.key().as_str() {
            "ArrowDown" => (here + 1).min(last),
            "ArrowUp" => here.saturating_sub(1),
            "Home" => 0,
            "End" => last,
            _ => return,
        };
        event.prevent_default();
        desk.choose(next);
        focus(&row_id(next));
    };
    view! {
        <section class="panel updates" aria-labelledby="updates-title">
            <h2 id="updates-title">"The whole adapter beside each update"</h2>
            <div class="table-scroll" role="region" aria-label="Table of updates" on:keydown=on_key>
                <table class="modules">
                    <thead>
                        <tr>
                            <th scope="col" title="The two states whose difference is X">"Update X"</th>
                            {heads}
                            <th
                                scope="col"
                                title="Modules of the adapter whose weight is in both states with the same shape"
                            >
                                "Matched"
                            </th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <Definitions entries=definitions()/>
        </section>
    }
}

fn row_id(place: usize) -> String {
    format!("update-{place}")
}

fn draw(desk: Desk, place: usize, row: UpdateRow) -> impl IntoView {
    let is_picked = move || desk.place.get() == Some(place);
    let cells: Vec<_> = row.cells.into_iter().map(|text| view! { <td>{text}</td> }).collect();
    let name = format!("{} → {}", row.from, row.to);
    let title = name.clone();
    view! {
        <tr
            class:picked=is_picked
            class:whole-run=row.is_whole_run
            data-testid="alignment-row"
            data-from=row.from
            data-to=row.to
            data-cosine=row.cosine
            on:click=move |_| desk.choose(place)
        >
            <th scope="row">
                // The button is for keys; its click reaches the row.
                <button id=row_id(place) aria-pressed=move || is_picked().to_string() title=title>
                    {row.is_whole_run.then(|| view! { <b>"Whole run "</b> })}
                    {name}
                </button>
            </th>
            {cells}
            <td>{row.matched}</td>
        </tr>
    }
}

fn definitions() -> Vec<(&'static str, &'static str)> {
    let whole = "All matched modules taken as one long vector on either side, so that large modules weigh as much as they \
                 change; not the mean of the modules’ own numbers.";
    let figures = FIGURES.map(|figure| (figure.label, figure.help));
    figures.into_iter().chain([("Of the whole adapter", whole)]).collect()
}
