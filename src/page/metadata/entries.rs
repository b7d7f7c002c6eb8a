//! Panels of entries: what each says, in words.

use std::sync::Arc;

use leptos::prelude::*;

use super::datasets::DatasetFigures;
use super::raw::Raw;
use crate::found::FoundList;
use crate::model::metadata::{Entry, Part, Section, Shown};
use crate::model::shown::Adapter;

/// Names of entries without a value on the page.
const MOST_UNSET: usize = 40;

#[component]
pub fn Noted(adapter: Arc<Adapter>, section: Section) -> impl IntoView {
    let part = section.part;
    let figures = (part == Part::Dataset).then(|| view! { <DatasetFigures adapter=Arc::clone(&adapter)/> });
    // What the figures were read from stands below them; elsewhere a folded text keeps its place.
    let is_source = |entry: &&Entry| part == Part::Dataset && matches!(entry.shown, Shown::Folded(_));
    let (folded, plain): (Vec<_>, Vec<_>) = section.entries.iter().partition(is_source);
    let entry = |entry: &Entry| {
        view! {
            <div data-testid="metadata-entry" data-key=entry.key.clone()>
                <dt title=entry.key.clone()>{entry.label.clone()}</dt>
                <dd>{value(&adapter, entry)}</dd>
            </div>
        }
    };
    view! {
        <section class="panel noted" data-testid="metadata-section" data-part=part.key() aria-labelledby=title_id(part)>
            <h2 id=title_id(part)>{part.title()}</h2>
            {(!plain.is_empty()).then(|| view! { <dl>{plain.into_iter().map(entry).collect_view()}</dl> })}
            {figures}
            {(!folded.is_empty())
                .then(|| view! { <dl>{folded.into_iter().map(entry).collect_view()}</dl> })}
            {unset(&section.unset)}
        </section>
    }
}

/// Entries whose keys are not known: there may be any number of them.
#[component]
pub fn OtherEntries(adapter: Arc<Adapter>, section: Section) -> impl IntoView {
    let (part, none) = (section.part, unset(&section.unset));
    let text = |entry: &Entry| {
        let value = match &entry.shown {
            Shown::Text { text, .. } => text.as_str(),
            Shown::Pairs(_) | Shown::Folded(_) => "",
        };
        format!("{} {value}", entry.label).to_lowercase()
    };
    let texts: Vec<String> = section.entries.iter().map(text).collect();
    let list = (!texts.is_empty()).then(|| {
        let entries: Arc<[Entry]> = section.entries.into();
        let row = move |n: usize| {
            let entry = entries.get(n)?;
            Some(view! {
                <li data-testid="metadata-entry" data-key=entry.key.clone()>
                    <code>{entry.label.clone()}</code>
                    <span>{value(&adapter, entry)}</span>
                </li>
            })
        };
        view! {
            <FoundList texts row hook="metadata-filter" label="Search by words of a name or value" names=("entry", "entries")/>
        }
    });
    view! {
        <section
            class="panel noted others"
            data-testid="metadata-section"
            data-part=part.key()
            aria-labelledby=title_id(part)
        >
            <h2 id=title_id(part)>{part.title()}</h2>
            {list}
            {none}
        </section>
    }
}

fn title_id(part: Part) -> String {
    format!("noted-{}", part.key())
}

fn value(adapter: &Arc<Adapter>, entry: &Entry) -> AnyView {
    match &entry.shown {
        Shown::Text { text, note } => {
            let note = (!note.is_empty()).then(|| view! { " "<small>{*note}</small> });
            view! { {text.clone()}{note} }.into_any()
        }
        Shown::Pairs(pairs) => {
            let pair = |(name, value): &(String, String)| {
                view! { <li><code>{name.clone()}</code>" "{value.clone()}</li> }
            };
            view! { <ul class="pairs">{pairs.iter().map(pair).collect_view()}</ul> }.into_any()
        }
        Shown::Folded(fold) => {
            view! { <Raw adapter=Arc::clone(adapter) key=entry.key.clone() fold=fold.clone()/> }.into_any()
        }
    }
}

/// Entries that are there and say nothing.
fn unset(labels: &[String]) -> Option<impl IntoView + use<>> {
    (!labels.is_empty()).then(|| {
        let some: Vec<&str> = labels.iter().take(MOST_UNSET).map(String::as_str).collect();
        let beyond = labels.len() - some.len();
        let beyond = if beyond > 0 { format!(" and {beyond} more") } else { String::new() };
        view! { <p class="small">{format!("Empty or None: {}{beyond}", some.join(", "))}</p> }
    })
}
