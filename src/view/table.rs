//! The sortable table of modules.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;

use super::model::number::{grouped, plural};
use super::model::shown::Adapter;
use super::model::table::{Column, Direction, PAGE, Sort, common_prefix, rows};
use super::store::{Store, use_store};

/// Rows drawn in one task.
const BATCH: usize = 75;

#[component]
pub fn ModuleTable() -> impl IntoView {
    let store = use_store();
    let sort = RwSignal::new(Sort::default());
    let filter = RwSignal::new(String::new());
    let limit = RwSignal::new(PAGE);
    let order = Memo::new(move |_| {
        store
            .table_adapter
            .with(|a| a.as_ref().map(|a| filter.with(|f| rows(&a.modules, sort.get(), f))))
            .unwrap_or_default()
    });
    // Another adapter, another filter: back to the first page.
    Effect::new(move |_| {
        store.table_adapter.track();
        filter.track();
        limit.set(PAGE);
    });
    let drawn = draw_in_batches(store, order, limit);
    let prefix = Memo::new(move |_| {
        store.table_adapter.with(|a| a.as_ref().map_or_else(String::new, |a| common_prefix(&a.modules).to_owned()))
    });
    let all = move || store.table_adapter.with(|a| a.as_ref().map_or(0, |a| a.modules.len()));
    let found = move || order.with(Vec::len);
    let keys = move || {
        let adapter = store.table_adapter.with(|a| a.as_ref().map_or(0, |a| Arc::as_ptr(a) as usize));
        order.with(|o| o.iter().take(drawn.get()).map(|i| (adapter, *i)).collect::<Vec<_>>())
    };
    let draw = move |(_, index)| {
        let adapter = store.table_adapter.get_untracked()?;
        Some(row(store, &adapter, index, prefix.with_untracked(String::len)))
    };
    view! {
        <section class="panel" aria-labelledby="modules-title">
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
                        {move || prefix.with(|p| (!p.is_empty()).then(|| format!(", all in {}", p.trim_end_matches('.'))))}
                    </span>
                </h2>
                <input
                    id="module-filter"
                    type="search"
                    data-testid="module-filter"
                    placeholder="Filter, e.g. 21 v_proj"
                    aria-label="Filter the modules by words of their name or role"
                    on:input=move |event| filter.set(event_target_value(&event))
                />
            </div>
            <div class="table-scroll" tabindex="0" role="region" aria-label="Table of modules">
                <table class="modules">
                    <thead>
                        <tr>{Column::ALL.map(|column| head(sort, column)).collect_view()}</tr>
                    </thead>
                    <tbody>
                        <For each=keys key=|key| *key children=draw/>
                    </tbody>
                </table>
                <Show when=move || found() == 0>
                    <p class="empty">"No module has all of these words in its name."</p>
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

/// How many rows are on the page: it grows by [`BATCH`] per task up to `limit`, so that none of them is long.
fn draw_in_batches(store: Store, order: Memo<Vec<usize>>, limit: RwSignal<usize>) -> RwSignal<usize> {
    let drawn = RwSignal::new(0);
    // An order that was replaced meanwhile stops growing.
    let turn = StoredValue::new(0u32);
    fn grow(store: Store, goal: usize, drawn: RwSignal<usize>, turn: StoredValue<u32>, mine: u32) {
        // Also where the table is gone from the page meanwhile.
        if turn.try_get_value() != Some(mine) {
            return;
        }
        if drawn.get_untracked() >= goal {
            store.drawing.set(false);
            return;
        }
        drawn.update(|d| *d = (*d + BATCH).min(goal));
        set_timeout(move || grow(store, goal, drawn, turn, mine), Duration::ZERO);
    }
    Effect::new(move |former: Option<usize>| {
        // Another adapter may well have the same order.
        store.table_adapter.track();
        let (found, limit) = (order.with(Vec::len), limit.get());
        // "Show more" goes on where it was; another order begins anew.
        if former.is_none_or(|former| former >= limit) {
            drawn.set(0);
        }
        turn.update_value(|t| *t = t.wrapping_add(1));
        if store.table_adapter.with_untracked(Option::is_some) {
            grow(store, found.min(limit), drawn, turn, turn.get_value());
        }
        limit
    });
    drawn
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
fn row(store: Store, adapter: &Arc<Adapter>, index: usize, prefix: usize) -> impl IntoView + use<> {
    let module = adapter.modules.get(index)?;
    let cells = Column::ALL.into_iter().skip(1).map(|column| {
        view! { <td class:text=column.is_text()>{column.write(module)}</td> }
    });
    let is_picked = move || store.module.get() == Some(index);
    Some(view! {
        <tr
            class:picked=is_picked
            data-testid="module-row"
            data-module=module.name.clone()
            on:click=move |_| store.pick(index)
        >
            <th scope="row">
                // The button is for keys; its click reaches the row.
                <button aria-pressed=move || is_picked().to_string() title=module.name.clone()>
                    {module.name.get(prefix..).unwrap_or(&module.name).to_owned()}
                </button>
            </th>
            {cells.collect_view()}
        </tr>
    })
}
