//! A text as the file has it: folded, and only so much of it on the page as is asked for.

use std::sync::Arc;

use leptos::prelude::*;

use crate::export::CopyButton;
use crate::model::metadata::Fold;
use crate::model::number::{bytes, grouped, plural};
use crate::model::shown::Adapter;

/// Bytes of a text on the page at first; each "more" shows four times as much.
const FIRST: usize = 20_000;

#[component]
pub fn Raw(adapter: Arc<Adapter>, key: String, fold: Fold) -> impl IntoView {
    let summary = match fold {
        Fold::Long { chars } => plural(chars, "character", "characters"),
        Fold::Path { chars } => format!("a path of the machine that wrote it ({chars} characters)"),
        Fold::Picture { media, bytes: n } => {
            format!("a picture ({media}, {} as text), not shown as one", bytes(n as u64))
        }
    };
    let opened = RwSignal::new(false);
    let limit = RwSignal::new(FIRST);
    let source = StoredValue::new((adapter, key.clone()));
    let text = move |most: usize| {
        source.with_value(|(adapter, key)| {
            let text = adapter.report.metadata.get(key).map_or("", String::as_str);
            text[..text.floor_char_boundary(most)].to_owned()
        })
    };
    let all = move || source.with_value(|(adapter, key)| adapter.report.metadata.get(key).map_or(0, String::len));
    view! {
        <details class="raw" data-testid="metadata-raw" data-key=key on:toggle=move |_| opened.set(true)>
            <summary>{summary}</summary>
            <Show when=move || opened.get()>
                <pre tabindex="0">{move || text(limit.get())}</pre>
                <div class="more">
                    <Show when=move || { all() > limit.get() }>
                        <button type="button" on:click=move |_| limit.update(|limit| *limit *= 4)>"Show more"</button>
                        <span class="small">
                            {move || format!("{} of {} bytes are on the page", grouped(limit.get() as u64), grouped(all() as u64))}
                        </span>
                    </Show>
                    <CopyButton label="Copy all" text=move || text(usize::MAX)/>
                </div>
            </Show>
        </details>
    }
}
