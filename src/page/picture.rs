//! Saving a picture: two buttons, and the way from SVG to PNG.

use js_sys::Promise;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, CanvasRenderingContext2d, HtmlCanvasElement, HtmlImageElement, Url};

use super::browser::{download, text_blob, words};
use super::model::picture::theme::Theme;
use super::model::picture::{Picture, png_size};
use super::store::{Store, use_store};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

/// Buttons that save what `draw` draws, in the page's colours. `what` names the picture: "the spectrum".
#[component]
pub fn SavePicture(
    what: &'static str,
    draw: impl Fn(&Theme) -> Option<Picture> + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let store = use_store();
    let save = move |format: Format| {
        let theme = Theme::of(store.dark.get_untracked());
        if let Some(picture) = untrack(|| draw(&theme)) {
            spawn_local(save(store, picture, format));
        }
    };
    let button = move |format: Format| {
        let (hook, label) = if format == Format::Svg { ("export-svg", "SVG") } else { ("export-png", "PNG") };
        let name = format!("Save {what} as {label}");
        view! {
            <button
                type="button"
                class="quiet"
                data-testid=hook
                title=name.clone()
                aria-label=name
                on:click=move |_| save(format)
            >
                {label}
            </button>
        }
    };
    view! { <span class="save-picture"><span class="small" aria-hidden="true">"Save as"</span>{button(Format::Svg)}{button(Format::Png)}</span> }
}

async fn save(store: Store, picture: Picture, format: Format) {
    let Picture { stem, svg, .. } = &picture;
    let (name, blob) = match format {
        Format::Svg => (format!("{stem}.svg"), svg_blob(svg)),
        Format::Png => (format!("{stem}.png"), png(&picture).await),
    };
    if let Err(error) = blob.and_then(|blob| download(&blob, &name)) {
        let text = format!("{name} could not be saved: {}", words(&error));
        store.state.update(|s| s.page_problem(false, text));
    }
}

fn svg_blob(svg: &str) -> Result<Blob, JsValue> {
    text_blob(svg, "image/svg+xml")
}

/// The browser draws the SVG, larger, onto a canvas.
async fn png(picture: &Picture) -> Result<Blob, JsValue> {
    let [width, height] = png_size(picture);
    let image = HtmlImageElement::new()?;
    image.set_width(width);
    image.set_height(height);
    let url = Url::create_object_url_with_blob(&svg_blob(&picture.svg)?)?;
    image.set_src(&url);
    let decoded = JsFuture::from(image.decode()).await;
    let drawn = decoded.and_then(|_| {
        let canvas: HtmlCanvasElement = document().create_element("canvas")?.dyn_into()?;
        canvas.set_width(width);
        canvas.set_height(height);
        let context = canvas.get_context("2d")?.ok_or("this browser has no canvas")?;
        let context: CanvasRenderingContext2d = context.dyn_into()?;
        let (wide, high) = (f64::from(width), f64::from(height));
        context.draw_image_with_html_image_element_and_dw_and_dh(&image, 0.0, 0.0, wide, high)?;
        Ok(canvas)
    });
    // A refusal only keeps the text in memory until the page goes.
    let _ = Url::revoke_object_url(&url);
    let canvas = drawn?;
    let mut refused = None;
    let made = Promise::new(&mut |resolve, _| {
        let taken = Closure::once_into_js(move |blob: JsValue| resolve.call1(&JsValue::NULL, &blob));
        refused = canvas.to_blob(taken.unchecked_ref()).err();
    });
    if let Some(error) = refused {
        return Err(error);
    }
    // Null where the canvas is too large for this browser.
    JsFuture::from(made).await?.dyn_into().map_err(|_| "the picture is too large for this browser".into())
}
