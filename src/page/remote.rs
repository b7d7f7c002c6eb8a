//! Loading by address: the field, the entry page that may connect, and what a header says while the rest arrives.

use js_sys::Array;
use leptos::ev;
use leptos::prelude::*;
use web_sys::SubmitEvent;

use super::browser::{focus, query, typing};
use super::model::remote::{addresses, facts, pasted, with_addresses};
use super::model::shown::State;
use super::result::fact_entries;
use super::store::{Store, use_store};
use super::wire::{Wire, use_wire};
use lorascope_protocol::ToEngine;
use lorascope_protocol::report::Outline;

/// The entry page that may connect; beside this one, from whatever folder it is served.
const BY_ADDRESS: &str = "./url.html";
const FIELD: &str = "address-field";
/// Milliseconds for which a header waits for its analysis before it is shown: most are done sooner.
const UNNOTICED_MS: u64 = 200;

/// What is typed, in whichever of the two fields, and whether the one above a result is open.
#[derive(Clone, Copy)]
struct Draft {
    text: RwSignal<String>,
    open: RwSignal<bool>,
}

/// Whether this is the entry page that may connect.
pub fn may_connect() -> bool {
    document().query_selector("meta[name=lorascope-entry][content=url]").is_ok_and(|meta| meta.is_some())
}

/// On the strict page, `?url=` leads to the other one. True: this page goes.
pub fn leave() -> bool {
    if may_connect() || query("url").is_empty() {
        return false;
    }
    let location = window().location();
    let (search, hash) = (location.search().unwrap_or_default(), location.hash().unwrap_or_default());
    location.replace(&format!("{BY_ADDRESS}{search}{hash}")).is_ok()
}

/// Loads what the address asks for, listens for pasted addresses, and keeps the address bar.
pub fn begin(store: Store, wire: Wire) {
    let draft = Draft { text: RwSignal::new(String::new()), open: RwSignal::new(false) };
    provide_context(draft);
    let handle = window_event_listener(ev::paste, move |event| {
        if typing(event.target()) {
            return;
        }
        let text = event.clipboard_data().and_then(|data| data.get_data("text/plain").ok()).unwrap_or_default();
        let Some(addresses) = pasted(&text, &page()) else { return };
        if may_connect() {
            return load(store, wire, addresses);
        }
        draft.text.set(text.trim().to_owned());
        draft.open.set(true);
        // The field may only now come onto the page.
        set_timeout(|| focus(FIELD), std::time::Duration::ZERO);
    });
    on_cleanup(move || handle.remove());
    if !may_connect() {
        return;
    }
    let asked: Vec<String> = query("url").into_iter().filter(|address| !address.trim().is_empty()).collect();
    if !asked.is_empty() {
        load(store, wire, asked);
    }
    let busy = Memo::new(move |_| store.phase.get().is_busy());
    let here = Memo::new(move |_| store.state.with(State::addresses));
    Effect::new(move |former: Option<bool>| {
        let (busy, addresses) = (busy.get(), here.get());
        // Not before the first load has ended: until then the address bar knows more than the page.
        if former.is_some() && !busy {
            keep(&addresses);
        }
        busy
    });
}

/// The folder of this page, with which its own addresses begin.
fn page() -> String {
    let href = window().location().href().unwrap_or_default();
    let end = href.find(['?', '#']).unwrap_or(href.len());
    href[..end].rsplit_once('/').map_or_else(|| href.clone(), |(folder, _)| format!("{folder}/"))
}

/// Puts the addresses into the address bar, so that a reload loads them again.
fn keep(addresses: &[String]) {
    let location = window().location();
    let search = location.search().unwrap_or_default();
    let wanted = with_addresses(&search, addresses);
    if wanted == with_addresses(&search, &query("url")) {
        return;
    }
    let path = location.pathname().unwrap_or_default();
    let address = format!("{path}{wanted}{}", location.hash().unwrap_or_default());
    if let Ok(history) = window().history() {
        // Browsers refuse too many in a short time; then only a reload knows less.
        let state = history.state().unwrap_or_default();
        let _ = history.replace_state_with_url(&state, "", Some(&address));
    }
}

/// Sends addresses to the engine, as one load.
pub fn load(store: Store, wire: Wire, addresses: Vec<String>) {
    let job = super::drop::begin(store, wire);
    if store.state.with_untracked(|s| s.no_backend.is_some()) {
        let text = "Nothing was loaded: the engine that the address asks for is not there.";
        return store.state.update(|s| s.page_problem(true, text.to_owned()));
    }
    wire.send_as(job, &ToEngine::LoadAddresses { addresses }, &Array::new());
}

