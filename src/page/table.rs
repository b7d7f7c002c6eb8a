//! The module table: its filter and its file above the rows.

use std::sync::Arc;

use leptos::prelude::*;

use super::export::ExportCsv;
use super::model::number::grouped;
use super::model::sheet::PAGE;
use super::model::table::{ModuleSheet, STRONGEST_FIRST};
use super::sheet::{SheetRows, SheetView, ShowMore, sheet_memo};
use super::store::use_store;

/// The id of the field that filters the table.
pub const FILTER: &str = "module-filter";

#[component]
pub fn ModuleTable() -> impl IntoView {
    let store = use_store();
    let sheet = sheet_memo(move || Some(Arc::new(ModuleSheet::new(store.table_adapter.get()?))));
    Effect::new(move |_| {
        // Another adapter may not have the column that the last one was sorted by.
        let has = |key| sheet.with(|s| s.as_ref().is_none_or(|s| s.heads().iter().any(|head| head.key == key)));
        if !store.sort.get_untracked().by.is_none_or(|(key, _)| has(key)) {
            store.sort.set(STRONGEST_FIRST);
        }
    });
    let filter = RwSignal::new(String::new());
    let view = SheetView::new(sheet, store.sort, filter);
    let count = move || match (view.found(), view.all()) {
        (found, all) if found == all => grouped(all as u64),
        (found, all) => format!("{} of {}", grouped(found as u64), grouped(all as u64)),
    };
    let prefix = move || {
        let said = view.prefix.get();
        (!said.is_empty() && said != "lora_").then(|| format!(", all in {}", said.trim_end_matches(['.', '_'])))
    };
    view! {
        <section class="panel below" aria-labelledby="modules-title">
            <div class="panel-head">
                <h2 id="modules-title">"Modules "<span class="small">{count}{prefix}</span></h2>
                <span class="spring"></span>
                <ExportCsv/>
                <input
                    id=FILTER
                    type="search"
                    data-testid="module-filter"
                    placeholder="Filter, e.g. 21 v_proj"
                    aria-label="Filter the modules by words of their name, stack, role or algorithm"
                    on:input=move |event| filter.set(event_target_value(&event))
                />
            </div>
            <SheetRows
                view
                hook="module-row"
                label="Table of modules"
                picked=Some(store.into())
                done=|store| store.drawing.set(false)
            >
                <Show when=move || view.found() == 0>
                    <p class="empty">"No module has all of these words in its name, stack, role or algorithm."</p>
                </Show>
            </SheetRows>
            <ShowMore view step=PAGE/>
        </section>
    }
}
