//! The bundled sample adapter, fetched from beside the page and loaded like a drop.

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, Response};

use super::browser::{array_of, words};
use super::drop;
use super::store::Store;
use super::wire::Wire;

/// Folder of the sample, which names it.
const FOLDER: &str = "llama-mini-lora";
const FILES: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];

pub fn load(store: Store, wire: Wire) {
    spawn_local(async move {
        let mut files = Vec::new();
        for name in FILES {
            match fetch(name).await {
                Ok(file) => files.push((format!("{FOLDER}/{name}"), file)),
                Err(error) => {
                    let text = format!(
                        "The sample’s {name} could not be fetched from this site: {}. Your own adapters need no \
                         network.",
                        words(&error)
                    );
                    return store.state.update(|s| s.page_problem(true, text));
                }
            }
        }
        drop::send(store, wire, files);
    });
}

async fn fetch(name: &str) -> Result<File, JsValue> {
    let response = JsFuture::from(window().fetch_with_str(&format!("./sample/{FOLDER}/{name}"))).await?;
    let response: Response = response.dyn_into()?;
    if !response.ok() {
        return Err(format!("the server answered {}", response.status()).into());
    }
    let blob = JsFuture::from(response.blob()?).await?;
    File::new_with_blob_sequence(&array_of(&blob), name)
}
