//! Modules and tensors that are left out, each with its reason, folded; and sentences to mind beside them.

use leptos::prelude::*;

use super::model::number::plural;
use crate::report::NotAnalyzed;

/// Entries on the page; the report has all of them.
pub const MOST: usize = 500;

/// Nothing where nothing is left out. `summary` is what remains in view of the list.
pub fn left_out(
    all: &[NotAnalyzed],
    class: &'static str,
    hook: Option<&'static str>,
    summary: String,
) -> Option<impl IntoView + use<>> {
    let entry = |n: &NotAnalyzed| view! { <li><code>{n.name.clone()}</code>": "{n.reason.clone()}</li> };
    (!all.is_empty()).then(|| {
        let entries: Vec<_> = all.iter().take(MOST).map(entry).collect();
        view! {
            <details class=class data-testid=hook>
                <summary>{summary}</summary>
                <ul>{entries}</ul>
            </details>
        }
    })
}

/// The same for a plan, for a projection and for an extraction.
pub fn cautions(warnings: &[String], not_written: &[NotAnalyzed]) -> impl IntoView + use<> {
    let warnings = (!warnings.is_empty()).then(|| {
        let entries: Vec<_> = warnings.iter().take(MOST).map(|text| view! { <li>{text.clone()}</li> }).collect();
        view! { <div class="note"><ul>{entries}</ul></div> }
    });
    let count = plural(not_written.len(), "module or tensor is", "modules and tensors are");
    (warnings, left_out(not_written, "fold small", None, format!("{count} left out")))
}
