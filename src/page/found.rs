//! A long list that is searched; a part of it is on the page.

use leptos::prelude::*;

use super::model::found::{PAGE, find};
use super::model::number::{grouped, plural};

/// Shorter lists are searched by the eye.
const FEW: usize = 20;

/// `texts`, in lower case, are what a search looks at; `row` draws the entry of a place.
#[component]
pub fn FoundList<R, V>(
    texts: Vec<String>,
    row: R,
    /// The hook of the search field; that of the line below the list ends in `-found`.
    hook: &'static str,
    label: &'static str,
    /// What the entries are called: one, and several.
    names: (&'static str, &'static str),
) -> impl IntoView
where
    R: Fn(usize) -> V + Clone + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let all = texts.len();
    let texts = StoredValue::new(texts);
    let filter = RwSignal::new(String::new());
    let limit = RwSignal::new(PAGE);
    let found = Memo::new(move |_| texts.with_value(|texts| filter.with(|filter| find(texts, filter, limit.get()))));
    let typed = move |event| {
        limit.set(PAGE);
        filter.set(event_target_value(&event));
    };
    let said = move || {
        let (shown, matching) = found.with(|found| (found.first.len(), found.all));
        let many = plural(all, names.0, names.1);
        let shown = grouped(shown as u64);
        match (matching == all, shown == grouped(matching as u64)) {
            (true, true) => many,
            (true, false) => format!("The first {shown} of {many}"),
            (false, true) => format!("{} of {many}", grouped(matching as u64)),
            (false, false) => format!("The first {shown} of {} found, of {many}", grouped(matching as u64)),
        }
    };
    let more = move || found.with(|found| found.all.saturating_sub(found.first.len()));
    view! {
        {(all > FEW)
            .then(|| view! { <input type="search" class="found-filter" data-testid=hook placeholder=label aria-label=label on:input=typed/> })}
        <ul class="found" tabindex="0" role="list" aria-label=format!("List of {}", names.1)>
            <For each=move || found.get().first key=|place| *place children=row/>
        </ul>
        <div class="more">
            <Show when=move || { more() > 0 }>
                <button type="button" on:click=move |_| limit.update(|limit| *limit += PAGE)>
                    {move || format!("Show {} more", more().min(PAGE))}
                </button>
            </Show>
            <span class="small" role="status" data-testid=format!("{hook}-found")>{said}</span>
        </div>
    }
}
