//! The engine's crew: helper workers (`helper.rs`), each with an instance of the same compiled module.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::{Rc, Weak};

use futures_channel::oneshot;
use js_sys::{Array, ArrayBuffer, Uint8Array};
use lorascope_engine::session::crew::{Answer, Crew, Task};
use lorascope_engine::source::readers;
use lorascope_engine::source::worker;
use lorascope_protocol::wire;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, Event, MessageEvent, Worker};

use super::event_loop::now;

const SCRIPT: &str = "helper.js";

/// Who waits for an answer.
type Asker = oneshot::Sender<Option<Answer<Blob>>>;

/// Workers, of which each has at most one task in hand.
pub struct Helpers(Rc<Pool>);

struct Pool {
    helpers: Vec<Helper>,
    /// Who waits for a helper, in order; they are given its number.
    waiting: RefCell<VecDeque<oneshot::Sender<usize>>>,
}

#[derive(Default)]
struct Helper {
    state: Cell<State>,
    running: OnceCell<Running>,
}

/// A worker that has answered.
struct Running {
    worker: Worker,
    /// Who waits for the answer to its task.
    asked: Rc<RefCell<Option<oneshot::Sender<JsValue>>>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(Event)>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Starting,
    Idle,
    Busy,
    Gone,
}

impl Helpers {
    /// As many helpers as the machine has cores; `None` where there is one core, or the browser gives no workers.
    pub fn start() -> Option<Self> {
        let count = worker::crew_size(SCRIPT).ok()?;
        let pool =
            Rc::new(Pool { helpers: (0..count).map(|_| Helper::default()).collect(), waiting: RefCell::default() });
        for number in 0..pool.helpers.len() {
            spawn_local(begin(Rc::downgrade(&pool), number));
        }
        if !pool.is_small() {
            readers::start();
        }
        (!pool.helpers.is_empty()).then_some(Self(pool))
    }
}

impl Crew<Blob> for Helpers {
    fn workers(&self) -> usize {
        self.0.helpers.iter().filter(|helper| helper.state.get() != State::Gone).count()
    }

    fn send(
        &self,
        task: &Task,
        beside: &[u8],
        parts: Vec<Blob>,
    ) -> Pin<Box<dyn Future<Output = Option<Answer<Blob>>>>> {
        let (mut sender, receiver) = oneshot::channel();
        let pool = Rc::clone(&self.0);
        // As a text: objects of JavaScript would be made number by number.
        let task = serde_json::to_string(task).unwrap_or_default();
        let beside = (!beside.is_empty()).then(|| Uint8Array::from(beside).buffer());
        spawn_local(async move {
            let answer = pool.work(&task, beside, &parts, &mut sender).await;
            // Refused where nobody waits for it any longer: after a cancel.
            let _ = sender.send(answer);
        });
        Box::pin(async { receiver.await.ok().flatten() })
    }
}

impl Pool {
    /// The helpers take no more bytes than the engine's own thread reads, which does nothing else meanwhile: readers
    /// would only take the cores from them.
    fn is_small(&self) -> bool {
        self.helpers.len() <= 2
    }

    async fn work(
        &self,
        task: &str,
        beside: Option<ArrayBuffer>,
        parts: &[Blob],
        asker: &mut Asker,
    ) -> Option<Answer<Blob>> {
        let begin = now();
        let promised = if self.is_small() { Blob::array_buffer } else { readers::promised };
        let reading: Vec<_> = parts.iter().map(promised).collect();
        let mut buffers = Array::new();
        for promise in reading {
            buffers.push(&readers::arrived(promise).await.ok()?.into());
        }
        buffers.extend(beside);
        let read = now() - begin;
        let helper = self.next().await?;
        let answer = if asker.is_canceled() { None } else { helper.ask(task, &buffers, asker).await };
        if helper.state.get() == State::Busy {
            helper.state.set(State::Idle);
        }
        self.assign();
        let answer = answer?;
        Some(Answer { spent: answer.spent.and(lorascope_kernels::Part::Read, read), ..answer })
    }

    /// The next helper that is idle; `None` if none is left.
    async fn next(&self) -> Option<&Helper> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().push_back(sender);
        self.assign();
        self.helpers.get(receiver.await.ok()?)
    }

    fn assign(&self) {
        let mut waiting = self.waiting.borrow_mut();
        if self.helpers.iter().all(|helper| helper.state.get() == State::Gone) {
            waiting.clear();
        }
        for (number, helper) in self.helpers.iter().enumerate() {
            if helper.state.get() == State::Idle
                && let Some(next) = waiting.pop_front()
            {
                helper.state.set(State::Busy);
                // Whoever waits is a task of this pool's own, which is not dropped.
                let _ = next.send(number);
            }
        }
    }
}

/// Starts the worker of a helper, which is gone where none answers.
async fn begin(pool: Weak<Pool>, number: usize) {
    let worker = worker::answering(SCRIPT, &wasm_bindgen::module()).await;
    if let Some(helper) = pool.upgrade().as_ref().and_then(|pool| pool.helpers.get(number)) {
        let running = worker.map(|worker| helper.running.set(Running::new(worker, &pool, number)));
        helper.state.set(if running.is_ok() { State::Idle } else { State::Gone });
    }
    told(&pool);
}

impl Running {
    fn new(worker: Worker, pool: &Weak<Pool>, number: usize) -> Self {
        let asked = Rc::new(RefCell::new(None));
        let on_message = {
            let asked = Rc::clone(&asked);
            Closure::new(move |event: MessageEvent| {
                let waits: Option<oneshot::Sender<JsValue>> = asked.borrow_mut().take();
                if let Some(asker) = waits {
                    drop(asker.send(event.data()));
                }
            })
        };
        let on_error = {
            let (pool, asked) = (pool.clone(), Rc::clone(&asked));
            Closure::new(move |event: Event| {
                event.prevent_default();
                asked.borrow_mut().take();
                if let Some(helper) = pool.upgrade().as_ref().and_then(|pool| pool.helpers.get(number)) {
                    helper.state.set(State::Gone);
                    // Its memory goes with it.
                    helper.running.get().inspect(|running| running.worker.terminate());
                }
                told(&pool);
            })
        };
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Self { worker, asked, _on_message: on_message, _on_error: on_error }
    }
}

impl Helper {
    /// Waits for the answer in any case, after a cancel for one that does not come.
    async fn ask(&self, task: &str, buffers: &Array, asker: &mut Asker) -> Option<Answer<Blob>> {
        let (sender, mut receiver) = oneshot::channel();
        let Running { worker, asked, .. } = self.running.get()?;
        asked.borrow_mut().replace(sender);
        let message = wire::encode(0, &task, buffers).ok()?;
        worker.post_message_with_transfer(&message, buffers).ok()?;
        let mut is_told = false;
        let answered = poll_fn(|context| {
            if !is_told && asker.poll_canceled(context).is_ready() {
                // A refusal leaves the helper at work for nothing.
                is_told = worker.post_message(&JsValue::NULL).is_ok();
            }
            Pin::new(&mut receiver).poll(context)
        });
        let (_, text, pieces) = wire::decode::<Option<String>>(&answered.await.ok()?).ok()?;
        let mut pieces = pieces.iter();
        serde_json::from_str::<Answer<()>>(&text?).ok()?.map(|()| pieces.next()?.dyn_into().ok())
    }
}

/// A helper's state is another one.
fn told(pool: &Weak<Pool>) {
    if let Some(pool) = pool.upgrade() {
        pool.assign();
    }
}
