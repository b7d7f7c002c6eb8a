//! A table of modules that is sorted by its heads and drawn in pieces.

use std::sync::Arc;

use leptos::prelude::*;

use super::batches::{draw_in_batches, generations};
use super::model::number::{grouped, plural};
use super::model::sheet::{Head, Sheet, SheetOrder};
use super::model::table::{Direction, PAGE, common_prefix};
use super::store::Store;
use super::table::{breakable, is_long};

/// The sheet that a table shows now.
pub type SheetMemo = Memo<Option<Arc<dyn Sheet>>>;

/// Which row of a table is picked, and what a click on another does.
#[derive(Clone, Copy)]
pub struct Picked {
    pub now: Signal<Option<usize>>,
    pub pick: Callback<usize>,
}

impl From<RwSignal<Option<usize>>> for Picked {
    fn from(signal: RwSignal<Option<usize>>) -> Picked {
        Picked { now: signal.into(), pick: Callback::new(move |row| signal.set(Some(row))) }
    }
}

/// `picked`: rows can be clicked. `done` is called when all rows are on the page.
#[component]
pub fn SheetTable(
    sheet: SheetMemo,
    hook: &'static str,
    label: &'static str,
    #[prop(optional, into)] picked: Option<Picked>,
    done: fn(Store),
) -> impl IntoView {
    let sort = RwSignal::new(SheetOrder::default());
    let limit = RwSignal::new(PAGE);
    let order =
        Memo::new(move |_| sheet.with(|s| s.as_ref().map(|s| sort.get().apply(s.as_ref()))).unwrap_or_default());
    Effect::new(move |_| {
        sheet.track();
        limit.set(PAGE);
    });
    let generation = generations(move || sheet.with(Option::is_some));
    let drawn = draw_in_batches(generation, order, limit, done);
    let heads = Memo::new(move |_| sheet.with(|s| s.as_ref().map(|s| s.heads())));
    let prefix = Memo::new(move |_| {
        sheet
            .with(|s| {
                let sheet = s.as_deref()?;
                let names = (0..sheet.rows()).filter_map(|row| sheet.facts(row)).map(|facts| facts.name);
                Some(common_prefix(names).to_owned())
            })
            .unwrap_or_default()
    });
    let found = move || order.with(Vec::len);
    let keys = move || {
        let (table, _) = generation.get();
        order.with(|o| o.iter().take(drawn.get()).map(|i| (table, *i)).collect::<Vec<_>>())
    };
    let draw = move |(_, row)| {
        let sheet = sheet.get_untracked()?;
        draw_row(sheet.as_ref(), row, prefix.with_untracked(String::len), hook, picked)
    };
    view! {
        <div class="table-scroll sheet" tabindex="0" role="region" aria-label=label>
            <table class="modules" class:plain=picked.is_none()>
                <thead>
                    <tr>
                        {move || {
                            let heads = heads.get().unwrap_or_default();
                            heads.iter().enumerate().map(|(column, head)| draw_head(sort, column, *head)).collect_view()
                        }}
                    </tr>
                </thead>
                <tbody>
                    <For each=keys key=|key| *key children=draw/>
                </tbody>
            </table>
        </div>
        <Show when=move || prefix.with(|p| !p.is_empty())>
            <p class="small">{move || prefix.with(|p| format!("All in {}", p.trim_end_matches(['.', '_'])))}</p>
        </Show>
        <Show when=move || { found() > limit.get() }>
            <div class="more">
                <button type="button" on:click=move |_| limit.set(found())>"Show all"</button>
                <span class="small">
                    {move || format!("{} of {} are on the page", grouped(limit.get() as u64), plural(found(), "module", "modules"))}
                </span>
            </div>
        </Show>
    }
}

fn draw_head(sort: RwSignal<SheetOrder>, column: usize, head: Head) -> impl IntoView {
    let arrow = move || match sort.get().of(column) {
        None => "",
        Some(Direction::Ascending) => "▴",
        Some(Direction::Descending) => "▾",
    };
    view! {
        <th scope="col" class:text=head.is_text aria-sort=move || sort.get().aria(column)>
            <button
                type="button"
                title=head.help
                on:click=move |_| sort.update(|s| *s = s.clicked(column, head.first))
            >
                {head.label}
                <span class="arrow" aria-hidden="true">{arrow}</span>
            </button>
        </th>
    }
}

/// `prefix` is the length of what the table says once of every name.
fn draw_row(
    sheet: &dyn Sheet,
    row: usize,
    prefix: usize,
    hook: &'static str,
    picked: Option<Picked>,
) -> Option<impl IntoView + use<>> {
    let facts = sheet.facts(row)?;
    let cells = sheet.heads().iter().enumerate().skip(1).map(|(column, head)| {
        let bar = sheet.key(row, column).filter(|_| head.is_share).map(|share| {
            let width = format!("{}%", (share * 100.0).clamp(0.0, 100.0));
            view! { <span class="share" aria-hidden="true"><span style:width=width></span></span> }
        });
        view! { <td class:text=head.is_text>{bar}{sheet.write(row, column)}</td> }
    });
    let cells: Vec<_> = cells.collect();
    let is_picked = move || picked.is_some_and(|picked| picked.now.get() == Some(row));
    let short = facts.name.get(prefix..).unwrap_or(facts.name);
    let is_long = is_long(short);
    let name = breakable(short);
    let name = match picked {
        // The button is for keys; its click reaches the row.
        Some(_) => view! {
            <button type="button" aria-pressed=move || is_picked().to_string() title=facts.name.to_owned()>{name}</button>
        }
        .into_any(),
        None => view! { <code title=facts.name.to_owned()>{name}</code> }.into_any(),
    };
    Some(view! {
        <tr
            class:picked=is_picked
            data-testid=hook
            data-module=facts.name.to_owned()
            data-source=facts.source.map(str::to_owned)
            data-rank=facts.rank.map(|rank| rank.to_string())
            data-kept=facts.kept.map(|kept| kept.to_string())
            data-error=facts.error.map(|error| error.to_string())
            data-cosine=facts.cosine.map(|cosine| cosine.to_string())
            on:click=move |_| {
                if let Some(picked) = picked {
                    picked.pick.run(row);
                }
            }
        >
            <th scope="row" class:long=is_long>{name}</th>
            {cells}
        </tr>
    })
}
