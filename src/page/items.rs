//! What has been dropped: one chip each, to look at and to remove.

use js_sys::Array;
use leptos::prelude::*;

use super::model::number::plural;
use super::model::projection::form::Goal;
use super::model::tabs::Tab;
use super::pickers::Pickers;
use super::remote::{AddByAddress, AddedAddress};
use super::store::use_store;
use super::wire::use_wire;
use lorascope_protocol::{Item, ItemId, ItemKind, ToEngine};

/// The list. Compact above a result, where it is the drop zone too.
#[component]
pub fn Items(compact: bool) -> impl IntoView {
    let store = use_store();
    let pickers = expect_context::<Pickers>();
    let split = move |companions: bool| {
        store.items.with(|items| {
            items.iter().filter(|i| (i.kind == ItemKind::Companion) == companions).cloned().collect::<Vec<_>>()
        })
    };
    view! {
        <section class="items" aria-label="What was dropped" data-testid=compact.then_some("drop-zone")>
            <ul class="chips">
                <For each=move || split(false) key=key let:item>
                    <Chip item/>
                </For>
                <Show when=move || compact>
                    <li class="add">
                        <button class="quiet" on:click=move |_| pickers.open_files()>"Add files"</button>
                        <button class="quiet" on:click=move |_| pickers.open_folder()>"Add a folder"</button>
                        <AddByAddress/>
                    </li>
                </Show>
            </ul>
            <Show when=move || compact>
                <AddedAddress/>
            </Show>
            <Show when=move || !split(true).is_empty()>
                <details class="companions small">
                    <summary>
                        {move || plural(split(true).len(), "other file", "other files")}
                        " in the folder, not needed for this"
                    </summary>
                    <ul>
                        <For each=move || split(true) key=key let:item>
                            <li>
                                {item.label.clone()}" "<span class="small">{item.detail.clone()}</span>
                                <Remove id=item.item label=item.label hook=None/>
                            </li>
                        </For>
                    </ul>
                </details>
            </Show>
        </section>
    }
}

#[component]
fn Chip(item: Item) -> impl IntoView {
    let store = use_store();
    let id = item.item;
    let there = move || store.state.with(|s| s.adapters.contains_key(&id));
    let current = move || store.state.with(|s| s.selected == Some(id));
    let (label, detail, kind) = (item.label.clone(), item.detail.clone(), kind_word(item.kind));
    let words = move || {
        view! {
            <span class="chip-label">{label.clone()}</span>
            <span class="chip-detail">{kind}{(!detail.is_empty()).then(|| format!(" · {detail}"))}</span>
        }
    };
    let chip = if matches!(item.kind, ItemKind::Adapter | ItemKind::Report) {
        view! {
            <button
                class="chip-main"
                aria-pressed=move || current().to_string()
                disabled=move || !there()
                title="Look at this adapter"
                on:click=move |_| store.state.update(|s| s.selected = Some(id))
            >
                {words()}
            </button>
        }
        .into_any()
    } else if item.kind == ItemKind::ModelConfig {
        let shown = move || store.adapter.with(Option::is_some);
        view! {
            <button
                class="chip-main"
                disabled=move || !shown()
                title="Project to this model"
                on:click=move |_| {
                    store.state.update(|s| s.projection.form.goal = Goal::Item(id));
                    store.choose_tab(Tab::Projection);
                }
            >
                {words()}
            </button>
        }
        .into_any()
    } else {
        view! { <span class="chip-main">{words()}</span> }.into_any()
    };
    view! {
        <li class="chip" class:current=current data-testid="item" data-kind=kind>
            {chip}
            <Remove id label=item.label hook=Some("remove")/>
        </li>
    }
}

#[component]
fn Remove(id: ItemId, label: String, hook: Option<&'static str>) -> impl IntoView {
    let (store, wire) = (use_store(), use_wire());
    let name = format!("Remove {label}");
    let remove = move |_| {
        if wire.is_alive() {
            let job = wire.next_job();
            store.state.update(|s| s.begin_removal(job, id));
            wire.send_as(job, &ToEngine::Remove { item: id }, &Array::new());
        } else {
            // Only what is on the page is left of it.
            store.state.update(|s| s.remove(id));
        }
    };
    view! {
        <button class="remove" title=name.clone() aria-label=name data-testid=hook on:click=remove>
            "×"
        </button>
    }
}

fn kind_word(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Adapter => "adapter",
        ItemKind::Report => "report",
        ItemKind::Checkpoint => "checkpoint",
        ItemKind::AdapterConfig => "adapter config",
        ItemKind::ModelConfig => "target model",
        ItemKind::Scheme => "scheme",
        ItemKind::Companion => "not needed",
    }
}

/// Everything that a chip shows: it is drawn anew when any of it changes.
fn key(item: &Item) -> (ItemId, String, String, &'static str) {
    (item.item, item.label.clone(), item.detail.clone(), kind_word(item.kind))
}
