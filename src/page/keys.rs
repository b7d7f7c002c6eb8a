//! The list of keys.

use leptos::prelude::*;

use super::dialog::Dialog;

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
    view! {
        <Dialog open name="keys" title="Keys">
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
        </Dialog>
    }
}
