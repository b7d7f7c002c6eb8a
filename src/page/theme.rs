//! Light, dark, or as the system says. The choice lives on this machine, where storage is allowed.

use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use super::browser::{store as remember, stored};
use super::store::{Store, use_store};

const KEY: &str = "lorascope-theme";
const SYSTEM_DARK: &str = "(prefers-color-scheme: dark)";

/// Keeps [`Store::dark`] true to the page, also when the system changes its mind.
pub fn follow(store: Store) {
    store.dark.set(is_dark());
    if let Ok(Some(query)) = window().match_media(SYSTEM_DARK) {
        let changed = Closure::<dyn FnMut()>::new(move || store.dark.set(is_dark()));
        let _ = query.add_event_listener_with_callback("change", changed.as_ref().unchecked_ref());
        // Lives as long as the page.
        changed.forget();
    }
}

fn chosen() -> Option<String> {
    document().document_element()?.get_attribute("data-theme")
}

fn is_dark() -> bool {
    match chosen().as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => window().match_media(SYSTEM_DARK).ok().flatten().is_some_and(|q| q.matches()),
    }
}

fn choose(store: Store, theme: &str) {
    let theme = (theme != "system").then_some(theme);
    if let Some(root) = document().document_element() {
        let _ = match theme {
            Some(theme) => root.set_attribute("data-theme", theme),
            None => root.remove_attribute("data-theme"),
        };
    }
    remember(KEY, theme);
    store.dark.set(is_dark());
}

#[component]
pub fn ThemeChoice() -> impl IntoView {
    let store = use_store();
    // support.js has set what was remembered; storage may also have been refused.
    let now = chosen().or_else(|| stored(KEY)).unwrap_or_else(|| "system".to_owned());
    let option = |value: &'static str, label: &'static str| {
        view! { <option value=value selected=now == value>{label}</option> }
    };
    view! {
        <select class="theme" aria-label="Colours" title="Colours: light, dark, or as the system says" on:change=move |event| choose(store, &event_target_value(&event))>
            {option("system", "System")}
            {option("light", "Light")}
            {option("dark", "Dark")}
        </select>
    }
}
