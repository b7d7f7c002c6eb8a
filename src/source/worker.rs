//! Workers under the page's own policy. A browser gives a worker the Content-Security-Policy of the response that
//! brought its script, which a static host does not set; a worker from a `blob:` address inherits that of the page (or
//! worker) that made it. So every worker begins as a line of text in a blob, which imports the script proper.

use js_sys::{Array, JSON, Object, Reflect, global};
use wasm_bindgen::JsValue;
use web_sys::{Blob, BlobPropertyBag, Url, Worker};

/// Where the page's files are, as a worker finds it in its global `lorascope`.
#[derive(Clone, Debug)]
pub struct Site {
    /// The folder's whole address, with `/` at the end.
    pub base: String,
    /// The build's name: the query of worker files, which keeps caches from mixing builds.
    pub build: String,
}

impl Site {
    /// The site that this worker was given.
    ///
    /// # Errors
    /// It is no worker that [`Site::start`] began.
    pub fn of_this_worker() -> Result<Site, JsValue> {
        let given = Reflect::get(&global(), &"lorascope".into())?;
        let text = |key: &str| Reflect::get(&given, &key.into())?.as_string().ok_or(JsValue::from("not a text"));
        Ok(Site { base: text("base")?, build: text("build")? })
    }

    /// Starts the worker of the file `script` of this site.
    ///
    /// # Errors
    /// The browser refuses workers, or blobs.
    pub fn start(&self, script: &str) -> Result<Worker, JsValue> {
        let given = Object::new();
        Reflect::set(&given, &"base".into(), &self.base.as_str().into())?;
        Reflect::set(&given, &"build".into(), &self.build.as_str().into())?;
        let address = JsValue::from(format!("{}{script}?{}", self.base, self.build));
        let (given, address) = (JSON::stringify(&given)?, JSON::stringify(&address)?);
        let code = format!("self.lorascope={given};importScripts({address});");
        let kind = BlobPropertyBag::new();
        kind.set_type("text/javascript");
        let blob = Blob::new_with_str_sequence_and_options(&Array::of1(&code.into()), &kind)?;
        // Its address stays valid: the browser may load the script later than this returns.
        Worker::new(&Url::create_object_url_with_blob(&blob)?)
    }
}
