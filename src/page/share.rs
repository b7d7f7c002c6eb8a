//! Sharing: the dialog with the link.

use leptos::html;
use leptos::prelude::*;

use super::dialog::Dialog;
use super::export::CopyButton;
use super::model::share::{self, Link};
use super::store::use_store;
use super::wire::use_wire;
use lorascope_protocol::link::LinkError;
use lorascope_protocol::report::AdapterReport;

/// The button, and the dialog that it opens.
#[component]
pub fn Share() -> impl IntoView {
    let store = use_store();
    let open = RwSignal::new(false);
    let shown = Memo::new(move |_| store.adapter.with(Option::is_some));
    view! {
        <Show when=move || shown.get()>
            <button
                data-testid="share"
                aria-haspopup="dialog"
                title="Make a link that shows this profile without the adapter"
                on:click=move |_| open.set(true)
            >
                "Share"
            </button>
        </Show>
        <Dialog open name="sharing" title="Share this profile">
            // A link is made when it is asked for.
            <Show when=move || open.get()>
                <Content/>
            </Show>
        </Dialog>
    }
}

#[component]
fn Content() -> impl IntoView {
    let (store, wire) = (use_store(), use_wire());
    let location = window().location();
    let page = share::page(&location.origin().unwrap_or_default(), &location.pathname().unwrap_or_default());
    let page = StoredValue::new(page);
    let address = Memo::new(move |_| {
        store.state.with(|s| s.items.iter().find(|i| s.selected == Some(i.item)).and_then(|i| i.address.clone()))
    });
    let by_address = RwSignal::new(false);
    let profile = Memo::new(move |_| {
        let adapter = store.adapter.get()?;
        let report = AdapterReport { domains: store.domains.get()?, ..adapter.report.clone() };
        Some(page.with_value(|page| share::of_profile(page, &report, &adapter.modules, &store.viewed())))
    });
    let link = Memo::new(move |_| match address.get().filter(|_| by_address.get()) {
        Some(address) => Some(Ok(page.with_value(|page| share::of_address(page, &address, &store.viewed())))),
        None => {
            profile.with(|profile| profile.clone().map(|made: Result<Link, LinkError>| made.map(|link| link.address)))
        }
    });
    let text = move || link.with(|link| link.clone().and_then(Result::ok)).unwrap_or_default();
    let refusal = move || link.with(|link| link.as_ref()?.as_ref().err().map(ToString::to_string));
    let carries = move || {
        if by_address.get() {
            return vec![
                "It carries the adapter’s address: whoever opens it loads the adapter from there and computes anew.",
            ];
        }
        let spectra = profile.with(|p| p.as_ref().and_then(|p| p.as_ref().ok()).map(|link| link.spectra));
        spectra.map(|spectra| share::carries(spectra).to_vec()).unwrap_or_default()
    };
    let field = NodeRef::<html::Input>::new();
    let select = move || {
        if let Some(input) = field.get_untracked() {
            input.select();
        }
    };
    Effect::new(move |_| {
        if let Some(input) = field.get() {
            // It is refused only by what has no focus.
            let _ = input.focus();
        }
    });
    let choice = move |value: bool, label: &'static str| {
        view! {
            <label>
                <input
                    type="radio"
                    name="share-what"
                    data-testid=if value { "share-address" } else { "share-profile" }
                    prop:checked=move || by_address.get() == value
                    on:change=move |_| by_address.set(value)
                />
                {label}
            </label>
        }
    };
    view! {
        <p class="small">
            {move || {
                if by_address.get() {
                    "The adapter’s address stands where the host of this page can read it when the link is opened."
                } else {
                    "The link holds everything by itself, behind a # that browsers never send to a server. Whoever has it can \
                     read what is in it."
                }
            }}
        </p>
        <Show when=move || address.with(Option::is_some)>
            <fieldset>
                <legend>"What the link carries"</legend>
                {choice(false, " The profile: it opens at once, figures rounded")}
                {choice(true, " The adapter’s address: it is loaded and computed anew")}
            </fieldset>
        </Show>
        {move || refusal().map(|text| view! { <p class="note" role="alert" data-testid="share-refused">{text}</p> })}
        <Show when=move || refusal().is_none()>
            <label class="link">
                "Link "
                <input
                    node_ref=field
                    type="text"
                    readonly
                    data-testid="share-link"
                    aria-describedby="share-length"
                    prop:value=text
                    on:focus=move |_| select()
                />
            </label>
            <p class="row">
                <CopyButton label="Copy" text/>
                <span id="share-length" class="small" data-testid="share-length">
                    {move || share::length(text().chars().count())}
                </span>
            </p>
        </Show>
        <ul class="small">{move || carries().into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
        <p class="small">
            "The report as a JSON file holds every number unrounded; dropped on Lorascope it shows the same again. "
            <button
                class="quiet"
                data-testid="share-json"
                disabled=move || !store.free.get()
                on:click=move |_| wire.export_json()
            >
                "Save the report"
            </button>
        </p>
    }
}
