//! The way over the wire: both ends use these, so that both agree.

use js_sys::{Array, Object, Reflect};
use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::{JsCast, JsValue};

use crate::JobId;

/// `{ job, msg, parts }`, ready for `postMessage`. Numbers travel as JS numbers and maps as plain objects.
///
/// # Errors
/// A message that JavaScript cannot carry: an integer beyond 2⁵³.
pub fn encode<T: Serialize>(job: JobId, msg: &T, parts: &Array) -> Result<JsValue, JsValue> {
    let msg = msg.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?;
    let envelope = Object::new();
    Reflect::set(&envelope, &"job".into(), &job.into())?;
    Reflect::set(&envelope, &"msg".into(), &msg)?;
    Reflect::set(&envelope, &"parts".into(), parts)?;
    Ok(envelope.into())
}

/// The message in `data` of a `MessageEvent`, the job that it belongs to, and the browser objects beside it (none where
/// `parts` is absent).
///
/// # Errors
/// Anything that [`encode`] did not make.
pub fn decode<T: DeserializeOwned>(data: &JsValue) -> Result<(JobId, T, Array), JsValue> {
    let job = serde_wasm_bindgen::from_value(Reflect::get(data, &"job".into())?)?;
    let msg = serde_wasm_bindgen::from_value(Reflect::get(data, &"msg".into())?)?;
    let parts = Reflect::get(data, &"parts".into())?.dyn_into().unwrap_or_else(|_| Array::new());
    Ok((job, msg, parts))
}
