//! Workers of the engine's own, under the page's policy and with the page's files: `www/engine_loader.js` starts them.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Worker;

#[wasm_bindgen]
extern "C" {
    /// How many workers of the file `script` the engine has on this machine.
    #[wasm_bindgen(catch, js_name = crewSize)]
    pub fn crew_size(script: &str) -> Result<u32, JsValue>;

    #[wasm_bindgen(catch, js_name = answeringWorker)]
    fn answering_worker(script: &str, greeting: &JsValue) -> Result<Promise, JsValue>;

    /// What became of workers that gave no answer: words that follow the reason for the engine, empty where all did.
    #[wasm_bindgen(catch, js_name = workerTrouble)]
    pub fn trouble() -> Result<String, JsValue>;
}

/// A worker of the file `script` that has answered `greeting`, one that has been started ahead or a new one. One that
/// gives no answer in some seconds is replaced once.
///
/// # Errors
/// Neither did, or the browser refuses workers.
pub async fn answering(script: &str, greeting: &JsValue) -> Result<Worker, JsValue> {
    Ok(JsFuture::from(answering_worker(script, greeting)?).await?.unchecked_into())
}
