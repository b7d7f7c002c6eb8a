//! Where the adapter is taken, and which layer goes where.

use leptos::prelude::*;

use super::Desk;
use crate::fields::{Select, options};
use crate::model::projection::form::Goal;
use crate::model::shown::State;
use lorascope_protocol::projection::Layers;
use lorascope_protocol::projection::models::MODELS;

#[component]
pub fn Target(desk: Desk) -> impl IntoView {
    let now = Memo::new(move |_| desk.form.with(|form| form.goal.key()));
    let dropped = Memo::new(move |_| desk.store.state.with(State::targets));
    let choose = move |event: web_sys::Event| {
        if let Some(goal) = Goal::from_key(&event_target_value(&event)) {
            desk.edit_with(|form, modules| form.choose(goal, modules));
        }
    };
    let of_dropped = move || {
        let items = dropped.get();
        (!items.is_empty()).then(|| {
            let items = items.into_iter().map(|(item, label)| (Goal::Item(item).key(), label)).collect();
            view! { <optgroup label="Dropped">{options(items, now)}</optgroup> }
        })
    };
    // Each family where its first model stands.
    let mut families: Vec<&str> = Vec::new();
    MODELS.iter().for_each(|model| {
        if !families.contains(&model.family) {
            families.push(model.family);
        }
    });
    let family = |family: &'static str| {
        let models = MODELS.iter().filter(|model| model.family == family);
        let models = models.map(|model| (Goal::Listed(model.id).key(), model.label.to_owned())).collect();
        view! { <optgroup label=format!("Models: {family}")>{options(models, now)}</optgroup> }
    };
    view! {
        <div class="field-group">
            <label class="field">
                <span>"Target"</span>
                <select
                    data-testid="projection-target"
                    aria-describedby="projection-target-help"
                    on:change=choose
                >
                    {options(vec![(Goal::Same.key(), "Same sizes (resize)".to_owned())], now)}
                    {of_dropped}
                    {families.into_iter().map(family).collect_view()}
                    {options(vec![(Goal::ByHand.key(), "Sizes by hand".to_owned())], now)}
                </select>
            </label>
            <p class="small" id="projection-target-help">
                "Drop a target model’s "<code>"config.json"</code>" or its checkpoint anywhere on the page to add it here. "
                "Of a checkpoint only the header is read."
            </p>
        </div>
    }
}

/// Where the target has other layers, or was thought to: which goes where.
#[component]
pub fn LayerChoice(desk: Desk) -> impl IntoView {
    let counts = Memo::new(move |_| {
        let planned = desk.planned.get()?;
        let head = &planned.outcome.as_ref().ok()?.head;
        head.target_layers.filter(|target| *target != head.source_layers).map(|target| (head.source_layers, target))
    });
    let now = Memo::new(move |_| layers_key(desk.form.with(|form| form.layers)).to_owned());
    let is_wanted =
        Memo::new(move |_| counts.with(Option::is_some) || desk.form.with(|form| form.layers != Layers::SameIndex));
    let all = [(Layers::SameIndex, "Same index"), (Layers::Spread, "Spread in proportion")];
    let all = all.map(|(layers, label)| (layers_key(layers).to_owned(), label.to_owned()));
    let all = Signal::stored(Vec::from(all));
    let choose = move |key: String| {
        let layers = if key == layers_key(Layers::Spread) { Layers::Spread } else { Layers::SameIndex };
        desk.edit(|form| form.layers = layers);
    };
    view! {
        <Show when=move || is_wanted.get()>
            <div class="field-group">
                <Select label="Layers" hook="projection-layers" all now choose/>
                <p class="small">
                    {move || counts.get().map(|(from, to)| format!("The source has {from} layers, the target {to}. "))}
                    "“Same index” leaves out what lies beyond the target; “spread” puts first to first, last to last \
                     and the others in proportion between."
                </p>
            </div>
        </Show>
    }
}

fn layers_key(layers: Layers) -> &'static str {
    match layers {
        Layers::SameIndex => "same-index",
        Layers::Spread => "spread",
    }
}