/// The field. On the strict page it leads to the one that may connect.
#[component]
pub fn AddressField(label: &'static str) -> impl IntoView {
    let (store, wire) = (use_store(), use_wire());
    let draft = expect_context::<Draft>();
    let complaint = RwSignal::new(String::new());
    let busy = move || store.phase.get().is_busy();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        complaint.set(String::new());
        let all = match addresses(&draft.text.get_untracked()) {
            Ok(all) => all,
            Err(text) => return complaint.set(text),
        };
        if may_connect() {
            draft.text.set(String::new());
            draft.open.set(false);
            return load(store, wire, all);
        }
        let search = window().location().search().unwrap_or_default();
        let target = format!("{BY_ADDRESS}{}", with_addresses(&search, &all));
        // What was dropped cannot travel there: it stays here, and the other page opens beside it.
        let gone = if store.state.with_untracked(|s| s.holds_something()) {
            window().open_with_url_and_target_and_features(&target, "_blank", "noopener").map(|_| ())
        } else {
            window().location().assign(&target)
        };
        if gone.is_err() {
            complaint.set(format!("The browser would not open {target}. Open it by hand."));
        }
    };
    let elsewhere = move || {
        let holds = store.state.with(|s| s.holds_something());
        match (may_connect(), holds) {
            (true, _) => None,
            (false, false) => {
                Some("Opens on a page of its own that may connect to the address; this one connects to nothing.")
            }
            (false, true) => Some(
                "Opens in a new tab, on a page of its own that may connect to the address; what you dropped stays here.",
            ),
        }
    };
    view! {
        <form class="address" on:submit=submit novalidate>
            <label for=FIELD>{label}</label>
            <input
                id=FIELD
                type="text"
                inputmode="url"
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                placeholder="https://… or org/name on Hugging Face"
                data-testid="address"
                prop:value=move || draft.text.get()
                on:input=move |event| draft.text.set(event_target_value(&event))
            />
            <button type="submit" data-testid="load-address" disabled=busy>"Load"</button>
            <p class="small" role="alert" class:complaint=move || !complaint.with(String::is_empty)>
                {move || Some(complaint.get()).filter(|text| !text.is_empty())}
            </p>
            {move || elsewhere().map(|text| view! { <p class="small">{text}</p> })}
        </form>
    }
}

/// Above a result: a button, and the field that it opens.
#[component]
pub fn AddByAddress() -> impl IntoView {
    let open = expect_context::<Draft>().open;
    let toggle = move |_| {
        open.update(|open| *open = !*open);
        if open.get_untracked() {
            set_timeout(|| focus(FIELD), std::time::Duration::ZERO);
        }
    };
    view! {
        <button class="quiet" data-testid="add-address" aria-expanded=move || open.get().to_string() on:click=toggle>
            "Add by address"
        </button>
    }
}

/// The field that [`AddByAddress`] opens.
#[component]
pub fn AddedAddress() -> impl IntoView {
    let open = expect_context::<Draft>().open;
    view! {
        <Show when=move || open.get()>
            <AddressField label="Address"/>
        </Show>
    }
}

/// Which page this is, where it is the one that may connect.
#[component]
pub fn EntryNote() -> impl IntoView {
    may_connect().then(|| {
        view! {
            <p class="entry-note small" data-testid="entry-note">
                "This page may connect to the addresses that you give it, to load from them. Files that you drop stay on \
                 this machine here too. "
                <a href="./">"The page that connects to nothing"</a>
            </p>
        }
    })
}

/// What headers say of adapters that are not measured yet.
#[component]
pub fn Outlines() -> impl IntoView {
    let store = use_store();
    let shown = Memo::new(move |_| store.state.with(|s| s.remote.shown()));
    view! {
        <For each=move || shown.get().0 key=|(item, _)| *item let:outline>
            <OutlineCard outline=outline.1/>
        </For>
        {move || {
            let more = shown.with(|(_, more)| *more);
            (more > 0).then(|| view! { <p class="small">{format!("… and {more} more")}</p> })
        }}
    }
}

#[component]
fn OutlineCard(outline: Outline) -> impl IntoView {
    let visible = RwSignal::new(false);
    let show = move || {
        let _ = visible.try_set(true);
    };
    set_timeout(show, std::time::Duration::from_millis(UNNOTICED_MS));
    let label = outline.label.clone();
    view! {
        <Show when=move || visible.get()>
            <section class="identity outline" data-testid="outline" aria-label="What the header says">
                <h1>{label.clone()}" "<small>"measuring …"</small></h1>
                <dl>{fact_entries(facts(&outline))}</dl>
            </section>
        </Show>
    }
}

/// Beside the sentence of an address that gave nothing.
#[component]
pub fn Retry() -> impl IntoView {
    let (store, wire) = (use_store(), use_wire());
    let retry = move |_| {
        let again = store.state.with_untracked(State::failed_addresses);
        load(store, wire, again);
    };
    view! {
        " "
        <button class="small" data-testid="retry" on:click=retry>"Try again"</button>
    }
}
