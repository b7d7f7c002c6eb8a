//! Workers that do nothing but read. A browser copies a file's bytes on the thread that asked for them, and holds only
//! a megabyte or two for a thread that is busy: while the engine computes, its own reads would stand still.

use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::rc::Rc;

use js_sys::{Array, ArrayBuffer, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, MessageChannel, MessageEvent, Worker};

use super::worker;

const SCRIPT: &str = "reader.js";
/// Bytes below which the message costs more than the reading.
const WORTH_IT: f64 = (1 << 20) as f64;

thread_local! {
    static POOL: Pool = Pool::start();
}

struct Pool {
    readers: Vec<Reader>,
    next: Cell<usize>,
}

/// A place for a worker. Until one has answered, and where none does, this thread reads by itself.
struct Reader(Rc<OnceCell<Worker>>);

impl Pool {
    fn start() -> Self {
        let count = worker::crew_size(SCRIPT).unwrap_or(0);
        Self { readers: (0..count).map(|_| Reader::start()).collect(), next: Cell::new(0) }
    }

    /// The next reader in turn, if it is ready.
    fn next(&self) -> Option<&Reader> {
        let turn = self.next.get();
        self.next.set(turn.wrapping_add(1));
        self.readers.get(turn % self.readers.len().max(1)).filter(|reader| reader.0.get().is_some())
    }
}

impl Reader {
    fn start() -> Self {
        let place = Rc::new(OnceCell::new());
        let reader = Self(Rc::clone(&place));
        spawn_local(async move {
            if let Ok(worker) = worker::answering(SCRIPT, &JsValue::NULL).await {
                let _ = place.set(worker);
            }
        });
        reader
    }

    /// Asks for the bytes of `part`; the answer is an `ArrayBuffer` or a text.
    fn ask(&self, part: &Blob) -> Result<Promise, JsValue> {
        let worker = self.0.get().ok_or(JsValue::NULL)?;
        let channel = MessageChannel::new()?;
        let answer = Promise::new(&mut |resolve, _| channel.port1().set_onmessage(Some(&resolve)));
        worker.post_message_with_transfer(part, &Array::of1(&channel.port2()))?;
        Ok(answer)
    }
}

/// Starts the readers, so that they are there for the first file.
pub fn start() {
    POOL.with(|_| ());
}

/// Begins to read `part`, on another thread if there is one.
pub fn read(part: &Blob) -> impl Future<Output = Result<ArrayBuffer, JsValue>> + use<> {
    arrived(promised(part))
}

/// The promise of a reader, or of the `Blob` itself where there is none, or `part` is not worth a message.
pub fn promised(part: &Blob) -> Promise {
    let asked = || POOL.with(|pool| pool.next()?.ask(part).ok());
    let elsewhere = if part.size() < WORTH_IT { None } else { asked() };
    elsewhere.unwrap_or_else(|| part.array_buffer())
}

/// The bytes that a `Blob` or a reader has promised.
///
/// # Errors
/// What the browser says of a file that cannot be read.
pub async fn arrived(promise: Promise) -> Result<ArrayBuffer, JsValue> {
    let outcome = JsFuture::from(promise).await?;
    let data = outcome.dyn_ref::<MessageEvent>().map(MessageEvent::data);
    data.unwrap_or(outcome).dyn_into()
}
