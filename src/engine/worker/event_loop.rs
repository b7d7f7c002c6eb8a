//! The worker's own event loop and clock, as the session sees them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::Promise;
use lorascope_kernels::{Part, Pulse, Spent};
use lorascope_protocol::JobId;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{DedicatedWorkerGlobalScope, MessageChannel};

/// Milliseconds of work after which the event loop runs, so that a cancel is heard and the next ranges are asked
/// for.
const SLICE_MS: f64 = 12.0;

/// Lets the worker's messages in between pieces of work.
#[derive(Clone, Debug)]
pub struct EventLoop {
    /// Jobs up to this one are cancelled.
    stop_through: Rc<Cell<JobId>>,
    /// What jobs up to this one would give is not wanted.
    clear_through: Rc<Cell<JobId>>,
    cancels: Rc<Cell<u32>>,
    /// The job and the cancel that does not reach the rest of it.
    excused: Rc<Cell<Option<(JobId, u32)>>>,
    last: Rc<Cell<f64>>,
    /// Who waits for the next cancel.
    waiting: Rc<RefCell<Vec<oneshot::Sender<()>>>>,
}

impl EventLoop {
    /// Before the first job.
    pub fn new() -> Self {
        let last = Rc::new(Cell::new(now()));
        let (stop_through, clear_through) = Default::default();
        Self {
            stop_through,
            clear_through,
            cancels: Rc::default(),
            excused: Rc::default(),
            last,
            waiting: Rc::default(),
        }
    }

    /// Cancels the jobs up to this one.
    pub fn cancel(&self, through: JobId) {
        self.stop_through.set(through);
        self.cancels.set(self.cancels.get() + 1);
        self.wake();
    }

    /// The same where nothing of them is wanted any more.
    pub fn clear(&self, through: JobId) {
        self.clear_through.set(through);
        self.wake();
    }

    fn wake(&self) {
        for waiting in self.waiting.take() {
            // Whoever is gone by now does not wait any more.
            let _ = waiting.send(());
        }
    }
}

/// The job that this worker serves.
pub fn serving() -> JobId {
    SERVING.get()
}

/// From now on this job is served.
pub fn serve(job: JobId) {
    SERVING.set(job);
}

/// Where this worker's time went since this was last asked.
pub fn take_spent() -> Spent {
    SPENT.take()
}

impl Pulse for EventLoop {
    async fn beat(&self) -> bool {
        if now() - self.last.get() > SLICE_MS {
            next_task().await;
            self.last.set(now());
        }
        let job = serving();
        let is_excused = self.excused.get() == Some((job, self.cancels.get()));
        job <= self.clear_through.get() || (job <= self.stop_through.get() && !is_excused)
    }

    async fn stopped(&self) {
        while !self.beat().await {
            let (sender, receiver) = oneshot::channel();
            self.waiting.borrow_mut().push(sender);
            // An error would be that this loop is gone, and this future with it.
            let _ = receiver.await;
        }
    }

    fn take_up(&self) {
        self.excused.set(Some((serving(), self.cancels.get())));
    }

    fn now(&self) -> f64 {
        now()
    }

    fn remarks(&self) -> String {
        // Of a helper nobody asks.
        lorascope_engine::source::worker::trouble().unwrap_or_default()
    }

    fn spend(&self, part: Part, ms: f64) {
        SPENT.set(SPENT.get().and(part, ms));
    }
}

thread_local! {
    static SPENT: Cell<Spent> = Cell::default();
    static SERVING: Cell<JobId> = const { Cell::new(0) };
    /// Messages of the worker to itself, on one channel: one for each message would stay open.
    static TO_MYSELF: Option<MessageChannel> = MessageChannel::new().ok();
}

/// Ends when the event loop has run the messages that wait. A message to oneself: a timer would sleep for four
/// milliseconds, and in short slices that counts.
async fn next_task() {
    let promise = Promise::new(&mut |resolve, _| {
        let sent = TO_MYSELF.with(|channel| {
            let channel = channel.as_ref()?;
            // One job runs at a time, so no message is under way but this one.
            channel.port1().set_onmessage(Some(&resolve));
            channel.port2().post_message(&JsValue::NULL).ok()
        });
        // A refused message would leave the work waiting for ever; then it goes on without a pause.
        if sent.is_none() {
            let _ = resolve.call0(&JsValue::NULL);
        }
    });
    // Cannot fail: nothing rejects this promise.
    let _ = JsFuture::from(promise).await;
}

pub fn now() -> f64 {
    scope().performance().map_or(0.0, |performance| performance.now())
}

pub fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}
