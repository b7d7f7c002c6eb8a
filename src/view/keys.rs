//! The list of keys.

use leptos::html;
use leptos::prelude::*;

const KEYS: [(&str, &str); 9] = [
    ("?", "this list"),
    ("o", "choose files"),
    ("/", "filter the module table"),
    ("← ↑ ↓ →", "in a heatmap: move from cell to cell"),
    ("Home  End", "in a heatmap: first and last layer"),
    ("Ctrl Home  Ctrl End", "in a heatmap: first and last cell"),
    ("Enter", "in a heatmap: bring the module of the cell into view"),
    ("↑ ↓", "in the table of updates: choose an update"),
    ("Esc", "close this list"),
];

#[component]
pub fn Keys(open: RwSignal<bool>) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if open.get() && !dialog.open() {
            // It throws only where the dialog is open already.
            let _ = dialog.show_modal();
        } else if !open.get() && dialog.open() {
            dialog.close();
        }
    });
    view! {
        <dialog node_ref=dialog class="keys" aria-labelledby="keys-title" on:close=move |_| open.set(false)>
            <h2 id="keys-title">"Keys"</h2>
            <dl>
                {KEYS
                    .into_iter()
                    .map(|(key, does)| {
                        view! {
                            <div>
                                <dt>
                                    {key
                                        .split("  ")
                                        .map(|k| view! { <kbd>{k}</kbd> " " })
                                        .collect_view()}
                                </dt>
                                <dd>{does}</dd>
                            </div>
                        }
                    })
                    .collect_view()}
            </dl>
            <button on:click=move |_| open.set(false)>"Close"</button>
        </dialog>
    }
}
