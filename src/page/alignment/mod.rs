//! The alignment tab: an adapter beside what training really changed.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;

mod detail;
mod series;
mod trajectory;
mod updates;

use self::detail::Detail;
use self::series::SeriesPanel;
use self::trajectory::TrajectoryPanel;
use self::updates::UpdatesPanel;
use super::extraction::ExtractPanel;
use super::model::alignment::aligned::{Aligned, Chosen};
use super::model::alignment::figures::{FIGURES, Figure};
use super::model::alignment::joined::Joined;
use super::model::alignment::series::{Series, missing};
use super::model::samples::Sample;
use super::model::shown::State;
use super::model::tabs::Tab;
use super::sample::ShowSample;
use super::store::{Store, is_another, use_store};
use super::wire::{Wire, use_wire};
use lorascope_protocol::report::{Along, saved::NEEDS_ITS_FILE};

/// What the parts of the tab share.
#[derive(Clone, Copy)]
struct Desk {
    store: Store,
    wire: Wire,
    along: Memo<Along>,
    series: Memo<Series>,
    set: Memo<Option<Arc<Aligned>>>,
    /// The set on its adapter's modules; derived only while the tab is in view.
    joined: Memo<Option<Arc<Joined>>>,
    /// The same, one task later: the table draws it.
    table: RwSignal<Option<Arc<Joined>>>,
    chosen: RwSignal<Option<Chosen>>,
    /// The update in view.
    place: Memo<Option<usize>>,
    /// What the heatmap shows.
    figure: RwSignal<&'static Figure>,
}

impl Desk {
    fn new() -> Desk {
        let (store, wire) = (use_store(), use_wire());
        let state = store.state;
        let along = Memo::new(move |_| state.with(|s| s.alignment.along()));
        let set = Memo::new_with_compare(move |_| state.with(|s| s.alignment_in_view().cloned()), is_another);
        let in_view = Memo::new(move |_| store.tab.get() == Tab::Alignment);
        let joined = Memo::new_with_compare(
            move |former: Option<&Option<Arc<Joined>>>| {
                let former = former.cloned().flatten();
                let (in_view_now, adapter, set) = (store.adapter.get()?, store.heat_adapter.get()?, set.get()?);
                if !Arc::ptr_eq(&in_view_now, &adapter) {
                    // The grid follows one task later: until then both are of the former adapter.
                    return former;
                }
                let is_same = |j: &Arc<Joined>| Arc::ptr_eq(&j.adapter, &adapter) && Arc::ptr_eq(&j.set, &set);
                // While the tab is hidden nothing is derived, and nothing of another set is kept.
                former.filter(is_same).or_else(|| in_view.get().then(|| Arc::new(Joined::new(adapter, set))))
            },
            is_another,
        );
        let table = RwSignal::new(None);
        Effect::new(move |_| {
            joined.track();
            // Whatever is in view by then, if the panel still is.
            let later = move || {
                if let Some(joined) = joined.try_get_untracked() {
                    table.try_set(joined);
                }
            };
            set_timeout(later, Duration::ZERO);
        });
        let chosen = RwSignal::new(None::<Chosen>);
        let place = Memo::new(move |_| set.with(|set| chosen.with(|c| set.as_ref()?.place_of(c.as_ref()))));
        Desk {
            store,
            wire,
            along,
            series: Memo::new(move |_| state.with(|s| s.alignment.series(along.get()).clone())),
            set,
            joined,
            table,
            chosen,
            place,
            figure: RwSignal::new(FIGURES[0]),
        }
    }

    /// Brings an update into view.
    fn choose(self, place: usize) {
        if let Some(chosen) = self.set.with_untracked(|set| set.as_ref()?.chosen(place)) {
            self.chosen.set(Some(chosen));
        }
    }

    fn align(self) {
        self.wire.ask(|state, _| Some(state.begin_alignment()));
    }
}

#[component]
pub fn AlignmentPanel() -> impl IntoView {
    let desk = Desk::new();
    let has_states = Memo::new(move |_| desk.series.with(|s| !s.is_empty()));
    let has_updates = Memo::new(move |_| desk.set.with(|set| set.as_ref().is_some_and(|s| !s.updates.is_empty())));
    view! {
        <div class="alignment">
            <Intro desk/>
            <Show when=move || desk.store.state.with(State::is_recalled)>
                <p class="note" data-testid="alignment-needs-file">{NEEDS_ITS_FILE}</p>
            </Show>
            <Show when=move || has_states.get() fallback=|| view! { <WhatToDrop/> }>
                <SeriesPanel desk/>
                <Show when=move || has_updates.get() fallback=move || view! { <NotYet desk/> }>
                    <UpdatesPanel desk/>
                    <TrajectoryPanel desk/>
                    <Detail desk/>
                </Show>
            </Show>
            <ExtractPanel/>
        </div>
    }
}

/// What this is, for someone who never heard of it.
#[component]
fn Intro(desk: Desk) -> impl IntoView {
    let what = move || match desk.along.get() {
        Along::Checkpoints => {
            "Each step X = W(to) − W(from) between two checkpoints of the model is compared with the adapter’s update \
             ΔW in the modules that it adapts."
        }
        Along::Adapters => {
            "Each step X = ΔW(to) − ΔW(from) between two adapters saved along a training is compared with the update \
             ΔW of the adapter in view."
        }
    };
    view! {
        <div class="intro">
            <p><b>"Does this adapter do what training really changed? "</b>{what}</p>
            <p class="small">
                "The cosine stands beside the capture and its chance level: in so many dimensions a cosine between \
                 independent updates is near zero whatever they do, and only what lies above chance is worth a thought."
            </p>
        </div>
    }
}

#[component]
fn WhatToDrop() -> impl IntoView {
    view! {
        <section class="panel whole to-drop">
            <h2>"What to drop for this"</h2>
            <p>
                "Drop two or more checkpoints of the model that this adapter was trained on: "
                <code>".safetensors"</code>" files, shards together with their "
                <code>"model.safetensors.index.json"</code>", or the whole folder of a run ("<code>"checkpoint-40/"</code>
                ", "<code>"checkpoint-80/"</code>" …). Or drop several adapters saved along one training."
            </p>
            <p class="small">
                "Checkpoints may be far larger than memory: they are read in pieces, and nothing leaves this machine. \
                 From two checkpoints alone a LoRA can be extracted, too."
            </p>
            <ShowSample sample=Sample::Alignment/>
        </section>
    }
}

/// States are there, and no alignment of the adapter in view with them.
#[component]
fn NotYet(desk: Desk) -> impl IntoView {
    let text = move || {
        let missing = desk.series.with(|series| missing(series, desk.along.get()));
        if let Some(text) = missing {
            text
        } else if desk.store.phase.get().is_busy() {
            "The alignment comes here as soon as it is computed …".to_owned()
        } else {
            // Without an engine the button waits, too.
            let how = if desk.store.free.get() { " “Align” beside them does it." } else { "" };
            format!("This adapter has not been aligned with these states.{how}")
        }
    };
    view! { <section class="panel not-yet" data-testid="alignment-missing"><p role="status">{text}</p></section> }
}
