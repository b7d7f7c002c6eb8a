//! The address bar: what it asks for is shown, and what is shown stands in it.

use std::time::Duration;

use js_sys::{Object, Reflect};
use leptos::prelude::*;
use leptos::{ev, leptos_dom::helpers::window_event_listener};
use wasm_bindgen::JsValue;

use super::browser::now_ms;
use super::model::share;
use super::model::viewed::{Budget, Viewed};
use super::store::Store;
use super::wire::Wire;
use lorascope_protocol::link::fragment::{self, Fragment};
use lorascope_protocol::link::{self, LinkError};
use lorascope_protocol::report::{EngineReport, Report, SCHEMA};
use lorascope_protocol::{ItemId, ToEngine};

/// Changes rest this long before they are written.
const REST: Duration = Duration::from_millis(400);
/// After this long there is room for another write.
const LATER: Duration = Duration::from_secs(10);

/// Shows what the address asks for, now and whenever another one is put into it, and keeps the address at what is in
/// view: a chosen tab is a step that Back undoes, all else is not.
pub fn follow(store: Store, wire: Wire) {
    let payload =
        Memo::new(move |_| store.adapter.with(|a| share::payload_of(&a.as_ref()?.report, &a.as_ref()?.modules)));
    let shown = Memo::new(move |_| Fragment { payload: payload.get(), view: store.viewed().pairs() }.write());
    open(store, wire);
    let handle = window_event_listener(ev::hashchange, move |_| open(store, wire));
    on_cleanup(move || handle.remove());

    let budget = StoredValue::new(Budget::default());
    let turn = StoredValue::new(0u32);
    Effect::new(move |_| {
        shown.track();
        // What a link asks for is not in view yet.
        if store.phase.get().is_busy() {
            return;
        }
        turn.update_value(|t| *t = t.wrapping_add(1));
        let step = store.step.try_update_value(std::mem::take).unwrap_or(false);
        if step && write(&shown.get_untracked(), true, budget) {
            return;
        }
        rest(shown, turn, turn.get_value(), budget, REST);
    });
}

/// Writes what is in view once it has rested.
fn rest(shown: Memo<String>, turn: StoredValue<u32>, mine: u32, budget: StoredValue<Budget>, time: Duration) {
    let rested = move || {
        let is_last = turn.try_get_value() == Some(mine);
        if is_last && !write(&shown.get_untracked(), false, budget) {
            rest(shown, turn, mine, budget, LATER);
        }
    };
    set_timeout(rested, time);
}

/// Puts a fragment into the address, as a step of the history or in place of the last one. False where that would be
/// too often.
fn write(shown: &str, step: bool, budget: StoredValue<Budget>) -> bool {
    let location = window().location();
    if location.hash().unwrap_or_default().trim_start_matches('#') == shown {
        return true;
    }
    if !budget.try_update_value(|budget| budget.spend(now_ms())).unwrap_or(false) {
        return false;
    }
    let address = if shown.is_empty() {
        location.pathname().unwrap_or_default() + &location.search().unwrap_or_default()
    } else {
        format!("#{shown}")
    };
    let Ok(history) = window().history() else { return true };
    tell_space(shown, &location.search().unwrap_or_default());
    // Refused in some frames; the address is then as it was.
    let _ = if step {
        history.push_state_with_url(&JsValue::NULL, "", Some(&address))
    } else {
        history.replace_state_with_url(&JsValue::NULL, "", Some(&address))
    };
    true
}

/// A Hugging Face Space shows the page in a frame, and what the frame tells it in the address bar around
/// (hub docs, spaces-handle-url-parameters). No other page around hears this.
fn tell_space(shown: &str, query: &str) {
    let Some(around) = window().parent().ok().flatten().filter(|around| *around != window()) else { return };
    let said = Object::new();
    for (key, value) in [("queryString", query.trim_start_matches('?')), ("hash", shown)] {
        // Cannot fail on an object of one's own.
        let _ = Reflect::set(&said, &key.into(), &value.into());
    }
    // Refused where the frame is cut off from all others; the address around it then stays.
    let _ = around.post_message(&said, "https://huggingface.co");
}

/// Shows what the address asks for.
fn open(store: Store, wire: Wire) {
    let read = fragment::parse(&window().location().hash().unwrap_or_default());
    store.show_as(Viewed::read(&read.view));
    let Some(payload) = read.payload else { return };
    if let Some(item) = known(store, &payload) {
        store.state.update(|s| s.selected = Some(item));
        return;
    }
    match link::read(&payload) {
        Ok(adapter) => {
            wire.revive();
            let report = Report {
                lorascope: SCHEMA,
                engine: EngineReport::default(),
                files: Vec::new(),
                adapters: vec![adapter],
                alignment: Vec::new(),
                extraction: None,
                projection: None,
                comparison: None,
            };
            let job = super::drop::begin(store, wire);
            wire.send_as(job, &ToEngine::Recall { report: Box::new(report) }, &js_sys::Array::new());
        }
        Err(error) => refuse(store, error),
    }
}

fn refuse(store: Store, error: LinkError) {
    store.state.update(|s| {
        s.problems.clear();
        s.page_problem(true, error.to_string());
    });
}

/// The adapter on the page that this payload is of.
fn known(store: Store, payload: &str) -> Option<ItemId> {
    store.state.with_untracked(|s| {
        let is_it = |a: &&std::sync::Arc<super::model::shown::Adapter>| {
            share::payload_of(&a.report, &a.modules).as_deref() == Some(payload)
        };
        s.adapters.values().find(is_it).map(|a| a.item)
    })
}
