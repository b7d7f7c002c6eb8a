//! Saving the report. The engine writes it; the page only asks, and saves the file that comes back.

use leptos::prelude::*;

use super::model::shown::State;
use super::store::use_store;
use super::wire::use_wire;
use lorascope_protocol::{Export, ToEngine};

#[component]
pub fn ExportJson() -> impl IntoView {
    let (store, wire) = (use_store(), use_wire());
    // Without an adapter there may be an extraction.
    let shown = Memo::new(move |_| store.adapter.with(Option::is_some) || store.state.with(State::only_extracts));
    let shown = move || shown.get();
    view! {
        <Show when=shown>
            <button
                data-testid="export-json"
                title="Save the whole report, every number unrounded, as JSON"
                disabled=move || !store.can_export()
                on:click=move |_| wire.export_json()
            >
                "Export JSON"
            </button>
        </Show>
    }
}

/// The modules of the adapter in view, as a table for other programs.
#[component]
pub fn ExportCsv() -> impl IntoView {
    let (store, wire) = (use_store(), use_wire());
    let item = Memo::new(move |_| store.adapter.with(|a| a.as_ref().map(|a| a.item)));
    let ask = move |_| {
        if let Some(item) = item.get_untracked() {
            wire.send(&ToEngine::Export(Export::Table { item }));
        }
    };
    view! {
        <button
            class="quiet"
            data-testid="export-csv"
            title="Save all modules of this adapter, every number unrounded, as CSV"
            disabled=move || item.with(Option::is_none) || !store.can_export()
            on:click=ask
        >
            "Save as CSV"
        </button>
    }
}

/// Copies a text, and says so.
#[component]
pub fn CopyButton(
    #[prop(into)] label: String,
    text: impl Fn() -> String + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let outcome = RwSignal::new(None::<bool>);
    let copy = move |_| {
        leptos::task::spawn_local(async move {
            let copied = super::browser::copy(&text()).await;
            // The panel may be gone by then.
            outcome.try_set(Some(copied));
            let forget = move || {
                outcome.try_set(None);
            };
            set_timeout(forget, std::time::Duration::from_secs(3));
        });
    };
    view! {
        <span class="copy">
            <button class="quiet" on:click=copy>{label}</button>
            <span class="said" role="status">
            {move || match outcome.get() {
                Some(true) => "Copied",
                Some(false) => "The browser refused to copy; select the text instead",
                None => "",
            }}
        </span>
        </span>
    }
}
