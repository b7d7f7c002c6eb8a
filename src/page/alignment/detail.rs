//! One update, module by module: heatmap and table.

use std::sync::Arc;

use leptos::prelude::*;

use super::Desk;
use crate::heatmap::{Heat, HeatPanel, Measures};
use crate::left_out::left_out;
use crate::model::alignment::figures::Figure;
use crate::model::alignment::joined::{REFERENCE, UpdateField, UpdateSheet};
use crate::model::axis::ScaleKind;
use crate::model::heat::Field;
use crate::model::number::plural;
use crate::model::sheet::Sheet;
use crate::sheet::{Picked, SheetMemo, SheetTable};
use crate::store::is_another;

#[component]
pub fn Detail(desk: Desk) -> impl IntoView {
    let field = Memo::new_with_compare(
        move |_| {
            let (joined, update, figure) = (desk.joined.get()?, desk.place.get()?, desk.figure.get());
            Some(Arc::new(UpdateField { joined, update, figure }) as Arc<dyn Field>)
        },
        is_another,
    );
    let kind = RwSignal::new(ScaleKind::default());
    let heat = Heat::new(desk.store, "alignment-heatmap", field, kind);
    let measures = Measures {
        hook: "alignment-measure",
        all: Figure::HEAT.map(|figure| (figure.key(), figure.label())).into(),
        now: Signal::derive(move || desk.figure.get().key()),
        choose: Callback::new(move |key: String| {
            if let Some(figure) = Figure::from_key(&key) {
                desk.figure.set(figure);
            }
        }),
    };
    let name = Memo::new(move |_| desk.set.with(|set| Some(set.as_ref()?.name(desk.place.get()?))).unwrap_or_default());
    let sheet: SheetMemo = Memo::new_with_compare(
        move |_| {
            let (joined, update) = (desk.table.get()?, desk.place.get()?);
            Some(Arc::new(UpdateSheet { joined, update }) as Arc<dyn Sheet>)
        },
        is_another,
    );
    let store = desk.store;
    let picked = Picked { now: store.module.into(), pick: Callback::new(move |module| store.pick(module)) };
    view! {
        <div class="heat-place">
            <HeatPanel heat title="Layer by layer" subtitle=name measures/>
        </div>
        <section class="panel whole aligned" aria-labelledby="aligned-title">
            <div class="panel-head">
                <h2 id="aligned-title">"Modules "<span class="small">{move || name.get()}</span></h2>
            </div>
            <SheetTable sheet hook="aligned-module" label="Modules beside this update" picked done=|_| ()/>
            <Unmatched desk/>
            <details class="help">
                <summary>"What the column “Reference” is"</summary>
                <p>
                    {REFERENCE}
                    ". It is there so that results can be held against it; the cosine is the true one at every size, and \
                     absent where there is nothing to compare."
                </p>
            </details>
        </section>
    }
}

/// Modules without a figure, and why.
#[component]
fn Unmatched(desk: Desk) -> impl IntoView {
    move || {
        let (set, place) = (desk.set.get()?, desk.place.get()?);
        let unmatched = &set.updates.get(place)?.report.unmatched;
        let count = plural(unmatched.len(), "module has", "modules have");
        let summary = format!("{count} no counterpart in these states");
        left_out(unmatched, "fold small", Some("alignment-unmatched"), summary)
    }
}
