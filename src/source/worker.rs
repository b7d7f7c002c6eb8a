//! Workers under the page's own policy, with the page's own files. Their script starts them: `www/boot.js` for the
//! page, `www/engine_loader.js` for the engine.

use wasm_bindgen::prelude::*;
use web_sys::Worker;

#[wasm_bindgen]
extern "C" {
    /// A worker of the file `script`: one that has been started ahead, or a new one. The page has only the engine.
    ///
    /// # Errors
    /// The browser refuses workers, or blobs.
    #[wasm_bindgen(catch, js_name = startWorker)]
    pub fn start(script: &str) -> Result<Worker, JsValue>;

    /// How many workers of the file `script` the engine has on this machine.
    #[wasm_bindgen(catch, js_name = crewSize)]
    pub fn crew_size(script: &str) -> Result<u32, JsValue>;
}
