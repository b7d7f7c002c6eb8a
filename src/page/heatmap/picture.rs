//! The heatmap's picture: a canvas of one pixel per cell, under a grid that pointer, keys and screen readers use.

use leptos::html;
use leptos::prelude::*;
use web_sys::{HtmlCanvasElement, KeyboardEvent, MouseEvent};

use super::Heat;
use crate::canvas::{Strip, cell_under, frame, put};
use crate::model::colour::ColourMap;
use crate::model::heat::{self, Cell, row_height};

#[component]
pub fn HeatPicture(heat: Heat) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        if let Some(canvas) = canvas.get() {
            // A picture that cannot be painted leaves the table beside it.
            let _ = paint(&canvas, heat);
        }
    });
    let size = Memo::new(move |_| heat.grid.with(|g| g.as_ref().map_or((0, 0), |g| (g.rows.len(), g.columns.len()))));
    let height = move || format!("{}px", size.get().0 * row_height(size.get().0));
    let labels = move || {
        heat.grid.with(|g| {
            let rows = g.iter().flat_map(|g| g.rows.iter());
            rows.map(|r| view! { <span title=r.path.clone()>{r.label.clone()}</span> }).collect_view()
        })
    };
    let ticks = move || {
        let ticks = heat.grid.with(|g| g.as_ref().map(|g| heat::column_ticks(g, 9))).unwrap_or_default();
        let tick = |(at, name): (f64, String)| view! { <span style:left=format!("{}%", at * 100.0)>{name}</span> };
        ticks.into_iter().map(tick).collect_view()
    };
    let stacked = move || heat.grid.with(|g| g.as_ref().is_some_and(|g| !g.stretches().is_empty()));
    view! {
        <div class="heat-scroll">
            <div class="heat" style=("--columns", move || size.get().1.to_string())>
                <div class="heat-rows" aria-hidden="true" style:height=height>{labels}</div>
                <Cells heat canvas size/>
                <div class="heat-corner" aria-hidden="true">{move || if stacked() { "part" } else { "layer" }}</div>
                <div class="heat-columns" aria-hidden="true">{ticks}</div>
            </div>
        </div>
    }
}

/// The grid itself: one tab stop, and one real cell where the keys are.
#[component]
fn Cells(heat: Heat, canvas: NodeRef<html::Canvas>, size: Memo<(usize, usize)>) -> impl IntoView {
    let spoken = RwSignal::new(String::new());
    let show = move |cell: Cell| {
        let module = heat.grid.with_untracked(|g| g.as_ref()?.module_at(cell.row, cell.column));
        if let Some(module) = module {
            heat.module.pick.run(module);
        }
    };
    let on_key = move |event: KeyboardEvent| {
        let cell = heat.cursor.get_untracked();
        if matches!(event.key().as_str(), "Enter" | " ") {
            event.prevent_default();
            show(cell);
            return;
        }
        let control = event.ctrl_key() || event.meta_key();
        let next = heat.grid.with_untracked(|g| heat::step(g.as_ref()?, cell, &event.key(), control));
        if let Some(next) = next {
            event.prevent_default();
            heat.cursor.set(next);
            heat.hover.set(Some(next));
            spoken.set(untrack(|| heat.read_out(next)));
        }
    };
    let under = move |event: &MouseEvent| cell_under(event, size.get_untracked());
    let framed = move |side: usize, cell: Option<Cell>| {
        let [left, top, width, height] = frame(cell?, size.get());
        [left, top, width, height].into_iter().nth(side)
    };
    let cursor = move || Some(heat.cursor.get());
    let height = move || format!("{}px", size.get().0 * row_height(size.get().0));
    // Lines between the stacks.
    let splits = move || {
        let splits = heat.grid.with(|g| g.as_ref().map(|g| heat::splits(g))).unwrap_or_default();
        let line =
            |at: f64| view! { <i class="heat-split" aria-hidden="true" style:left=format!("{}%", at * 100.0)></i> };
        splits.into_iter().map(line).collect_view()
    };
    view! {
        <div
            class="heat-grid"
            data-testid=heat.name
            role="grid"
            tabindex="0"
            aria-label="Heatmap of layers and modules. Arrow keys move, Enter brings a cell’s module into view."
            aria-rowcount=move || size.get().0.to_string()
            aria-colcount=move || size.get().1.to_string()
            aria-activedescendant=format!("{}-cell", heat.name)
            style:height=height
            on:keydown=on_key
            on:blur=move |_| heat.hover.set(None)
            on:mousemove=move |event| heat.hover.set(under(&event))
            on:mouseleave=move |_| heat.hover.set(None)
            on:click=move |event| {
                if let Some(cell) = under(&event) {
                    heat.cursor.set(cell);
                    show(cell);
                }
            }
        >
            <canvas node_ref=canvas aria-hidden="true"></canvas>
            {splits}
            <div role="row" aria-rowindex=move || (heat.cursor.get().row + 1).to_string()>
                <div
                    id=format!("{}-cell", heat.name)
                    class="heat-cursor"
                    role="gridcell"
                    aria-colindex=move || (heat.cursor.get().column + 1).to_string()
                    aria-selected=move || (heat.picked() == cursor()).to_string()
                    aria-label=move || heat.read_out(heat.cursor.get())
                    style:left=move || framed(0, cursor())
                    style:top=move || framed(1, cursor())
                    style:width=move || framed(2, cursor())
                    style:height=move || framed(3, cursor())
                ></div>
            </div>
            <div
                class="heat-picked"
                aria-hidden="true"
                hidden=move || heat.picked().is_none()
                style:left=move || framed(0, heat.picked())
                style:top=move || framed(1, heat.picked())
                style:width=move || framed(2, heat.picked())
                style:height=move || framed(3, heat.picked())
            ></div>
        </div>
        <span class="visually-hidden" aria-live="polite">{move || spoken.get()}</span>
    }
}

fn paint(canvas: &HtmlCanvasElement, heat: Heat) -> Option<()> {
    let map = ColourMap::new(heat.palette(), heat.store.dark.get());
    let (field, scale, grid) = (heat.field.get()?, heat.scale.get(), heat.grid.get()?);
    let pixels = heat::pixels(&grid, field.as_ref(), scale, &map);
    put(canvas, &pixels, grid.columns.len(), grid.rows.len())
}

/// The colours with their numbers and unit, and the colour of nothing.
#[component]
pub fn Legend(heat: Heat) -> impl IntoView {
    let map = Memo::new(move |_| ColourMap::new(heat.palette(), heat.store.dark.get()));
    let words = Memo::new(move |_| {
        let scale = heat.scale.get();
        heat.field.with(|f| f.as_ref().map(|f| heat::legend(f.as_ref(), scale)))
    });
    let say = move |part: fn(heat::Legend) -> String| words.get().map(part);
    view! {
        <div class="legend small">
            <span>{move || say(|l| l.low)}</span>
            <Strip map/>
            <span>{move || say(|l| format!("{} {}{}", l.high, l.unit, l.scale))}</span>
            <span class="legend-none"><i aria-hidden="true"></i>{move || say(|l| l.gap.to_owned())}</span>
        </div>
    }
}
