//! Small things asked of the browser. Storage and clipboard may be refused: that is never an error here.

use js_sys::{Array, Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, HtmlElement, Url};

/// Milliseconds since the page began.
pub fn now_ms() -> f64 {
    leptos::prelude::window().performance().map_or(0.0, |p| p.now())
}

/// Puts a duration that ends now on the browser's timeline, where its own tools show it.
pub fn measure(name: &str, ms: f64) {
    let options = js_sys::Object::new();
    let end = now_ms();
    let set = |key: &str, value: f64| Reflect::set(&options, &key.into(), &value.into());
    let Ok(performance) = Reflect::get(&leptos::prelude::window(), &"performance".into()) else { return };
    let measure = Reflect::get(&performance, &"measure".into()).ok().and_then(|f| f.dyn_into::<Function>().ok());
    // Figures for whoever looks: nothing is lost where a browser refuses them.
    if let (Ok(_), Ok(_), Some(measure)) = (set("start", (end - ms).max(0.0)), set("duration", ms), measure) {
        let _ = measure.call2(&performance, &name.into(), &options);
    }
}

/// The decoded values of one name in the address' query.
pub fn query(name: &str) -> Vec<String> {
    let search = leptos::prelude::window().location().search().unwrap_or_default();
    let Ok(params) = web_sys::UrlSearchParams::new_with_str(&search) else { return Vec::new() };
    params.get_all(name).iter().filter_map(|v| v.as_string()).collect()
}

pub fn stored(key: &str) -> Option<String> {
    leptos::prelude::window().local_storage().ok()??.get_item(key).ok()?
}

pub fn store(key: &str, value: Option<&str>) {
    let Ok(Some(storage)) = leptos::prelude::window().local_storage() else { return };
    // A full or forbidden storage only means that the choice is not remembered.
    let _ = match value {
        Some(value) => storage.set_item(key, value),
        None => storage.remove_item(key),
    };
}

/// Copies a text; false where the browser refuses.
pub async fn copy(text: &str) -> bool {
    let navigator = leptos::prelude::window().navigator();
    // Absent on pages that are not served securely.
    let present = Reflect::get(&navigator, &"clipboard".into()).is_ok_and(|c| c.is_object());
    present && JsFuture::from(navigator.clipboard().write_text(text)).await.is_ok()
}

/// A file of one text.
///
/// # Errors
/// What the browser says.
pub fn text_blob(text: &str, mime: &str) -> Result<Blob, JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type(mime);
    Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &options)
}

/// Saves a blob under a name, as a download.
///
/// # Errors
/// What the browser says.
pub fn download(blob: &Blob, file_name: &str) -> Result<(), JsValue> {
    let document = leptos::prelude::document();
    let url = Url::create_object_url_with_blob(blob)?;
    let link: web_sys::HtmlAnchorElement = document.create_element("a")?.dyn_into()?;
    link.set_href(&url);
    link.set_download(file_name);
    link.click();
    // Not at once: the browser may still be opening it.
    let later = move || {
        let _ = Url::revoke_object_url(&url);
    };
    leptos::prelude::set_timeout(later, std::time::Duration::from_secs(60));
    Ok(())
}

/// Is the person typing, so that single keys are text?
pub fn typing(target: Option<web_sys::EventTarget>) -> bool {
    let Some(element) = target.and_then(|t| t.dyn_into::<HtmlElement>().ok()) else { return false };
    matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT") || element.is_content_editable()
}

/// Moves the focus to the element of this id, if it is on the page.
pub fn focus(id: &str) {
    let element = leptos::prelude::document().get_element_by_id(id);
    if let Some(element) = element.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        // It is refused only by what has no focus.
        let _ = element.focus();
    }
}

/// What a JavaScript error says, for a person.
pub fn words(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|m| m.as_string());
    message.or_else(|| error.as_string()).unwrap_or_else(|| format!("{error:?}"))
}

/// One array of two, for calls that take `[value]`.
pub fn array_of(value: &JsValue) -> Array {
    Array::of1(value)
}
