//! The picture of φ(i, j): a canvas of one pixel per cell, under a grid that pointer, keys and screen readers use.

use leptos::html;
use leptos::prelude::*;
use web_sys::{KeyboardEvent, MouseEvent};

use crate::canvas::{cell_under, frame, put};
use crate::model::colour::ColourMap;
use crate::model::comparison::overlap::{Overlap, ticks};
use crate::model::heat::{Cell, step_among};

#[component]
pub fn Picture(overlap: Memo<Option<Overlap>>, map: Memo<ColourMap>) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        let (Some(canvas), Some(overlap)) = (canvas.get(), overlap.get()) else { return };
        // A picture that cannot be painted leaves the table beside it.
        let _ = map.with(|map| put(&canvas, &overlap.pixels(map), overlap.columns(), overlap.rows()));
    });
    let size = Memo::new(move |_| overlap.with(|o| o.as_ref().map_or((0, 0), |o| (o.rows(), o.columns()))));
    let cell = move |side: usize, n: usize| {
        let cell = overlap.with(|o| o.as_ref().map_or([0.0; 2], Overlap::cell));
        format!("{}px", (cell[side] * n as f64).round())
    };
    let height = move || cell(0, size.get().0);
    let width = move || cell(1, size.get().1);
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
                <Cells canvas size cursor hover read_out=Callback::new(read_out) height=Signal::derive(height) width=Signal::derive(width)/>
                <div class="overlap-columns" aria-hidden="true" style:width=width>{move || along(false)}</div>
                <div class="overlap-name across" aria-hidden="true">"j of B"</div>
            </div>
        </div>
        <p class="readout" aria-hidden="true">{move || read_out(hover.get().unwrap_or_else(|| cursor.get()))}</p>
    }
}

/// The grid itself: one tab stop, and one real cell where the keys are.
#[component]
fn Cells(
    canvas: NodeRef<html::Canvas>,
    size: Memo<(usize, usize)>,
    cursor: RwSignal<Cell>,
    hover: RwSignal<Option<Cell>>,
    read_out: Callback<Cell, String>,
    height: Signal<String>,
    width: Signal<String>,
) -> impl IntoView {
    let spoken = RwSignal::new(String::new());
    let on_key = move |event: KeyboardEvent| {
        let (rows, columns) = size.get_untracked();
        let control = event.ctrl_key() || event.meta_key();
        if let Some(next) = step_among([rows, columns], cursor.get_untracked(), &event.key(), control) {
            event.prevent_default();
            cursor.set(next);
            hover.set(None);
            spoken.set(untrack(|| read_out.run(next)));
        }
    };
    let under = move |event: &MouseEvent| cell_under(event, size.get_untracked());
    let framed = move |side: usize| frame(cursor.get(), size.get()).into_iter().nth(side);
    view! {
        <div
            class="heat-grid"
            data-testid="overlap-grid"
            role="grid"
            tabindex="0"
            aria-label="φ(i, j): i directions of A down, j directions of B across. Arrow keys move."
            aria-rowcount=move || size.get().0.to_string()
            aria-colcount=move || size.get().1.to_string()
            aria-activedescendant="overlap-cell"
            style:height=height
            style:width=width
            on:keydown=on_key
            on:mousemove=move |event| hover.set(under(&event))
            on:mouseleave=move |_| hover.set(None)
            on:click=move |event| {
                if let Some(cell) = under(&event) {
                    cursor.set(cell);
                }
            }
        >
            <canvas node_ref=canvas aria-hidden="true"></canvas>
            <div role="row" aria-rowindex=move || (cursor.get().row + 1).to_string()>
                <div
                    id="overlap-cell"
                    class="heat-cursor"
                    role="gridcell"
                    aria-colindex=move || (cursor.get().column + 1).to_string()
                    aria-label=move || read_out.run(cursor.get())
                    style:left=move || framed(0)
                    style:top=move || framed(1)
                    style:width=move || framed(2)
                    style:height=move || framed(3)
                ></div>
            </div>
        </div>
        <span class="visually-hidden" aria-live="polite">{move || spoken.get()}</span>
    }
}
