//! The page's dialogs.

use leptos::html;
use leptos::prelude::*;

/// A dialog over the page while `open` is true, with its title and a button that closes it. Escape closes it too, and
/// the focus goes back to where it was. `name` is its class, and names its title's id.
#[component]
pub fn Dialog(open: RwSignal<bool>, name: &'static str, title: &'static str, children: Children) -> impl IntoView {
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
    let title_id = format!("{name}-title");
    view! {
        <dialog node_ref=dialog class=name aria-labelledby=title_id on:close=move |_| open.set(false)>
            <h2 id=title_id.clone()>{title}</h2>
            {children()}
            <button on:click=move |_| open.set(false)>"Close"</button>
        </dialog>
    }
}
