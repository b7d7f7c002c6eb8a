//! Extraction: a LoRA out of two checkpoints.

use std::sync::Arc;

use leptos::prelude::*;

mod form;
mod result;

use self::form::ExtractForm;
use self::result::ResultPanel;
use super::browser::now_ms;
use super::model::extraction::form::Form;
use super::model::extraction::result::Extracted;
use super::model::shown::State;
use super::store::{Store, is_another, use_store};
use super::wire::{Wire, use_wire};

/// What the parts of the panel share.
#[derive(Clone, Copy)]
struct Desk {
    store: Store,
    wire: Wire,
    form: Memo<Form>,
    result: Memo<Option<Arc<Extracted>>>,
}

impl Desk {
    fn new() -> Desk {
        let (store, wire) = (use_store(), use_wire());
        let state = store.state;
        Desk {
            store,
            wire,
            form: Memo::new(move |_| state.with(|s| s.extraction.form.clone())),
            result: Memo::new_with_compare(move |_| state.with(|s| s.extraction.run.result.clone()), is_another),
        }
    }

    fn edit(self, change: impl FnOnce(&mut Form)) {
        self.store.state.update(|s| change(&mut s.extraction.form));
    }

    fn extract(self) {
        let Some(Ok(request)) = self.store.state.with_untracked(State::extraction_wanted) else { return };
        self.wire.ask(|state, job| Some(state.begin_extraction(job, request, now_ms())));
    }
}

/// The whole of it, wherever two checkpoints are here.
#[component]
pub fn ExtractPanel() -> impl IntoView {
    let desk = Desk::new();
    let possible = Memo::new(move |_| desk.store.state.with(|s| s.extraction_ends().is_some()));
    view! {
        <Show when=move || possible.get()>
            <div class="extraction" data-testid="extract-panel">
                <ExtractForm desk/>
                <ResultPanel desk/>
            </div>
        </Show>
    }
}

/// The page where two checkpoints are here and no adapter.
#[component]
pub fn OnlyCheckpoints() -> impl IntoView {
    view! {
        <section class="identity" aria-label="What is here">
            <h1>"Checkpoints, without an adapter"</h1>
            <p>
                "A LoRA can be taken out of what changed between two of them. Drop an adapter as well to see how its \
                 update aligns with these changes, layer by layer."
            </p>
        </section>
        <ExtractPanel/>
    }
}
