//! The tab that sets adapters beside each other: all of them, two of them, one module of the two.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;

mod matrix;
mod modules;
mod overlap;
mod overlap_picture;
mod pair;

use self::matrix::MatrixPanel;
use self::modules::{PairHeat, PairTable};
use self::overlap::OverlapPanel;
use self::pair::PairPanel;
use super::browser::now_ms;
use super::model::comparison::figures::{FIGURES, Figure};
use super::model::comparison::joined::PairMap;
use super::model::comparison::matrix::{self as whole, Matrix, PairFigure};
use super::model::comparison::overlap::Side;
use super::model::comparison::{ModuleId, ModuleOverlap, PairId, PairLists};
use super::model::run::Stopped;
use super::model::samples::Sample;
use super::model::shown::{Adapter, State};
use super::model::tabs::Tab;
use super::sample::ShowSample;
use super::store::{Store, is_another, use_store};
use super::wire::{Wire, use_wire};
use lorascope_protocol::ItemId;

/// What the parts of the tab share.
#[derive(Clone, Copy)]
struct Desk {
    store: Store,
    wire: Wire,
    in_view: Memo<bool>,
    matrix: Memo<Option<Matrix>>,
    /// What the matrix shows.
    shown: RwSignal<&'static PairFigure>,
    chosen: RwSignal<Option<PairId>>,
    /// The pair in view.
    pair: Memo<Option<PairId>>,
    lists: Memo<Option<Arc<PairLists>>>,
    /// The lists on the layers of both adapters, one task later.
    map: RwSignal<Option<Arc<PairMap>>>,
    /// What the heatmap shows.
    figure: RwSignal<&'static Figure>,
    named: RwSignal<Option<String>>,
    /// The module in view, by its place in the lists.
    module: Memo<Option<usize>>,
    overlap: Memo<Option<Arc<ModuleOverlap>>>,
    side: RwSignal<Side>,
}

impl Desk {
    fn new() -> Desk {
        let (store, wire) = (use_store(), use_wire());
        let state = store.state;
        let matrix = Memo::new(move |_| state.with(State::matrix));
        let chosen = RwSignal::new(None);
        let pair = Memo::new(move |_| matrix.with(|m| m.as_ref()?.compared.pair_or_first(chosen.get())));
        let lists = Memo::new_with_compare(
            move |_| {
                let pair = pair.get()?;
                state.with(|s| s.comparison.lists(pair).cloned())
            },
            is_another,
        );
        let named = RwSignal::new(None::<String>);
        let module = Memo::new(move |_| lists.with(|l| named.with(|n| l.as_ref()?.module_or_strongest(n.as_deref()))));
        let in_view = Memo::new(move |_| store.tab.get() == Tab::Compare);
        let desk = Desk {
            store,
            wire,
            in_view,
            matrix,
            shown: RwSignal::new(whole::FIGURES[0]),
            chosen,
            pair,
            lists,
            map: RwSignal::new(None),
            figure: RwSignal::new(FIGURES[0]),
            named,
            module,
            overlap: Memo::new_with_compare(
                move |_| {
                    let of = module_id(lists, module)?;
                    state.with(|s| s.comparison.overlap(&of).cloned())
                },
                is_another,
            ),
            side: RwSignal::new(Side::default()),
        };
        desk.derive_map();
        desk.ask();
        desk
    }

    /// Lays the lists out on the layers of both adapters, in a task of its own.
    fn derive_map(self) {
        let Desk { store, lists, map, .. } = self;
        let adapter = move |item: ItemId| store.state.with_untracked(|s| s.adapters.get(&item).cloned());
        Effect::new(move |_| {
            lists.track();
            let open = store.experts_open.get();
            let later = move || {
                // Whatever is in view by then, if the panel still is.
                let Some(lists) = lists.try_get_untracked() else { return };
                let both = lists.and_then(|lists| {
                    let both: (Arc<Adapter>, Arc<Adapter>) = (adapter(lists.pair.0)?, adapter(lists.pair.1)?);
                    Some((both, lists))
                });
                map.try_set(both.map(|((a, b), lists)| Arc::new(PairMap::new(&a, &b, lists, open))));
            };
            set_timeout(later, Duration::ZERO);
        });
    }

