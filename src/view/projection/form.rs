//! The form: target, method, rank and what is written.

use leptos::html;
use leptos::prelude::*;
use web_sys::SubmitEvent;

use super::Desk;
use super::fields::{Select, options};
use super::rank::RankFields;
use super::sizes::Sizes;
use crate::projection::models::MODELS;
use crate::projection::{Layers, Method, OutputType};
use crate::view::model::projection::form::Goal;
use crate::view::model::shown::State;

#[component]
pub fn ProjectionForm(desk: Desk) -> impl IntoView {
    let problem = Memo::new(move |_| desk.store.state.with(State::projection_problem));
    let resizes = Memo::new(move |_| desk.form.with(|form| form.goal == Goal::Same));
    let said = NodeRef::<html::P>::new();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        desk.project();
        // With a field that holds no value nothing has been sent: the eye and the reader go to the reason.
        if let Some(said) = said.get_untracked() {
            let _ = said.focus();
        }
    };
    view! {
        <form class="panel project-form" aria-labelledby="projection-title" on:submit=submit novalidate>
            <h2 id="projection-title">"Projection & resize"</h2>
            <p>
                <b>"Resize"</b>
                " keeps the sizes and lowers the rank: the best approximation that a smaller rank allows, exact in \
                 what it keeps. "<b>"Projection"</b>" takes the adapter to the sizes of another model."
            </p>
            <p class="small">
                "Projecting without the models’ weights is a heuristic about directions: it carries them over and does \
                 not promise that the result does there what the adapter did here."
            </p>
            <Target desk/>
            <Show when=move || !resizes.get()>
                <Sizes desk/>
            </Show>
            <LayerChoice desk/>
            <MethodChoice desk/>
            <RankFields desk/>
            <Written desk/>
            <Show when=move || problem.with(Option::is_some)>
                <p class="note bad" role="alert" tabindex="-1" data-testid="projection-problem" node_ref=said>
                    {move || problem.get()}
                </p>
            </Show>
            <button type="submit" class="primary" data-testid="project" disabled=move || !desk.free.get()>
                {move || if resizes.get() { "Resize" } else { "Project" }}
            </button>
        </form>
    }
}

#[component]
fn Target(desk: Desk) -> impl IntoView {
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
fn LayerChoice(desk: Desk) -> impl IntoView {
    let counts = Memo::new(move |_| {
        let planned = desk.planned.get()?;
        let head = &planned.outcome.as_ref().ok()?.head;
        head.target_layers.filter(|target| *target != head.source_layers).map(|target| (head.source_layers, target))
    });
    let now = Memo::new(move |_| layers_key(desk.form.with(|form| form.layers)).to_owned());
    let is_wanted =
        Memo::new(move |_| counts.with(Option::is_some) || desk.form.with(|form| form.layers != Layers::SameIndex));
    let all = || {
        [(Layers::SameIndex, "Same index"), (Layers::Spread, "Spread in proportion")]
            .map(|(layers, label)| (layers_key(layers).to_owned(), label.to_owned()))
            .into()
    };
    let choose = |desk: Desk, key: &str| {
        let layers = if key == layers_key(Layers::Spread) { Layers::Spread } else { Layers::SameIndex };
        desk.edit(|form| form.layers = layers);
    };
    view! {
        <Show when=move || is_wanted.get()>
            <div class="field-group">
                <Select label="Layers" hook="projection-layers" all=all() now choose desk/>
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

#[component]
fn MethodChoice(desk: Desk) -> impl IntoView {
    let method = Memo::new(move |_| desk.form.with(|form| form.method));
    let now = Memo::new(move |_| method.get().name().to_owned());
    let label = |method: Method| match method {
        Method::Svd => "Singular directions (svd)",
        Method::Truncate => "Crop the factors (truncate)",
        Method::Interpolate => "Resample the factors (interpolate)",
    };
    let help = move || match method.get() {
        Method::Svd => {
            "Keeps the strongest singular directions of ΔW, cropped or padded with zeros to a new size, the singular \
             values times ((m·n)/(m′·n′))^¼. At the same size: the best approximation of its rank."
        }
        Method::Truncate => "Crops the factors A and B or pads them with zeros. The rank stays; nothing is rescaled.",
        Method::Interpolate => {
            "Resamples each factor along its long side, linearly, as one resizes a picture. The rank stays."
        }
    };
    let choose = |desk: Desk, key: &str| {
        if let Ok(method) = key.parse() {
            desk.edit(|form| form.method = method);
        }
    };
    let all = Method::ALL.map(|method| (method.name().to_owned(), label(method).to_owned())).into();
    view! {
        <div class="field-group">
            <Select label="Method" hook="projection-method" all now choose desk/>
            <p class="small">{help}</p>
        </div>
    }
}

/// The dtype of the file, and the model that it names as its base.
#[component]
fn Written(desk: Desk) -> impl IntoView {
    const TYPES: [(&str, &str, Option<OutputType>); 4] = [
        ("source", "As the source", None),
        ("F32", "F32", Some(OutputType::F32)),
        ("F16", "F16", Some(OutputType::F16)),
        ("BF16", "BF16", Some(OutputType::Bf16)),
    ];
    let now = Memo::new(move |_| {
        let dtype = desk.form.with(|form| form.dtype);
        TYPES.iter().find(|(_, _, d)| *d == dtype).map_or("source", |(key, _, _)| *key).to_owned()
    });
    let choose = |desk: Desk, key: &str| {
        let dtype = TYPES.iter().find(|(k, _, _)| *k == key).and_then(|(_, _, dtype)| *dtype);
        desk.edit(|form| form.dtype = dtype);
    };
    let all = TYPES.map(|(key, label, _)| (key.to_owned(), label.to_owned())).into();
    let base = Memo::new(move |_| desk.form.with(|form| form.base_model.clone()));
    let placeholder = Memo::new(move |_| desk.store.state.with(|s| s.projection.base_model.clone()));
    view! {
        <div class="field-row">
            <Select label="dtype of the file" hook="projection-dtype" all now choose desk/>
            <label class="field grows">
                <span>"Base model’s name"</span>
                <input
                    type="text"
                    data-testid="projection-base"
                    title="Written as base_model_name_or_path into the adapter’s config"
                    placeholder=move || placeholder.get().unwrap_or_else(|| "not named".to_owned())
                    prop:value=move || base.get()
                    on:input=move |event| desk.edit(|form| form.base_model = event_target_value(&event))
                />
            </label>
        </div>
    }
}
