//! The form: target, method, rank and what is written.

use leptos::prelude::*;

use super::Desk;
use super::rank::RankFields;
use super::sizes::Sizes;
use super::target::{LayerChoice, Target};
use crate::fields::{AskForm, Select};
use crate::model::projection::form::Goal;
use crate::model::shown::State;
use lorascope_protocol::projection::{Method, OutputType};

#[component]
pub fn ProjectionForm(desk: Desk) -> impl IntoView {
    let problem = Memo::new(move |_| desk.store.state.with(State::projection_problem));
    let resizes = Memo::new(move |_| desk.form.with(|form| form.goal == Goal::Same));
    let button = Signal::derive(move || if resizes.get() { "Resize" } else { "Project" });
    view! {
        <AskForm
            title="projection-title"
            hook="project"
            button
            problem_hook="projection-problem"
            problem
            ask=move |()| desk.project()
        >
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
        </AskForm>
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
    let choose = move |key: String| {
        if let Ok(method) = Method::try_from(key) {
            desk.edit(|form| form.method = method);
        }
    };
    let all: Vec<_> = Method::ALL.map(|method| (method.name().to_owned(), label(method).to_owned())).into();
    view! {
        <div class="field-group">
            <Select label="Method" hook="projection-method" all now choose/>
            <p class="small">{help}</p>
        </div>
    }
}

/// The dtype of the file, and the model that it names as its base.
#[component]
fn Written(desk: Desk) -> impl IntoView {
    /// The form value of the source's own dtype.
    const SOURCE: &str = "source";
    let now = Memo::new(move |_| desk.form.with(|form| form.dtype.map_or(SOURCE, OutputType::name).to_owned()));
    let choose = move |key: String| desk.edit(|form| form.dtype = OutputType::from_name(&key));
    let types = OutputType::ALL.map(|dtype| (dtype.name().to_owned(), dtype.name().to_owned()));
    let all: Vec<_> = std::iter::once((SOURCE.to_owned(), "As the source".to_owned())).chain(types).collect();
    let base = Memo::new(move |_| desk.form.with(|form| form.base_model.clone()));
    let named = move |event: web_sys::Event| desk.edit(|form| form.base_model = event_target_value(&event));
    let placeholder = Memo::new(move |_| desk.store.state.with(|s| s.projection.base_model.clone()));
    view! {
        <Select label="dtype of the file" hook="projection-dtype" all now choose/>
        <label class="field">
            <span>"Base model’s name"</span>
            <input
                type="text"
                data-testid="projection-base"
                title="Written as base_model_name_or_path into the adapter’s config"
                placeholder=move || placeholder.get().unwrap_or_else(|| "not named".to_owned())
                prop:value=move || base.get()
                on:input=named
                on:change=named
            />
        </label>
    }
}
