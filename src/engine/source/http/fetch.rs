//! The browser's network.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::ops::Range;

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, ReadableStreamDefaultReader, ReferrerPolicy, RequestCredentials, RequestInit, Response,
    WorkerGlobalScope,
};

use super::{Answer, Body, Broken, Headers, Network};

/// Milliseconds without an answer, or without another byte of it.
const PATIENCE_MS: u32 = 30_000;

/// A worker's `fetch`, with what ends it.
#[derive(Default)]
pub struct BrowserNetwork {
    abort: RefCell<Option<AbortController>>,
    /// Jobs that have begun; what belonged to an earlier one is of no interest.
    jobs: Cell<u32>,
}

impl BrowserNetwork {
    /// A new job, which [`BrowserNetwork::cancel`] ends.
    pub fn begin(&self) {
        self.jobs.set(self.jobs.get().wrapping_add(1));
        self.abort.replace(AbortController::new().ok());
    }

    /// Ends every request of the job at once.
    pub fn cancel(&self) {
        if let Some(controller) = self.abort.borrow().as_ref() {
            controller.abort();
        }
    }

    fn init(&self, range: &Range<u64>) -> Result<RequestInit, JsValue> {
        let init = RequestInit::new();
        // The one header that a browser sends to any server without asking it first, in this form.
        let headers = web_sys::Headers::new()?;
        headers.append("Range", &format!("bytes={}-{}", range.start, range.end.saturating_sub(1)))?;
        init.set_headers(&headers);
        // Nothing of the person goes along: no cookie, and no address of this page.
        init.set_credentials(RequestCredentials::Omit);
        init.set_referrer_policy(ReferrerPolicy::NoReferrer);
        if let Some(controller) = self.abort.borrow().as_ref() {
            init.set_signal(Some(&controller.signal()));
        }
        Ok(init)
    }
}

/// The stream of an answer's bytes.
pub struct BrowserBody {
    reader: Option<ReadableStreamDefaultReader>,
}

impl Network for BrowserNetwork {
    type Body = BrowserBody;

    async fn get(&self, address: &str, range: Range<u64>) -> Result<Answer<BrowserBody>, Broken> {
        let init = self.init(&range).map_err(|_| Broken::Unreachable)?;
        let asked = scope().fetch_with_str_and_init(address, &init);
        // A `TypeError`, whatever the reason: browsers do not tell a page more.
        let answer = in_time(asked).await?.map_err(|_| Broken::Unreachable)?;
        let response: Response = answer.dyn_into().map_err(|_| Broken::Unreachable)?;
        let header = |name: &str| response.headers().get(name).ok().flatten();
        let headers = Headers {
            content_range: header("Content-Range"),
            content_length: header("Content-Length"),
            etag: header("ETag"),
            last_modified: header("Last-Modified"),
            retry_after: header("Retry-After"),
        };
        let reader = response.body().and_then(|body| body.get_reader().dyn_into().ok());
        Ok(Answer { status: response.status(), headers, body: BrowserBody { reader } })
    }

    async fn pause(&self, ms: u32) {
        // A promise that is only ever resolved.
        let _ = JsFuture::from(timer(ms)).await;
    }

    fn now_ms(&self) -> f64 {
        scope().performance().map_or(0.0, |performance| performance.now())
    }
}

impl Body for BrowserBody {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        let Some(reader) = &self.reader else { return Ok(None) };
        let read = in_time(reader.read()).await?.map_err(|_| Broken::CutOff)?;
        let field = |name: &str| Reflect::get(&read, &name.into()).unwrap_or(JsValue::UNDEFINED);
        if field("done").is_truthy() {
            self.reader = None;
            return Ok(None);
        }
        Ok(Some(field("value").dyn_into::<Uint8Array>().map_err(|_| Broken::CutOff)?.to_vec()))
    }
}

impl Drop for BrowserBody {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            // Ends the transfer of what nobody will read. It is refused where the stream has failed by itself.
            let ended = reader.cancel();
            wasm_bindgen_futures::spawn_local(async move {
                let _ = JsFuture::from(ended).await;
            });
        }
    }
}

/// What a promise comes to, if it does in time.
fn in_time(promise: Promise) -> impl Future<Output = Result<Result<JsValue, JsValue>, Broken>> {
    let race = Promise::race(&Array::of2(&promise, &timer(PATIENCE_MS)));
    async move {
        match JsFuture::from(race).await {
            // The timer's own value; neither an answer nor a part of one is a number.
            Ok(value) if value.as_f64().is_some() => Err(Broken::TimedOut),
            outcome => Ok(outcome),
        }
    }
}

/// Resolves to a number after so many milliseconds.
fn timer(ms: u32) -> Promise {
    Promise::new(&mut |resolve, _| {
        let set = Reflect::get(&scope(), &"setTimeout".into()).ok().and_then(|f| f.dyn_into::<Function>().ok());
        let set = set.and_then(|set| set.call3(&scope(), &resolve, &ms.into(), &0.into()).ok());
        // Without timers nothing waits.
        if set.is_none() {
            let _ = resolve.call1(&JsValue::NULL, &0.into());
        }
    })
}

fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}
