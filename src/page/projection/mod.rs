//! The projection tab: what is asked for, what it would do, what it did.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;

mod form;
mod pair;
mod plan;
mod rank;
mod result;
mod sizes;
mod target;

use self::form::ProjectionForm;
use self::plan::PlanPanel;
use self::result::ResultPanel;
use super::browser::now_ms;
use super::model::projection::form::Form;
use super::model::projection::plan::Planned;
use super::model::projection::result::Projected;
use super::model::samples::Sample;
use super::model::shown::State;
use super::model::tabs::Tab;
use super::sample::ShowSample;
use super::store::{Store, is_another, use_store};
use super::wire::{Wire, use_wire};
use lorascope_protocol::report::ModuleReport;

/// Settings rest this long before the engine is asked what they would do.
const REST: Duration = Duration::from_millis(150);

/// What the parts of the tab share.
#[derive(Clone, Copy)]
struct Desk {
    store: Store,
    wire: Wire,
    form: Memo<Form>,
    planned: Memo<Option<Arc<Planned>>>,
    result: Memo<Option<Arc<Projected>>>,
}

impl Desk {
    fn new() -> Desk {
        let (store, wire) = (use_store(), use_wire());
        let state = store.state;
        Desk {
            store,
            wire,
            form: Memo::new(move |_| state.with(|s| s.projection.form.clone())),
            planned: Memo::new_with_compare(move |_| state.with(|s| s.projection.planned.clone()), is_another),
            result: Memo::new_with_compare(move |_| state.with(|s| s.projection.run.result.clone()), is_another),
        }
    }

    fn edit(self, change: impl FnOnce(&mut Form)) {
        self.store.state.update(|s| change(&mut s.projection.form));
    }

    /// Changes the form with the modules of the adapter in view at hand.
    fn edit_with(self, change: impl FnOnce(&mut Form, &[ModuleReport])) {
        self.store.state.update(|s| {
            if let Some(adapter) = s.selected() {
                change(&mut s.projection.form, &adapter.modules);
            }
        });
    }

    fn project(self) {
        let Some(Ok(ask)) = self.store.state.with_untracked(State::wanted) else { return };
        self.wire.ask(|state, job| Some(state.begin_projection(job, ask, now_ms())));
    }

    /// Asks for a plan whenever the settings have changed and rested, while the tab is in view.
    fn ask_for_plans(self) {
        let (store, wire) = (self.store, self.wire);
        let due = Memo::new(move |_| {
            (store.tab.get() == Tab::Projection).then(|| store.state.with(State::plan_due)).flatten()
        });
        let turn = StoredValue::new(0u32);
        Effect::new(move |_| {
            let due = due.get();
            turn.update_value(|t| *t = t.wrapping_add(1));
            let mine = turn.get_value();
            let Some(ask) = due else { return };
            let rested = move || {
                // Something newer came, or the panel is gone.
                if turn.try_get_value() != Some(mine) {
                    return;
                }
                wire.ask(|state, job| Some(state.begin_plan(job, ask)));
            };
            set_timeout(rested, REST);
        });
    }
}

#[component]
pub fn ProjectionPanel() -> impl IntoView {
    let desk = Desk::new();
    desk.ask_for_plans();
    let due = Memo::new(move |_| desk.store.state.with(State::sample_projection_due));
    Effect::new(move |_| {
        if due.get() {
            desk.project();
        }
    });
    let excluded = Memo::new(move |_| desk.store.state.with(State::projection_excluded));
    view! {
        {move || {
            let text = excluded.get()?;
            Some(view! {
                <section class="panel excluded" data-testid="projection-excluded" aria-labelledby="excluded-title">
                    <h2 id="excluded-title">"Not for this adapter"</h2>
                    <p role="status">{text}</p>
                    <ShowSample sample=Sample::Projection/>
                </section>
            })
        }}
        // Hidden, not taken down: what is typed and what was computed stays for the other adapters.
        <div class="projection" hidden=move || excluded.with(Option::is_some)>
            <ProjectionForm desk/>
            <PlanPanel desk/>
            <ResultPanel desk/>
        </div>
    }
}
