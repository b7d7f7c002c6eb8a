//! The heatmap's picture: a canvas of one pixel per cell, under a grid that pointer, keys and screen readers use.

use leptos::html;
use leptos::prelude::*;
use web_sys::HtmlCanvasElement;

use super::Heat;
use crate::canvas::{CellGrid, PickedCell, Strip, put};
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
    let height = Signal::derive(move || format!("{}px", size.get().0 * row_height(size.get().0)));
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
    // Lines between the stacks.
    let splits = move || {
        let splits = heat.grid.with(|g| g.as_ref().map(|g| heat::splits(g))).unwrap_or_default();
        let line =
            |at: f64| view! { <i class="heat-split" aria-hidden="true" style:left=format!("{}%", at * 100.0)></i> };
        splits.into_iter().map(line).collect_view()
    };
    let pick = move |cell: Cell| {
        let module = heat.grid.with_untracked(|g| g.as_ref()?.module_at(cell.row, cell.column));
        if let Some(module) = module {
            heat.module.pick.run(module);
        }
    };
    let picked = PickedCell { now: Signal::derive(move || heat.picked()), pick: Callback::new(pick) };
    view! {
        <div class="heat-scroll">
            <div class="heat" style=("--columns", move || size.get().1.to_string())>
                <div class="heat-rows" aria-hidden="true" style:height=height>{labels}</div>
                <CellGrid
                    hook=heat.name
                    id=format!("{}-cell", heat.name)
                    label="Heatmap of layers and modules. Arrow keys move, Enter brings a cell’s module into view."
                    canvas
                    size
                    cursor=heat.cursor
                    hover=heat.hover
                    read_out=move |cell| heat.read_out(cell)
                    height
                    picked=Some(picked)
                >
                    {splits}
                </CellGrid>
                <div class="heat-corner" aria-hidden="true">{move || if stacked() { "part" } else { "layer" }}</div>
                <div class="heat-columns" aria-hidden="true">{ticks}</div>
            </div>
        </div>
    }
}

fn paint(canvas: &HtmlCanvasElement, heat: Heat) -> Option<()> {
    let map = ColourMap::new(heat.palette(), heat.store.dark.get());
    let (field, scale, grid) = (heat.field.get()?, heat.scale.get(), heat.grid.get()?);
    let size = [grid.rows.len(), grid.columns.len()];
    put(canvas, size, |cell| heat::colour(&grid, field.as_ref(), scale, &map, cell))
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
