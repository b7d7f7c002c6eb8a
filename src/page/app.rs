//! The page as a whole.

use leptos::ev;
use leptos::mount::mount_to_body;
use leptos::prelude::*;

use super::alignment::AlignmentPanel;
use super::browser::{focus, typing};
use super::comparison::ComparePanel;
use super::domains::{Domains, SchemeEditor};
use super::extraction::OnlyCheckpoints;
use super::first::FirstScreen;
use super::header::Header;
use super::heatmap::Heatmap;
use super::identity::Identity;
use super::items::Items;
use super::keys::Keys;
use super::metadata::TrainingPanel;
use super::model::shown::{Screen, State};
use super::model::tabs::Tab;
use super::pickers::{HiddenInputs, Pickers};
use super::problems::Problems;
use super::projection::ProjectionPanel;
use super::remote::{EntryNote, Outlines};
use super::spectrum::Spectrum;
use super::status::StatusBar;
use super::store::Store;
use super::table::{FILTER, ModuleTable};
use super::tabs::{TabPanel, Tabs};
use super::wire::Wire;
use super::{drop, place, remote, theme};

/// Puts the page into the document, in place of the line that said it was loading.
pub fn mount() {
    if remote::leave() {
        return;
    }
    std::panic::set_hook(Box::new(|panic| {
        web_sys::console::error_1(&panic.to_string().into());
        let Some(body) = document().body() else { return };
        if let Ok(note) = document().create_element("p") {
            note.set_class_name("boot");
            note.set_text_content(Some(&format!(
                "This page stopped working. Please reload it. Its last words: {panic}"
            )));
            let _ = body.insert_before(&note, body.first_child().as_ref());
        }
    }));
    if let Some(boot) = document().get_element_by_id("boot") {
        boot.remove();
    }
    mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    let store = Store::new();
    let wire = Wire::new(store);
    let pickers = Pickers { files: NodeRef::new(), folder: NodeRef::new() };
    provide_context(store);
    provide_context(wire);
    provide_context(pickers);
    theme::follow(store);
    store.stage();
    drop::listen(store, wire);
    wire.start();
    remote::begin(store, wire);
    place::follow(store, wire);

    let keys_open = RwSignal::new(false);
    let handle = window_event_listener(ev::keydown, move |event| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() || typing(event.target()) {
            return;
        }
        match event.key().as_str() {
            "?" => keys_open.set(true),
            "o" => pickers.open_files(),
            "/" if document().get_element_by_id(FILTER).is_some() => {
                event.prevent_default();
                store.tab.set(Tab::Overview);
                // What is hidden takes no focus: its panel is shown first.
                set_timeout(|| focus(FILTER), std::time::Duration::ZERO);
            }
            _ => {}
        }
    });
    let leaving = window_event_listener(ev::beforeunload, move |event| {
        if store.state.with_untracked(State::would_lose) {
            event.prevent_default();
            // Some browsers ask only for this.
            event.set_return_value("unsaved");
        }
    });
    on_cleanup(move || {
        handle.remove();
        leaving.remove();
    });

    let screen = Memo::new(move |before: Option<&Screen>| store.state.with(|s| Screen::of(s, before.copied())));
    view! {
        <Header keys_open/>
        <StatusBar/>
        <EntryNote/>
        <main>
            {move || match screen.get() {
                Screen::First => view! { <FirstScreen/> }.into_any(),
                Screen::Checkpoints => {
                    view! {
                        <Items compact=true/>
                        <Outlines/>
                        <Problems/>
                        <OnlyCheckpoints/>
                    }
                    .into_any()
                }
                Screen::Result => view! { <AdapterScreen/> }.into_any(),
            }}
        </main>
        <Footer/>
        <HiddenInputs pickers/>
        <Keys open=keys_open/>
        <Overlay/>
    }
}

/// The adapter in view, and every way to look at it.
#[component]
fn AdapterScreen() -> impl IntoView {
    let store = super::store::use_store();
    let opened =
        move |tab: Tab| Memo::new(move |before: Option<&bool>| before == Some(&true) || store.tab.get() == tab);
    let projection = opened(Tab::Projection);
    let alignment = opened(Tab::Alignment);
    let compare = opened(Tab::Compare);
    let training = opened(Tab::Training);
    let has_alignment = Memo::new(move |_| store.state.with(|s| s.alignment.has_any()));
    view! {
        <Items compact=true/>
        <Outlines/>
        <Problems/>
        <Identity/>
        <Tabs/>
        <TabPanel tab=Tab::Overview>
            <div class="columns">
                <div class="column-wide stretched"><Heatmap/></div>
                <div class="column-side stretched of-domains"><Domains/></div>
                <SchemeEditor/>
                <div class="column-wide of-table"><ModuleTable/></div>
                <div class="column-side of-spectrum"><Spectrum/></div>
            </div>
        </TabPanel>
        <TabPanel tab=Tab::Alignment>
            // Its figures of the whole are few: they are on the page as soon as they are known.
            <Show when=move || alignment.get() || has_alignment.get()>
                <AlignmentPanel/>
            </Show>
        </TabPanel>
        <TabPanel tab=Tab::Projection>
            // Built when it is first looked at; the overview must not wait for it.
            <Show when=move || projection.get()>
                <ProjectionPanel/>
            </Show>
        </TabPanel>
        <TabPanel tab=Tab::Compare>
            <Show when=move || compare.get()>
                <ComparePanel/>
            </Show>
        </TabPanel>
        <TabPanel tab=Tab::Training>
            <Show when=move || training.get()>
                <TrainingPanel/>
            </Show>
        </TabPanel>
    }
}

/// While files hover over the window: what dropping them will do.
#[component]
fn Overlay() -> impl IntoView {
    let store = super::store::use_store();
    let adds = move || store.items.with(|items| !items.is_empty());
    view! {
        <Show when=move || store.dragging.get()>
            <div class="overlay" aria-hidden="true">
                <p>
                    {move || if adds() { "Drop to add to what is here" } else { "Drop anywhere" }}
                    <small>"Files stay on this machine."</small>
                </p>
            </div>
        </Show>
    }
}

#[component]
fn Footer() -> impl IntoView {
    view! {
        <footer>
            <p>
                "Nothing you drop leaves this machine: it is read and computed in this browser. "
                "More can be dropped anywhere on this page. Press "<kbd>"?"</kbd>" for the keys."
            </p>
        </footer>
    }
}