    /// Asks the engine for what is in view and not here, while it is free and the tab is in view.
    fn ask(self) {
        let Desk { store, in_view, pair, lists, module, .. } = self;
        let state = store.state;
        let is_due = Memo::new(move |_| in_view.get() && state.with(State::comparison_due));
        Effect::new(move |_| {
            if is_due.get() {
                self.compare();
            }
        });
        let there = Memo::new(move |_| in_view.get() && store.free.get() && self.matrix.with(Option::is_some));
        Effect::new(move |_| {
            let (Some(pair), true, None) = (pair.get(), there.get(), lists.get()) else { return };
            self.wire.ask(|state, job| state.ask_pair(job, pair));
        });
        Effect::new(move |_| {
            let (Some(of), true, None) = (module_id(lists, module), there.get(), self.overlap.get()) else { return };
            self.wire.ask(|state, job| state.ask_module(job, of));
        });
    }

    fn compare(self) {
        self.wire.ask(|state, job| Some(state.begin_comparison(job, now_ms())));
    }

    /// Brings a shared module into view, by its place in the lists.
    fn pick(self, row: usize) {
        let name = self.lists.with_untracked(|l| Some(l.as_ref()?.modules.get(row)?.name.clone()));
        if name.is_some() {
            self.named.set(name);
        }
    }

    /// The name of an adapter of the pair in view: of its first, or of its second.
    fn label(self, second: bool) -> String {
        let label = self.pair.get().and_then(|(a, b)| {
            let item = if second { b } else { a };
            self.matrix.with(|m| m.as_ref().and_then(|m| Some(m.label(m.compared.place_of(item)?).to_owned())))
        });
        label.unwrap_or_default()
    }
}

fn module_id(lists: Memo<Option<Arc<PairLists>>>, module: Memo<Option<usize>>) -> Option<ModuleId> {
    let lists = lists.get()?;
    Some((lists.pair, lists.modules.get(module.get()?)?.name.clone()))
}

#[component]
pub fn ComparePanel() -> impl IntoView {
    let desk = Desk::new();
    let state = desk.store.state;
    let can_compare = Memo::new(move |_| state.with(State::can_compare));
    let is_there = Memo::new(move |_| desk.matrix.with(Option::is_some));
    view! {
        <div class="comparison">
            <Show when=move || can_compare.get() fallback=|| view! { <WhatToDrop/> }>
                <Show when=move || is_there.get() fallback=move || view! { <NotYet desk/> }>
                    <MatrixPanel desk/>
                    <PairPanel desk/>
                    <PairHeat desk/>
                    <OverlapPanel desk/>
                    <PairTable desk/>
                </Show>
            </Show>
        </div>
    }
}

/// One adapter alone.
#[component]
fn WhatToDrop() -> impl IntoView {
    view! {
        <section class="panel to-drop" data-testid="compare-missing">
            <h2>"Two adapters say more than one"</h2>
            <p>
                "Drop a second adapter anywhere onto this page. Here you will see how alike the two are, whether they \
                 work in the same directions of the model, and what adding them would do: for the whole adapters, layer \
                 by layer, and direction by direction."
            </p>
            <p class="small">
                "Any number can be compared, also of different file formats, as long as they are for the same model. \
                 Nothing leaves this machine."
            </p>
            <ShowSample sample=Sample::Compare/>
        </section>
    }
}

/// There are adapters to compare, and no comparison.
#[component]
fn NotYet(desk: Desk) -> impl IntoView {
    let store = desk.store;
    let stopped = Memo::new(move |_| store.state.with(|s| s.comparison.run.stopped().cloned()));
    let text = move || match stopped.get() {
        Some(Stopped::Refused(text)) => format!("These adapters could not be compared: {text}"),
        Some(Stopped::Cancelled) => "The comparison was stopped before it was done.".to_owned(),
        None if store.phase.get().is_busy() => "The comparison comes here as soon as it is computed …".to_owned(),
        // Without an engine nothing comes.
        None => "These adapters have not been compared.".to_owned(),
    };
    view! {
        <section class="panel not-compared" data-testid="compare-missing">
            <p role="status">{text}</p>
            <Show when=move || stopped.with(Option::is_some)>
                <button
                    class="primary"
                    data-testid="compare"
                    disabled=move || !store.free.get()
                    on:click=move |_| desk.compare()
                >
                    "Compare"
                </button>
            </Show>
        </section>
    }
}
