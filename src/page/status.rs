//! The line that says where the page stands, with progress and cancel.

use std::time::Duration;

use js_sys::Array;
use leptos::prelude::*;

use super::model::progress::Running;
use super::model::shown::{Phase, State};
use super::model::tabs::Tab;
use super::store::use_store;
use super::wire::use_wire;
use lorascope_protocol::ToEngine;

/// How long what was removed can be brought back.
const UNDO: Duration = Duration::from_secs(12);

#[component]
pub fn StatusBar() -> impl IntoView {
    let (store, wire) = (use_store(), use_wire());
    let busy = Memo::new(move |_| store.phase.get().is_busy());
    // "done" is said when it can be seen.
    let drawing = move || store.phase.get() == Phase::Done && store.drawing.get();
    let word = move || if drawing() { Phase::Analyzing.word() } else { store.phase.get().word() };
    let fraction = move || store.state.with(|s| s.running.as_ref().and_then(Running::fraction));
    let amount = move || store.state.with(|s| s.running.as_ref().map(Running::amount)).unwrap_or_default();
    let clearable = Memo::new(move |_| store.state.with(|s| s.holds_something()));
    let clear = move |_| {
        store.tab.set(Tab::default());
        if wire.is_alive() && store.state.with_untracked(|s| s.no_backend.is_none()) {
            let job = wire.next_job();
            store.state.update(|s| s.clear(job));
            wire.send_as(job, &ToEngine::Clear, &Array::new());
        } else {
            store.state.update(|s| s.forget());
        }
    };
    // Spoken once per phase: the running text would be read out many times a second.
    let spoken = Memo::new(move |_| {
        if !store.phase.get().is_busy() {
            return store.status.get();
        }
        store.state.with(|s| s.doing().to_owned())
    });
    view! {
        <div class="status-bar">
            <p class="status" data-testid="status" data-state=word>
                <span class="lamp" aria-hidden="true"></span>
                {move || store.status.get()}
            </p>
            <p class="visually-hidden" role="status">{move || spoken.get()}</p>
            <Show when=move || busy.get()>
                <progress
                    data-testid="progress"
                    max="1"
                    value=move || fraction().map(|f| f.to_string())
                    aria-label=move || store.status.get()
                >
                    {move || store.status.get()}
                </progress>
                <span class="small amount">{amount}</span>
                <button data-testid="cancel" on:click=move |_| wire.send(&ToEngine::Cancel)>
                    "Cancel"
                </button>
            </Show>
            <span class="spring"></span>
            <Removed/>
            <Show when=move || clearable.get()>
                <button data-testid="clear" title="Forget everything and start over" on:click=clear>
                    "Clear"
                </button>
            </Show>
        </div>
    }
}

/// What was just removed, and the way back.
#[component]
fn Removed() -> impl IntoView {
    let (store, wire) = (use_store(), use_wire());
    let removed = Memo::new(move |_| store.state.with(|s| s.removed.as_ref().map(|r| (r.job, r.text.clone()))));
    Effect::new(move |_| {
        // Not before it is gone, which may take as long as the job before it.
        let Some((job, _)) = removed.get().filter(|_| !store.phase.get().is_busy()) else { return };
        let late = move || {
            let is_it = |s: &State| s.removed.as_ref().is_some_and(|removed| removed.job == job);
            if store.state.with_untracked(is_it) {
                store.state.update(|s| s.removed = None);
                wire.send(&ToEngine::Forget);
            }
        };
        set_timeout(late, UNDO);
    });
    let undo = move |_| {
        let job = wire.next_job();
        store.state.update(|s| s.begin_undo(job));
        wire.send_as(job, &ToEngine::Undo, &Array::new());
    };
    view! {
        <span class="removed" role="status">
            {move || {
                removed.get().map(|(_, text)| {
                    view! {
                        <span>{text}</span>
                        <button data-testid="undo" on:click=undo>"Undo"</button>
                    }
                })
            }}
        </span>
    }
}
