//! Modules and tensors that are left out, each with its reason, folded; and sentences to mind beside them.

use std::sync::Arc;

use leptos::prelude::*;

use super::found::FoundList;
use super::model::found::PAGE;
use super::model::number::plural;
use lorascope_protocol::report::NotAnalyzed;

/// Sentences on the page; the report has all of them.
const MOST: usize = 200;

/// Nothing where nothing is left out. `summary` is what remains in view of the list.
pub fn left_out(
    all: &[NotAnalyzed],
    class: &'static str,
    hook: Option<&'static str>,
    summary: String,
) -> Option<impl IntoView + use<>> {
    (!all.is_empty()).then(|| {
        let opened = RwSignal::new(all.len() <= PAGE);
        let all: Arc<[NotAnalyzed]> = all.into();
        view! {
            <details class=class data-testid=hook on:toggle=move |_| opened.set(true)>
                <summary>{summary}</summary>
                <Show when=move || opened.get()>
                    <Entries all=Arc::clone(&all)/>
                </Show>
            </details>
        }
    })
}

#[component]
fn Entries(all: Arc<[NotAnalyzed]>) -> impl IntoView {
    let texts = all.iter().map(|n| format!("{} {}", n.name, n.reason).to_lowercase()).collect();
    let row = move |n: usize| {
        let entry = all.get(n)?;
        Some(view! { <li data-testid="left-out-row"><code>{entry.name.clone()}</code>": "{entry.reason.clone()}</li> })
    };
    view! {
        <FoundList texts row hook="left-out-filter" label="Search by words of a name or reason" names=("entry", "entries")/>
    }
}

/// The same for a plan, for a projection and for an extraction.
pub fn cautions(warnings: &[String], not_written: &[NotAnalyzed]) -> impl IntoView + use<> {
    let warnings = (!warnings.is_empty()).then(|| {
        let entries: Vec<_> = warnings.iter().take(MOST).map(|text| view! { <li>{text.clone()}</li> }).collect();
        let beyond = warnings.len().saturating_sub(MOST);
        let beyond = (beyond > 0).then(|| view! { <p>{format!("… and {beyond} more like these.")}</p> });
        view! { <div class="note"><ul>{entries}</ul>{beyond}</div> }
    });
    let count = plural(not_written.len(), "module or tensor is", "modules and tensors are");
    (warnings, left_out(not_written, "fold small", None, format!("{count} left out")))
}
