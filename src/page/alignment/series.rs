//! The states to align with: their order, and which of them are used.

use std::time::Duration;

use leptos::prelude::*;

use super::Desk;
use crate::browser::focus;
use crate::model::alignment::series::Entry;
use crate::model::shown::State;
use lorascope_protocol::ItemId;
use lorascope_protocol::report::Along;

#[component]
pub fn SeriesPanel(desk: Desk) -> impl IntoView {
    let state = desk.store.state;
    let has_choice = Memo::new(move |_| state.with(|s| s.alignment.has_choice()));
    let can_align = Memo::new(move |_| state.with(State::can_align));
    let is_changed = Memo::new(move |_| desk.series.with(|series| series.is_changed()));
    let spoken = RwSignal::new(String::new());
    let stages = move || {
        let entries = desk.series.with(|series| series.entries.clone());
        let last = entries.len().saturating_sub(1);
        let one = move |(place, entry)| stage(desk, entry, place, last, spoken);
        entries.into_iter().enumerate().map(one).collect_view()
    };
    let title = move || match desk.along.get() {
        Along::Checkpoints => "Checkpoints, in order",
        Along::Adapters => "Adapters, in order",
    };
    view! {
        <section class="panel series" aria-labelledby="series-title">
            <h2 id="series-title">{title}</h2>
            <Show when=move || has_choice.get()>
                <AlongChoice desk/>
            </Show>
            <ol class="stages">{stages}</ol>
            <span class="visually-hidden" aria-live="polite">{move || spoken.get()}</span>
            <Show when=move || can_align.get()>
                <button
                    class="primary"
                    data-testid="align"
                    disabled=move || !desk.store.free.get()
                    on:click=move |_| desk.align()
                >
                    {move || if is_changed.get() { "Align in this order" } else { "Align" }}
                </button>
            </Show>
            <p class="small">"Each step leads from one state to the next that is ticked."</p>
        </section>
    }
}

/// Along which of the two kinds of states to look.
#[component]
fn AlongChoice(desk: Desk) -> impl IntoView {
    let button = move |along: Along, key: &'static str, label: &'static str| {
        view! {
            <button
                data-along=key
                aria-pressed=move || (desk.along.get() == along).to_string()
                on:click=move |_| desk.store.state.update(|s| s.alignment.chosen = Some(along))
            >
                {label}
            </button>
        }
    };
    view! {
        <div class="segments" role="group" aria-label="Align along" data-testid="alignment-along">
            {button(Along::Checkpoints, "checkpoints", "Checkpoints")}
            {button(Along::Adapters, "adapters", "Adapters")}
        </div>
    }
}

fn stage(desk: Desk, entry: Entry, place: usize, last: usize, spoken: RwSignal<String>) -> impl IntoView {
    let Entry { stage, used } = entry;
    let item = stage.item;
    let edit = move |change: &dyn Fn(&mut super::Series)| {
        let along = desk.along.get_untracked();
        desk.store.state.update(|s| change(s.alignment.series_mut(along)));
    };
    let label = StoredValue::new(stage.label.clone());
    let shift = move |down: bool| {
        edit(&|series| series.shift(item, down));
        let to = if down { place + 2 } else { place };
        spoken.set(label.with_value(|label| format!("{label} is now {to} of {}", last + 1)));
        // The list is drawn anew; the keys stay with the state that moved.
        set_timeout(move || follow(item, down), Duration::ZERO);
    };
    let button = |down: bool| {
        let (hook, sign, word) = if down { ("stage-down", "↓", "later") } else { ("stage-up", "↑", "earlier") };
        let at_end = place == if down { last } else { 0 };
        let name = label.with_value(|label| format!("Move {label} {word}"));
        view! {
            <button
                class="quiet"
                id=format!("{hook}-{item}")
                data-testid=hook
                title=name.clone()
                aria-label=name
                disabled=at_end
                on:click=move |_| shift(down)
            >
                {sign}
            </button>
        }
    };
    view! {
        <li class="stage" class:unused=!used data-testid="stage" data-item=item.to_string()>
            <label>
                <input
                    type="checkbox"
                    data-testid="stage-use"
                    prop:checked=used
                    on:change=move |event| {
                        let used = event_target_checked(&event);
                        edit(&|series| series.set_used(item, used));
                    }
                />
                <span class="stage-label" title=stage.label.clone()>{stage.label.clone()}</span>
            </label>
            <span class="small">{stage.step.map(|step| format!("step {step}"))}</span>
            {button(false)}
            {button(true)}
        </li>
    }
}

/// Focus goes to the button that was pressed, or at the end of the list to its neighbour.
fn follow(item: ItemId, down: bool) {
    let (own, other) = if down { ("stage-down", "stage-up") } else { ("stage-up", "stage-down") };
    let is_enabled =
        |id: &String| document().get_element_by_id(id).is_some_and(|button| !button.has_attribute("disabled"));
    if let Some(id) = [own, other].map(|hook| format!("{hook}-{item}")).iter().find(|id| is_enabled(id)) {
        focus(id);
    }
}
