//! The rank: a rule, and its number.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

use super::Desk;
use crate::fields::{Checkbox, Select};
use crate::model::projection::rank::Rule;

/// Stands for what the browser does not hand out: a text in a field of numbers.
const UNREADABLE: &str = "?";

/// Shares of the energy that are often asked for, and their names.
const SHARES: [(&str, &str); 3] = [("0.90", "90 %"), ("0.95", "95 %"), ("0.99", "99 %")];

#[component]
pub fn RankFields(desk: Desk) -> impl IntoView {
    let has_rank = Memo::new(move |_| desk.form.with(|form| form.has_rank()));
    let rule = Memo::new(move |_| desk.form.with(|form| form.rank.rule));
    let text = Memo::new(move |_| desk.form.with(|form| form.rank.text.clone()));
    let uniform = Memo::new(move |_| desk.form.with(|form| form.uniform));
    let now = Memo::new(move |_| rule.get().key().to_owned());
    let all: Vec<_> = Rule::ALL.map(|rule| (rule.key().to_owned(), rule.label().to_owned())).into();
    let choose = move |key: String| {
        let Some(rule) = Rule::from_key(&key) else { return };
        let source = desk.store.adapter.with_untracked(|a| a.as_ref().map_or(1, |a| a.report.rank.max));
        desk.edit(|form| form.rank.chose(rule, source));
    };
    let field = NodeRef::<html::Input>::new();
    // Not `prop:value`: written back while "0." is being typed, it would swallow the point.
    Effect::new(move |_| {
        let text = text.get();
        if let Some(field) = field.get().filter(|field| text != UNREADABLE && field.value().trim() != text) {
            field.set_value(&text);
        }
    });
    let typed = move |event: web_sys::Event| {
        let Some(input) = event.target().and_then(|t| t.dyn_into::<HtmlInputElement>().ok()) else { return };
        if !input.validity().bad_input() {
            desk.edit(|form| form.rank.typed(&input.value()));
        } else if event.type_() == "change" {
            // Half a number, such as "0.", is waited for; who leaves the field has ended.
            desk.edit(|form| form.rank.typed(UNREADABLE));
        }
    };
    let help = move || {
        if has_rank.get() { rule.get().help() } else { "This method keeps the rank of the factors; svd can lower it." }
    };
    let shares = move || {
        SHARES.map(|(text, label)| {
            view! {
                <button type="button" class="quiet" on:click=move |_| desk.edit(|form| form.rank.typed(text))>
                    {label}
                </button>
            }
        })
    };
    view! {
        <fieldset class="field-group" disabled=move || !has_rank.get()>
            <legend class="visually-hidden">"Rank"</legend>
            <div class="field-row">
                <Select label="Rank" hook="projection-rank-rule" all now choose/>
                <label class="field">
                    <span>"Value"</span>
                    <input
                        type="number"
                        step="any"
                        min="0"
                        data-testid="projection-rank"
                        aria-describedby="projection-rank-help"
                        placeholder="as the source"
                        node_ref=field
                        on:input=typed
                        on:change=typed
                    />
                </label>
            </div>
            <p class="small" id="projection-rank-help">{help}</p>
            <Show when=move || has_rank.get() && rule.get() == Rule::Energy>
                <p class="quick">{shares()}</p>
            </Show>
            <Checkbox
                label="One rank for all modules"
                hook="projection-uniform"
                checked=uniform
                set=move |uniform| desk.edit(|form| form.uniform = uniform)
            />
        </fieldset>
    }
}
