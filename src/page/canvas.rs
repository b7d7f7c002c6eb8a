//! Pictures of one pixel per cell: painting them, and the grid above them that pointer, keys and screen readers use.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData, KeyboardEvent, MouseEvent};

use super::model::colour::{ColourMap, Rgb, pixels};
use super::model::heat::{Cell, step};

/// Puts coloured cells, one pixel each, onto a canvas of just their size. `None` where the browser has no canvas: the
/// table beside every picture is left.
pub fn put(canvas: &HtmlCanvasElement, size: [usize; 2], colour: impl Fn([usize; 2]) -> Option<Rgb>) -> Option<()> {
    let [height, width] = size.map(|n| n as u32);
    let pixels = pixels(size, colour);
    canvas.set_width(width);
    canvas.set_height(height);
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    let image = ImageData::new_with_u8_clamped_array_and_sh(Clamped(&pixels), width, height).ok()?;
    context.put_image_data(&image, 0.0, 0.0).ok()
}

/// The cell under the pointer, of a picture that fills the event's element.
fn cell_under(event: &MouseEvent, (rows, columns): (usize, usize)) -> Option<Cell> {
    let rect = event.current_target()?.dyn_into::<web_sys::Element>().ok()?.get_bounding_client_rect();
    let place = |at: f64, from: f64, width: f64, n: usize| {
        (width > 0.0 && at >= from).then(|| ((at - from) / width * n as f64) as usize).filter(|i| *i < n)
    };
    let row = place(f64::from(event.client_y()), rect.top(), rect.height(), rows)?;
    let column = place(f64::from(event.client_x()), rect.left(), rect.width(), columns)?;
    Some(Cell { row, column })
}

/// Left, top, width and height of a cell, in percent of the picture.
fn frame(cell: Cell, (rows, columns): (usize, usize)) -> [String; 4] {
    let percent = |part: usize, whole: usize| format!("{}%", part as f64 / whole.max(1) as f64 * 100.0);
    [percent(cell.column, columns), percent(cell.row, rows), percent(1, columns), percent(1, rows)]
}

/// The colours of a legend, lowest first.
#[component]
pub fn Strip(#[prop(into)] map: Signal<ColourMap>) -> impl IntoView {
    const STEPS: usize = 128;
    let strip = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        let Some(canvas) = strip.get() else { return };
        let _ = map.with(|map| put(&canvas, [1, STEPS], |[_, i]| Some(map.at(i as f64 / (STEPS - 1) as f64))));
    });
    view! { <canvas class="legend-strip" node_ref=strip aria-hidden="true"></canvas> }
}

/// The cell that is picked, and what a click on another does.
#[derive(Clone, Copy)]
pub struct PickedCell {
    pub now: Signal<Option<Cell>>,
    pub pick: Callback<Cell>,
}

/// The grid itself: one tab stop, and one real cell where the keys are. `children` lie on the picture.
#[component]
pub fn CellGrid(
    hook: &'static str,
    /// Of the one real cell.
    id: String,
    /// What the grid is and does, for a screen reader.
    label: &'static str,
    canvas: NodeRef<html::Canvas>,
    /// Rows and columns.
    size: Memo<(usize, usize)>,
    /// Where the keys are.
    cursor: RwSignal<Cell>,
    /// Where the pointer is.
    hover: RwSignal<Option<Cell>>,
    /// A cell in words.
    #[prop(into)]
    read_out: Callback<Cell, String>,
    height: Signal<String>,
    #[prop(optional)] width: Option<Signal<String>>,
    picked: Option<PickedCell>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let active = id.clone();
    let spoken = RwSignal::new(String::new());
    let on_key = move |event: KeyboardEvent| {
        let cell = cursor.get_untracked();
        if let Some(picked) = picked.filter(|_| matches!(event.key().as_str(), "Enter" | " ")) {
            event.prevent_default();
            picked.pick.run(cell);
            return;
        }
        let (rows, columns) = size.get_untracked();
        let control = event.ctrl_key() || event.meta_key();
        if let Some(next) = step([rows, columns], cell, &event.key(), control) {
            event.prevent_default();
            cursor.set(next);
            hover.set(Some(next));
            spoken.set(untrack(|| read_out.run(next)));
        }
    };
    let under = move |event: &MouseEvent| cell_under(event, size.get_untracked());
    let framed = move |side: usize, cell: Option<Cell>| frame(cell?, size.get()).into_iter().nth(side);
    let at_cursor = move |side| framed(side, Some(cursor.get()));
    let mark = picked.map(|PickedCell { now, .. }| {
        view! {
            <div
                class="heat-picked"
                aria-hidden="true"
                hidden=move || now.get().is_none()
                style:left=move || framed(0, now.get())
                style:top=move || framed(1, now.get())
                style:width=move || framed(2, now.get())
                style:height=move || framed(3, now.get())
            ></div>
        }
    });
    view! {
        <div
            class="heat-grid"
            data-testid=hook
            role="grid"
            tabindex="0"
            aria-label=label
            aria-rowcount=move || size.get().0.to_string()
            aria-colcount=move || size.get().1.to_string()
            aria-activedescendant=active
            style:height=height
            style:width=move || width.map(|width| width.get())
            on:keydown=on_key
            on:blur=move |_| hover.set(None)
            on:mousemove=move |event| hover.set(under(&event))
            on:mouseleave=move |_| hover.set(None)
            on:click=move |event| {
                if let Some(cell) = under(&event) {
                    cursor.set(cell);
                    if let Some(picked) = picked {
                        picked.pick.run(cell);
                    }
                }
            }
        >
            <canvas node_ref=canvas aria-hidden="true"></canvas>
            {children.map(|children| children())}
            <div role="row" aria-rowindex=move || (cursor.get().row + 1).to_string()>
                <div
                    id=id
                    class="heat-cursor"
                    role="gridcell"
                    aria-colindex=move || (cursor.get().column + 1).to_string()
                    aria-selected=move || picked.map(|picked| (picked.now.get() == Some(cursor.get())).to_string())
                    aria-label=move || read_out.run(cursor.get())
                    style:left=move || at_cursor(0)
                    style:top=move || at_cursor(1)
                    style:width=move || at_cursor(2)
                    style:height=move || at_cursor(3)
                ></div>
            </div>
            {mark}
        </div>
        <span class="visually-hidden" aria-live="polite">{move || spoken.get()}</span>
    }
}
