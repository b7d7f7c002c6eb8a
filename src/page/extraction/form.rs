//! The form: between which checkpoints, to which rank, in which dtype.

use leptos::prelude::*;

use super::Desk;
use crate::fields::{AskForm, Checkbox, Select};
use crate::model::extraction::form::Rule;
use crate::model::shown::State;
use lorascope_protocol::ItemId;
use lorascope_protocol::projection::OutputType;

#[component]
pub fn ExtractForm(desk: Desk) -> impl IntoView {
    let state = desk.store.state;
    let problem = Memo::new(move |_| state.with(State::extraction_problem));
    view! {
        <AskForm
            title="extract-title"
            hook="extract"
            button="Extract"
            problem_hook="extract-problem"
            problem
            ask=move |()| desk.extract()
        >
            <h2 id="extract-title">"Take a LoRA out of two checkpoints"</h2>
            <p>
                "The change X = W(to) − W(from) of every linear weight, cut to its strongest directions: the best \
                 approximation B·A that the rank allows."
            </p>
            <Ends desk/>
            <RankFields desk/>
            <Written desk/>
        </AskForm>
    }
}

#[component]
fn Ends(desk: Desk) -> impl IntoView {
    let state = desk.store.state;
    let all = Memo::new(move |_| {
        let option = |s: &lorascope_protocol::Stage| (s.item.to_string(), s.label.clone());
        state.with(|s| s.extraction_states().map(option).collect::<Vec<_>>())
    });
    let ends = Memo::new(move |_| state.with(State::extraction_ends));
    let key = |item: Option<ItemId>| item.map(|item| item.to_string()).unwrap_or_default();
    let from = Memo::new(move |_| key(ends.get().map(|(from, _)| from)));
    let to = Memo::new(move |_| key(ends.get().map(|(_, to)| to)));
    let choose_from = move |key: String| desk.edit(|form| form.from = key.parse().ok());
    let choose_to = move |key: String| desk.edit(|form| form.to = key.parse().ok());
    view! {
        <div class="field-row">
            <Select label="From" hook="extract-from" all now=from choose=choose_from/>
            <Select label="To" hook="extract-to" all now=to choose=choose_to/>
        </div>
    }
}

#[component]
fn RankFields(desk: Desk) -> impl IntoView {
    let rule = Memo::new(move |_| desk.form.with(|form| form.rule));
    let now = Memo::new(move |_| rule.get().key().to_owned());
    let all: Vec<_> = Rule::ALL.map(|rule| (rule.key().to_owned(), rule.label().to_owned())).into();
    let choose = move |key: String| {
        if let Some(rule) = Rule::from_key(&key) {
            desk.edit(|form| form.rule = rule);
        }
    };
    let suggested = Memo::new(move |_| desk.store.state.with(State::suggested_rank));
    let rank =
        Memo::new(move |_| desk.form.with(|form| form.rank.clone()).unwrap_or_else(|| suggested.get().to_string()));
    let energy = Memo::new(move |_| desk.form.with(|form| form.energy.clone()));
    let most = Memo::new(move |_| desk.form.with(|form| form.most.clone()));
    let typed_rank = move |text: String| desk.edit(|form| form.rank = Some(text));
    let typed_energy = move |text: String| desk.edit(|form| form.energy = text);
    let typed_most = move |text: String| desk.edit(|form| form.most = text);
    let by_number = move || rule.get() == Rule::Number;
    view! {
        <fieldset class="field-group">
            <legend class="visually-hidden">"Rank"</legend>
            <div class="field-row" class:three=move || !by_number()>
                <Select label="Rank" hook="extract-rule" all now choose/>
                <Show
                    when=by_number
                    fallback=move || {
                        view! {
                            <Number label="Energy, %" hook="extract-energy" now=energy typed=typed_energy/>
                            <Number label="Largest rank" hook="extract-most" now=most typed=typed_most/>
                        }
                    }
                >
                    <Number label="Value" hook="extract-rank" now=rank typed=typed_rank/>
                </Show>
            </div>
            <p class="small">{move || rule.get().help()}</p>
        </fieldset>
    }
}

/// A number in a field of text: the browser's own fields of numbers do not hand out what they cannot read.
#[component]
fn Number(
    label: &'static str,
    hook: &'static str,
    now: Memo<String>,
    #[prop(into)] typed: Callback<String>,
) -> impl IntoView {
    view! {
        <label class="field">
            <span>{label}</span>
            <input
                type="text"
                inputmode="decimal"
                autocomplete="off"
                data-testid=hook
                prop:value=move || now.get()
                on:input=move |event| typed.run(event_target_value(&event))
            />
        </label>
    }
}

/// What is written: the dtype, and which weights.
#[component]
fn Written(desk: Desk) -> impl IntoView {
    let now = Memo::new(move |_| desk.form.with(|form| form.dtype.name().to_owned()));
    let all: Vec<_> = OutputType::ALL.map(|dtype| (dtype.name().to_owned(), dtype.name().to_owned())).into();
    let choose = move |key: String| {
        if let Some(dtype) = OutputType::from_name(&key) {
            desk.edit(|form| form.dtype = dtype);
        }
    };
    view! {
        <div class="field-group">
            <Select label="dtype of the file" hook="extract-dtype" all now choose/>
            <Checkbox
                label="Embeddings and the head, too"
                title="Large, and seldom what a training changed"
                hook="extract-embeddings"
                checked=Signal::derive(move || desk.form.with(|form| form.embeddings))
                set=move |embeddings| desk.edit(|form| form.embeddings = embeddings)
            />
        </div>
    }
}
