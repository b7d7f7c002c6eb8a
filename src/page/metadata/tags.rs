//! The tags of the captions, searched, with their counts.

use std::sync::Arc;

use leptos::prelude::*;

use super::read_when_opened;
use crate::found::FoundList;
use crate::model::metadata::Tags;
use crate::model::number::{grouped, plural};
use crate::model::shown::Adapter;

/// Nothing where the file has none. A long text is read when the panel is opened.
#[component]
pub fn TagPanel(adapter: Arc<Adapter>) -> impl IntoView {
    let text = Tags::of(&adapter.report.metadata)?;
    let read = move || Tags::read(&adapter.report.metadata).map(Arc::new);
    let shown = |tags: &Result<Arc<Tags>, &'static str>| match tags.clone() {
        Err(text) => view! { <p class="note">{text}</p> }.into_any(),
        Ok(tags) => view! { <TagList tags/> }.into_any(),
    };
    let title = view! { <h2>"Tag frequencies"</h2> };
    Some(read_when_opened("panel noted tag-panel", "metadata-tags", title, text, read, shown))
}

#[component]
fn TagList(tags: Arc<Tags>) -> impl IntoView {
    let summary = format!(
        "{} in {}, {} in all",
        plural(tags.tags.len(), "tag", "tags"),
        plural(tags.folders, "folder", "folders"),
        match tags.total {
            1 => "1 use".to_owned(),
            total => format!("{} uses", grouped(total)),
        }
    );
    let texts: Vec<String> = tags.tags.iter().map(|tag| tag.name.to_lowercase()).collect();
    let most = tags.tags.first().map_or(1, |tag| tag.count.max(1)) as f64;
    let row = move |n: usize| {
        let tag = tags.tags.get(n)?;
        let width = format!("{}%", 100.0 * tag.count as f64 / most);
        Some(view! {
            <li data-testid="tag-row" data-tag=tag.name.clone() data-count=tag.count.to_string()>
                <span>{tag.name.clone()}</span>
                <span class="share" aria-hidden="true"><span style:width=width></span></span>
                <span>{grouped(tag.count)}</span>
            </li>
        })
    };
    view! {
        <p class="small">{summary}</p>
        <FoundList texts row hook="tag-filter" label="Search the tags" names=("tag", "tags")/>
    }
}
