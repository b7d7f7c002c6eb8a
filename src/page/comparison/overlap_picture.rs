//! The picture of φ(i, j): a canvas of one pixel per cell, under a grid that pointer, keys and screen readers use.

use leptos::html;
use leptos::prelude::*;

use crate::canvas::{CellGrid, put};
use crate::model::colour::ColourMap;
use crate::model::comparison::overlap::{Overlap, ticks};
use crate::model::heat::Cell;

#[component]
pub fn Picture(overlap: Memo<Option<Overlap>>, map: Memo<ColourMap>) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        let (Some(canvas), Some(overlap)) = (canvas.get(), overlap.get()) else { return };
        // A picture that cannot be painted leaves the table beside it.
        let _ = map.with(|map| put(&canvas, [overlap.rows(), overlap.columns()], |cell| overlap.colour(cell, map)));
    });
    let size = Memo::new(move |_| overlap.with(|o| o.as_ref().map_or((0, 0), |o| (o.rows(), o.columns()))));
    let cell = move |side: usize, n: usize| {
        let cell = overlap.with(|o| o.as_ref().map_or([0.0; 2], Overlap::cell));
        format!("{}px", (cell[side] * n as f64).round())
    };
    let height = Signal::derive(move || cell(0, size.get().0));
    let width = Signal::derive(move || cell(1, size.get().1));
    let (cursor, hover) = (RwSignal::new(Cell::default()), RwSignal::new(None::<Cell>));
    // Another module may have fewer directions.
    Effect::new(move |_| {
        let (rows, columns) = size.get();
        cursor.update(|c| {
            (c.row, c.column) = (c.row.min(rows.saturating_sub(1)), c.column.min(columns.saturating_sub(1)));
        });
    });
    let read_out = move |cell: Cell| overlap.with(|o| o.as_ref().map(|o| o.read_out(cell))).unwrap_or_default();
    let along = move |rows: bool| {
        let n = if rows { size.get().0 } else { size.get().1 };
        let tick = |(at, i): (f64, usize)| {
            let at = format!("{}%", at * 100.0);
            let (left, top) = if rows { (None, Some(at)) } else { (Some(at), None) };
            view! { <span style:left=left style:top=top>{i}</span> }
        };
        ticks(n).into_iter().map(tick).collect_view()
    };
    view! {
        <div class="heat-scroll">
            <div class="overlap">
                <div class="overlap-name down" aria-hidden="true">"i of A"</div>
                <div class="overlap-rows" aria-hidden="true" style:height=height>{move || along(true)}</div>
                <CellGrid
                    hook="overlap-grid"
                    id="overlap-cell".to_owned()
                    label="φ(i, j): i directions of A down, j directions of B across. Arrow keys move."
                    canvas
                    size
                    cursor
                    hover
                    read_out
                    height
                    width
                    picked=None
                />
                <div class="overlap-columns" aria-hidden="true" style:width=width>{move || along(false)}</div>
                <div class="overlap-name across" aria-hidden="true">"j of B"</div>
            </div>
        </div>
        <p class="readout" aria-hidden="true">{move || read_out(hover.get().unwrap_or_else(|| cursor.get()))}</p>
    }
}
