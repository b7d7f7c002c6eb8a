//! The browser's own dialogs for choosing files and folders.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::drop;

/// The hidden inputs that open the browser's own dialogs.
#[derive(Clone, Copy)]
pub struct Pickers {
    pub files: NodeRef<html::Input>,
    pub folder: NodeRef<html::Input>,
}

impl Pickers {
    pub fn open_files(self) {
        if let Some(input) = self.files.get_untracked() {
            input.click();
        }
    }

    pub fn open_folder(self) {
        if let Some(input) = self.folder.get_untracked() {
            input.click();
        }
    }
}

/// The two file inputs: always there, opened by buttons.
#[component]
pub fn HiddenInputs(pickers: Pickers) -> impl IntoView {
    let (store, wire) = (super::store::use_store(), super::wire::use_wire());
    let changed = move |event: web_sys::Event| {
        if let Some(input) = event.target().and_then(|t| t.dyn_into::<web_sys::HtmlInputElement>().ok()) {
            drop::picked(store, wire, &input);
        }
    };
    // An attribute that Leptos does not know.
    Effect::new(move |_| pickers.folder.get().map(|input| input.set_attribute("webkitdirectory", "")));
    view! {
        <div class="visually-hidden" aria-hidden="true">
            <input node_ref=pickers.files type="file" multiple tabindex="-1" data-testid="file-input" on:change=changed/>
            <input
                node_ref=pickers.folder
                type="file"
                multiple
                tabindex="-1"
                data-testid="folder-input"
                on:change=changed
            />
        </div>
    }
}
