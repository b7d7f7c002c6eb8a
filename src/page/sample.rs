//! The bundled samples, fetched from beside the page when they are asked for, and loaded like a drop.

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, Response};

use super::browser::{array_of, words};
use super::drop;
use super::model::samples::Sample;
use super::store::{Store, use_store};
use super::wire::{Wire, use_wire};

/// Loads a sample: what of it is not here yet. Its adapter comes into view.
pub fn load(store: Store, wire: Wire, sample: Sample) {
    // Two clicks in one task: the button is not disabled yet.
    if store.state.with_untracked(|s| s.phase.is_busy()) {
        return;
    }
    let missing = store.state.try_update(|s| s.show_sample(sample)).unwrap_or_default();
    if missing.is_empty() {
        return;
    }
    // Busy from now on: a second click would load it twice.
    let job = drop::begin(store, wire);
    // Cleared meanwhile, it is not wanted any more.
    let is_wanted = move || store.state.with_untracked(|s| s.is_wanted(job));
    spawn_local(async move {
        let mut files = Vec::new();
        for path in missing {
            match fetch(path).await {
                Ok(file) => files.push((path.to_owned(), file)),
                Err(_) if !is_wanted() => return,
                Err(error) => {
                    let text = format!(
                        "The sample’s {path} could not be fetched from this site: {}. Your own adapters need no network.",
                        words(&error)
                    );
                    return store.state.update(|s| s.no_sample(text));
                }
            }
        }
        if is_wanted() {
            drop::send(store, wire, job, files);
        }
    });
}

async fn fetch(path: &str) -> Result<File, JsValue> {
    let response = JsFuture::from(window().fetch_with_str(&format!("./sample/{path}"))).await?;
    let response: Response = response.dyn_into()?;
    if !response.ok() {
        return Err(format!("the server answered {}", response.status()).into());
    }
    let blob = JsFuture::from(response.blob()?).await?;
    File::new_with_blob_sequence(&array_of(&blob), path.rsplit('/').next().unwrap_or(path))
}

/// The button of an empty tab that shows what it is for.
#[component]
pub fn ShowSample(sample: Sample) -> impl IntoView {
    let (store, wire) = (use_store(), use_wire());
    view! {
        <p class="show-sample">
            <button
                type="button"
                data-testid=format!("sample-{}", sample.key())
                disabled=move || store.phase.get().is_busy()
                on:click=move |_| load(store, wire, sample)
            >
                "Show me on a sample"
            </button>
            <span class="small">{sample.words()}</span>
        </p>
    }
}
