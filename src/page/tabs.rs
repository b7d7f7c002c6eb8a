//! The tabs below the identity card, and the panels that they bring into view.

use leptos::prelude::*;
use web_sys::KeyboardEvent;

use super::browser::focus;
use super::model::tabs::Tab;
use super::store::use_store;

fn tab_id(tab: Tab) -> String {
    format!("tab-{}", tab.key())
}

fn panel_id(tab: Tab) -> String {
    format!("panel-{}", tab.key())
}

/// One tab stop; arrows, Home and End move between the tabs and show their panel at once.
#[component]
pub fn Tabs() -> impl IntoView {
    let store = use_store();
    let on_key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let Some(tab) = store.tab.get_untracked().after_key(&event.key()) else { return };
        event.prevent_default();
        store.choose_tab(tab);
        focus(&tab_id(tab));
    };
    let button = move |tab: Tab| {
        let is_chosen = move || store.tab.get() == tab;
        view! {
            <button
                role="tab"
                id=tab_id(tab)
                data-testid=tab_id(tab)
                aria-selected=move || is_chosen().to_string()
                aria-controls=panel_id(tab)
                tabindex=move || if is_chosen() { "0" } else { "-1" }
                on:click=move |_| store.choose_tab(tab)
            >
                {tab.label()}<span class="wide">{tab.more()}</span>
            </button>
        }
    };
    view! {
        <div class="tabs" role="tablist" aria-label="Views of the adapter" on:keydown=on_key>
            {Tab::ALL.map(button).collect_view()}
        </div>
    }
}

/// What a tab shows. It is hidden while another is chosen, not taken down: its pictures and places stay.
#[component]
pub fn TabPanel(tab: Tab, children: Children) -> impl IntoView {
    let store = use_store();
    view! {
        <div
            class="tab-panel"
            role="tabpanel"
            id=panel_id(tab)
            aria-labelledby=tab_id(tab)
            hidden=move || store.tab.get() != tab
        >
            {children()}
        </div>
    }
}
