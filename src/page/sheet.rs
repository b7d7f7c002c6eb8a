//! A table of modules that is sorted by its heads and drawn in pieces.

use std::sync::Arc;

use leptos::prelude::*;

use super::batches::{draw_in_batches, generations};
use super::model::column::{Description, Direction};
use super::model::number::{grouped, plural};
use super::model::sheet::{PAGE, Sheet, SheetOrder, common_prefix};
use super::store::{Store, shared_memo};

/// The sheet that a table shows now.
pub type SheetMemo = Memo<Option<Arc<dyn Sheet>>>;

/// A memo of what `derive` makes; sheets are compared by identity.
pub fn sheet_memo<T: Sheet + 'static>(derive: impl Fn() -> Option<Arc<T>> + Send + Sync + 'static) -> SheetMemo {
    shared_memo(move || derive().map(|sheet| sheet as Arc<dyn Sheet>))
}

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

/// The module in view.
impl From<Store> for Picked {
    fn from(store: Store) -> Picked {
        Picked { now: store.module.into(), pick: Callback::new(move |module| store.pick(module)) }
    }
}

/// What of a sheet is on the page.
#[derive(Clone, Copy)]
pub struct SheetView {
    sheet: SheetMemo,
    sort: RwSignal<SheetOrder>,
    /// The rows that the filter finds, in order.
    order: Memo<Vec<usize>>,
    /// How many of them are on the page at most.
    limit: RwSignal<usize>,
    /// What the names of all rows begin with: said once.
    pub prefix: Memo<String>,
}

impl SheetView {
    pub fn new(sheet: SheetMemo, sort: RwSignal<SheetOrder>, filter: RwSignal<String>) -> SheetView {
        let limit = RwSignal::new(PAGE);
        let rows = move |sheet: &dyn Sheet| filter.with(|filter| sort.get().apply(sheet, filter));
        let order = Memo::new(move |_| sheet.with(|s| s.as_deref().map(rows)).unwrap_or_default());
        let prefix =
            Memo::new(move |_| sheet.with(|s| s.as_deref().map(|s| common_prefix(s).to_owned())).unwrap_or_default());
        // Another sheet, another filter: back to the first page.
        Effect::new(move |_| {
            sheet.track();
            filter.track();
            limit.set(PAGE);
        });
        SheetView { sheet, sort, order, limit, prefix }
    }

    pub fn found(self) -> usize {
        self.order.with(Vec::len)
    }

    pub fn all(self) -> usize {
        self.sheet.with(|sheet| sheet.as_ref().map_or(0, |sheet| sheet.rows()))
    }
}

/// A whole sheet. `picked`: rows can be clicked. `done` is called when the first rows are on the page.
#[component]
pub fn SheetTable(
    sheet: SheetMemo,
    hook: &'static str,
    label: &'static str,
    #[prop(optional, into)] picked: Option<Picked>,
    done: fn(Store),
) -> impl IntoView {
    let view = SheetView::new(sheet, RwSignal::default(), RwSignal::default());
    let prefix = view.prefix;
    view! {
        <SheetRows view hook label picked done/>
        <Show when=move || prefix.with(|p| !p.is_empty())>
            <p class="small">{move || prefix.with(|p| format!("All in {}", p.trim_end_matches(['.', '_'])))}</p>
        </Show>
        <ShowMore view/>
    }
}

/// The rows of a sheet below their heads; `children` stand below them.
#[component]
pub fn SheetRows(
    view: SheetView,
    hook: &'static str,
    label: &'static str,
    picked: Option<Picked>,
    done: fn(Store),
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let SheetView { sheet, sort, order, limit, prefix } = view;
    let generation = generations(move || sheet.with(Option::is_some));
    let drawn = draw_in_batches(generation, order, limit, done);
    let heads = Memo::new(move |_| sheet.with(|s| s.as_ref().map(|s| s.heads())).unwrap_or_default());
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
                    <tr>{move || heads.get().into_iter().map(|head| draw_head(sort, head)).collect_view()}</tr>
                </thead>
                <tbody>
                    <For each=keys key=|key| *key children=draw/>
                </tbody>
            </table>
            {children.map(|children| children())}
        </div>
    }
}

/// Puts more of the rows onto the page: `step` at a time, or all.
#[component]
pub fn ShowMore(view: SheetView, #[prop(optional)] step: Option<usize>) -> impl IntoView {
    let limit = view.limit;
    let left = move || view.found().saturating_sub(limit.get());
    let next = move || left().min(step.unwrap_or(usize::MAX));
    let label = move || step.map_or_else(|| "Show all".to_owned(), |_| format!("Show {} more", next()));
    view! {
        <Show when=move || { left() > 0 }>
            <div class="more">
                <button type="button" on:click=move |_| limit.set(limit.get() + next())>{label}</button>
                <span class="small">
                    {move || format!("{} of {} are on the page", grouped(limit.get() as u64), plural(view.found(), "module", "modules"))}
                </span>
            </div>
        </Show>
    }
}

fn draw_head(sort: RwSignal<SheetOrder>, head: &'static Description) -> impl IntoView {
    let arrow = move || match sort.get().of(head) {
        None => "",
        Some(Direction::Ascending) => "▴",
        Some(Direction::Descending) => "▾",
    };
    view! {
        <th scope="col" class:text=head.is_text aria-sort=move || sort.get().aria(head)>
            <button type="button" title=head.hint on:click=move |_| sort.update(|s| *s = s.clicked(head))>
                {head.head}
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
    let cells = sheet.heads().into_iter().enumerate().skip(1).map(|(column, head)| {
        let bar = sheet.value(row, column).filter(|_| head.is_share).map(|share| {
            let width = format!("{}%", (share * 100.0).clamp(0.0, 100.0));
            view! { <span class="share" aria-hidden="true"><span style:width=width></span></span> }
        });
        view! { <td class:text=head.is_text title=sheet.title(row, column)>{bar}{sheet.write(row, column)}</td> }
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

/// Names up to this length fit beside the other columns.
const SHORT: usize = 28;

/// Whether a name goes on in the next line.
fn is_long(name: &str) -> bool {
    name.len() > SHORT
}

/// A name; a long one may go on in the next line behind a dot or an underscore.
fn breakable(name: &str) -> AnyView {
    if !is_long(name) {
        return name.to_owned().into_any();
    }
    let parts = name.split_inclusive(['.', '_', '/']).map(|part| view! { {part.to_owned()}<wbr/> });
    parts.collect_view().into_any()
}
