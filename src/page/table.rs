//! The sortable table of modules.

use std::sync::Arc;

use leptos::prelude::*;

use super::batches::{draw_in_batches, generations};
use super::export::ExportCsv;
use super::model::number::{grouped, plural};
use super::model::shown::Adapter;
use super::model::table::{Column, Direction, PAGE, Sort, common_prefix, rows};
use super::store::{Store, use_store};

/// The id of the field that filters the table.
pub const FILTER: &str = "module-filter";

#[component]
pub fn ModuleTable() -> impl IntoView {
    let store = use_store();
    let sort = store.sort;
    let filter = RwSignal::new(String::new());
    let limit = RwSignal::new(PAGE);
    let order = Memo::new(move |_| {
        store
            .table_adapter
            .with(|a| a.as_ref().map(|a| filter.with(|f| rows(&a.modules, sort.get(), f))))
            .unwrap_or_default()
    });
    let columns =
        Memo::new(move |_| store.table_adapter.with(|a| a.as_ref().map_or_else(Vec::new, |a| Column::of(&a.modules))));
    Effect::new(move |_| {
        // Another adapter may not have the column that the last one was sorted by.
        let lost = columns.with(|c| !c.is_empty() && !c.contains(&sort.get_untracked().column));
        if lost {
            sort.set(Sort::default());
        }
    });
    // Another adapter, another filter: back to the first page.
    Effect::new(move |_| {
        store.table_adapter.track();
        filter.track();
        limit.set(PAGE);
    });
    let generation = generations(move || store.table_adapter.with(Option::is_some));
    let drawn = draw_in_batches(generation, order, limit, |store| store.drawing.set(false));
    let prefix = Memo::new(move |_| {
        store.table_adapter.with(|a| {
            a.as_ref().map_or_else(String::new, |a| common_prefix(a.modules.iter().map(|m| m.name.as_str())).to_owned())
        })
    });
    let all = move || store.table_adapter.with(|a| a.as_ref().map_or(0, |a| a.modules.len()));
    let found = move || order.with(Vec::len);
    let keys = move || {
        let (table, _) = generation.get();
        order.with(|o| o.iter().take(drawn.get()).map(|i| (table, *i)).collect::<Vec<_>>())
    };
    let draw = move |(_, index)| {
        let adapter = store.table_adapter.get_untracked()?;
        Some(row(store, &adapter, index, prefix.with_untracked(String::len), &columns.get_untracked()))
    };
    view! {
        <section class="panel below" aria-labelledby="modules-title">
            <div class="panel-head">
                <h2 id="modules-title">
                    "Modules "
                    <span class="small">
                        {move || {
                            if found() == all() {
                                grouped(all() as u64)
                            } else {
                                format!("{} of {}", grouped(found() as u64), grouped(all() as u64))
                            }
                        }}
                        {move || prefix.with(|p| (!p.is_empty() && p != "lora_").then(|| format!(", all in {}", p.trim_end_matches(['.', '_']))))}
                    </span>
                </h2>
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
            <div class="table-scroll" tabindex="0" role="region" aria-label="Table of modules">
                <table class="modules">
                    <thead>
                        <tr>
                            {move || columns.get().into_iter().map(|column| head(sort, column)).collect_view()}
                        </tr>
                    </thead>
                    <tbody>
                        <For each=keys key=|key| *key children=draw/>
                    </tbody>
                </table>
                <Show when=move || found() == 0>
                    <p class="empty">"No module has all of these words in its name, stack, role or algorithm."</p>
                </Show>
            </div>
            <Show when=move || { found() > limit.get() }>
                <div class="more">
                    <button on:click=move |_| limit.update(|l| *l += PAGE)>
                        {move || format!("Show {} more", (found() - limit.get().min(found())).min(PAGE))}
                    </button>
                    <span class="small">
                        {move || format!("{} of {} are on the page", grouped(limit.get() as u64), plural(found(), "module", "modules"))}
                    </span>
                </div>
            </Show>
        </section>
    }
}

/// Names up to this length fit beside the other columns.
const SHORT: usize = 28;

/// Whether a name goes on in the next line.
pub fn is_long(name: &str) -> bool {
    name.len() > SHORT
}

/// A name; a long one may go on in the next line behind a dot or an underscore.
pub fn breakable(name: &str) -> AnyView {
    if !is_long(name) {
        return name.to_owned().into_any();
    }
    let parts = name.split_inclusive(['.', '_', '/']).map(|part| view! { {part.to_owned()}<wbr/> });
    parts.collect_view().into_any()
}

fn head(sort: RwSignal<Sort>, column: Column) -> impl IntoView {
    let arrow = move || match (sort.get().column == column, sort.get().direction) {
        (false, _) => "",
        (true, Direction::Ascending) => "▴",
        (true, Direction::Descending) => "▾",
    };
    view! {
        <th scope="col" class:text=column.is_text() aria-sort=move || sort.get().aria(column)>
            <button title=column.help() on:click=move |_| sort.update(|s| *s = s.clicked(column))>
                {column.label()}
                <span class="arrow" aria-hidden="true">{arrow}</span>
            </button>
        </th>
    }
}

/// `prefix` is the length of what the table's head says of every name.
fn row(store: Store, adapter: &Arc<Adapter>, index: usize, prefix: usize, columns: &[Column]) -> impl IntoView + use<> {
    let module = adapter.modules.get(index)?;
    let cells = columns.iter().skip(1).map(|column| {
        view! { <td class:text=column.is_text() title=column.title(module)>{column.write(module)}</td> }
    });
    let is_picked = move || store.module.get() == Some(index);
    let name = module.name.get(prefix..).unwrap_or(&module.name);
    Some(view! {
        <tr
            class:picked=is_picked
            data-testid="module-row"
            data-module=module.name.clone()
            on:click=move |_| store.pick(index)
        >
            <th scope="row" class:long=is_long(name)>
                // The button is for keys; its click reaches the row.
                <button aria-pressed=move || is_picked().to_string() title=module.name.clone()>
                    {breakable(name)}
                </button>
            </th>
            {cells.collect_view()}
        </tr>
    })
}
