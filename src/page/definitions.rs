//! What the figures of a panel are, in one place, folded.

use leptos::prelude::*;

/// Names and their definitions.
#[component]
pub fn Definitions(entries: Vec<(&'static str, &'static str)>) -> impl IntoView {
    let entry = |(name, help)| view! { <div><dt>{name}</dt><dd>{help}</dd></div> };
    view! {
        <details class="help">
            <summary>"What these numbers mean"</summary>
            <dl>{entries.into_iter().map(entry).collect_view()}</dl>
        </details>
    }
}
