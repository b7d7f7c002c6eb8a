//! Parts that the fields of forms share.

use leptos::prelude::*;

/// The options of a select: form value and label. The one whose value `now` gives is chosen.
pub fn options(all: Vec<(String, String)>, now: Memo<String>) -> impl IntoView + use<> {
    let option = |(value, label): (String, String)| {
        let is_chosen = {
            let value = value.clone();
            move || now.with(|now| *now == value)
        };
        view! { <option value=value prop:selected=is_chosen>{label}</option> }
    };
    all.into_iter().map(option).collect_view()
}

/// A select with its label.
#[component]
pub fn Select(
    label: &'static str,
    hook: &'static str,
    #[prop(into)] all: Signal<Vec<(String, String)>>,
    now: Memo<String>,
    #[prop(into)] choose: Callback<String>,
) -> impl IntoView {
    view! {
        <label class="field">
            <span>{label}</span>
            <select data-testid=hook on:change=move |event| choose.run(event_target_value(&event))>
                {move || options(all.get(), now)}
            </select>
        </label>
    }
}
