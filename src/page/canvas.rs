//! Pictures of one pixel per cell: painting them, and finding the cell under the pointer.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData, MouseEvent};

use super::model::colour::ColourMap;
use super::model::heat::Cell;

/// Puts RGBA pixels, row by row, onto a canvas of just their size. `None` where the browser has no canvas: the table
/// beside every picture is left.
pub fn put(canvas: &HtmlCanvasElement, pixels: &[u8], width: usize, height: usize) -> Option<()> {
    let (width, height) = (width as u32, height as u32);
    canvas.set_width(width);
    canvas.set_height(height);
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    let image = ImageData::new_with_u8_clamped_array_and_sh(Clamped(pixels), width, height).ok()?;
    context.put_image_data(&image, 0.0, 0.0).ok()
}

/// The cell under the pointer, of a picture that fills the event's element.
pub fn cell_under(event: &MouseEvent, (rows, columns): (usize, usize)) -> Option<Cell> {
    let rect = event.current_target()?.dyn_into::<web_sys::Element>().ok()?.get_bounding_client_rect();
    let place = |at: f64, from: f64, width: f64, n: usize| {
        (width > 0.0 && at >= from).then(|| ((at - from) / width * n as f64) as usize).filter(|i| *i < n)
    };
    let row = place(f64::from(event.client_y()), rect.top(), rect.height(), rows)?;
    let column = place(f64::from(event.client_x()), rect.left(), rect.width(), columns)?;
    Some(Cell { row, column })
}

/// Left, top, width and height of a cell, in percent of the picture.
pub fn frame(cell: Cell, (rows, columns): (usize, usize)) -> [String; 4] {
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
        let colour = |i: usize| map.with(|map| map.at(i as f64 / (STEPS - 1) as f64));
        let pixels: Vec<u8> = (0..STEPS).map(colour).flat_map(|[r, g, b]| [r, g, b, 255]).collect();
        let _ = put(&canvas, &pixels, STEPS, 1);
    });
    view! { <canvas class="legend-strip" node_ref=strip aria-hidden="true"></canvas> }
}
