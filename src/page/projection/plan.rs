//! The plan: what the settings would do, before anything is computed.

use std::sync::Arc;

use leptos::prelude::*;

use super::Desk;
use crate::left_out::cautions;
use crate::model::projection::plan::Plan;
use crate::model::samples::Sample;
use crate::model::shown::State;
use crate::sample::ShowSample;
use crate::sheet::{SheetTable, sheet_memo};
use crate::store::shared_memo;

#[component]
pub fn PlanPanel(desk: Desk) -> impl IntoView {
    let plan = shared_memo(move || desk.planned.with(|planned| planned.as_ref()?.outcome.as_ref().ok().cloned()));
    let sheet = sheet_memo(move || plan.get());
    let current = Memo::new(move |_| desk.store.state.with(State::plan_is_current));
    let around = move || {
        let plan: Arc<Plan> = plan.get()?;
        let head = &plan.head;
        let layers = head.target_layers.filter(|target| *target != head.source_layers);
        let layers = layers.map(|target| format!(", {} → {target} layers", head.source_layers));
        let nothing = plan.changes_nothing().then(|| {
            view! {
                <p class="small">"No size or rank changes with these settings. Choose a smaller rank or another target."</p>
                <ShowSample sample=Sample::Projection/>
            }
        });
        Some(view! {
            <p class="small">"To "{head.target.clone()}{layers}</p>
            {nothing}
            {cautions(&head.warnings, &head.left_out)}
        })
    };
    let summary = move || match plan.get() {
        Some(plan) => plan.summary(),
        None if desk.planned.with(Option::is_some) => "There is no plan for these settings.".to_owned(),
        None => "The plan comes as soon as the engine is free …".to_owned(),
    };
    view! {
        <section
            class="panel plan"
            class:stale=move || !current.get()
            aria-labelledby="plan-title"
            aria-busy=move || (!current.get()).to_string()
            data-testid="projection-plan"
            data-current=move || current.get().to_string()
        >
            <h2 id="plan-title">"What it will do"</h2>
            <p class="summary" role="status">{summary}</p>
            {around}
            <Show when=move || plan.with(Option::is_some)>
                <SheetTable sheet hook="plan-row" label="Modules of the plan" done=|_| ()/>
            </Show>
        </section>
    }
}
