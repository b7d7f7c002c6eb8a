//! One update, module by module: heatmap and table.

use std::sync::Arc;

use leptos::prelude::*;

use super::Desk;
use crate::fields::FigureChoice;
use crate::heatmap::{Heat, HeatPanel, field_memo};
use crate::left_out::left_out;
use crate::model::alignment::figures::HEAT;
use crate::model::alignment::joined::{REFERENCE, UpdateField, UpdateSheet};
use crate::model::axis::ScaleKind;
use crate::model::number::plural;
use crate::sheet::{SheetTable, sheet_memo};

#[component]
pub fn Detail(desk: Desk) -> impl IntoView {
    let field = field_memo(move || {
        Some(UpdateField { joined: desk.joined.get()?, update: desk.place.get()?, figure: desk.figure.get() })
    });
    let (store, kind) = (desk.store, RwSignal::new(ScaleKind::default()));
    let heat = Heat::new(store, "alignment-heatmap", store.grid, field, kind, store.into());
    let choice = FigureChoice::new("alignment-measure", &HEAT, desk.figure);
    let name = Memo::new(move |_| desk.set.with(|set| Some(set.as_ref()?.name(desk.place.get()?))).unwrap_or_default());
    let sheet = sheet_memo(move || Some(Arc::new(UpdateSheet::new(&*desk.table.get()?, desk.place.get()?))));
    view! {
        <div class="heat-place">
            <HeatPanel heat title="Layer by layer" subtitle=name choice/>
        </div>
        <section class="panel whole aligned" aria-labelledby="aligned-title">
            <div class="panel-head">
                <h2 id="aligned-title">"Modules "<span class="small">{move || name.get()}</span></h2>
            </div>
            <SheetTable sheet hook="aligned-module" label="Modules beside this update" picked=store done=|_| ()/>
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
