//! The page's end of the wire to the engine worker.

use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, Event, MessageEvent, Worker, console};

use super::browser::{download, measure, query, words};
use super::model::address;
use super::model::schemes::Schemes;
use super::model::shown::State;
use super::store::Store;
use lorascope_protocol::{BackendChoice, Export, JobId, Question, ToEngine, ToPage, wire as codec};

#[wasm_bindgen]
extern "C" {
    /// The engine, for the page: one that has been started ahead, or a new one. It is used like a worker, and watched
    /// (`www/watchdog.js`).
    ///
    /// # Errors
    /// The browser refuses workers, or blobs.
    #[wasm_bindgen(catch, js_name = startWorker)]
    pub fn start_engine() -> Result<Worker, JsValue>;
}

/// A worker and the callbacks that must live as long as it.
struct Connection {
    worker: Worker,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(Event)>,
}

/// The engine, started when it is first needed and again after it died.
#[derive(Clone, Copy)]
pub struct Wire {
    store: Store,
    backend: BackendChoice,
    connection: StoredValue<Option<Connection>, LocalStorage>,
    alive: StoredValue<bool>,
    /// The number of the next message.
    next: StoredValue<JobId>,
}

impl Wire {
    pub fn new(store: Store) -> Wire {
        let (backend, warning) = address::backend(&query("backend"));
        store.state.update(|s| s.address_warning = warning);
        Wire {
            store,
            backend,
            connection: StoredValue::new_local(None),
            alive: StoredValue::new(false),
            next: StoredValue::new(1),
        }
    }

    /// Starts the engine, so that the page can say which one it is before anything is dropped.
    pub fn start(self) {
        match self.connect() {
            Ok(connection) => {
                self.alive.set_value(true);
                self.connection.set_value(Some(connection));
                self.post(self.next_job(), &ToEngine::Start { backend: self.backend }, &Array::new());
            }
            Err(error) => self.died(&format!("The engine could not be started: {}", words(&error))),
        }
    }

    /// The number of a message to come; what is sent later has a later one.
    pub fn next_job(self) -> JobId {
        self.next.try_update_value(|next| std::mem::replace(next, *next + 1)).unwrap_or_default()
    }

    /// Sends a message. After a crash a fresh engine is started first, which knows nothing of what was dropped.
    pub fn send(self, message: &ToEngine) {
        self.send_as(self.next_job(), message, &Array::new());
    }

    /// The same under a number that was taken before.
    pub fn send_as(self, job: JobId, message: &ToEngine, parts: &Array) {
        self.revive();
        self.post(job, message, parts);
    }

    /// Asks for something to be computed: `begin` notes the question under its job, or has none.
    pub fn ask(self, begin: impl FnOnce(&mut State, JobId) -> Option<Question>) {
        self.revive();
        if !self.is_alive() {
            return;
        }
        let job = self.next_job();
        let question = self.store.state.try_update(|s| {
            let question = begin(s, job)?;
            if !question.is_aside() {
                s.awaits(job);
            }
            Some(question)
        });
        if let Some(question) = question.flatten() {
            self.post(job, &ToEngine::Ask(question), &Array::new());
        }
    }

    /// Asks for the report as a file, its domains scored as on the page.
    pub fn export_json(self) {
        let scheme = self.store.schemes.with_untracked(Schemes::chosen);
        self.send(&ToEngine::Export(Export::Report { scheme }));
    }

    /// A fresh engine, if the former one died; what it held is forgotten with it.
    pub fn revive(self) {
        if !self.is_alive() {
            self.store.state.update(|s| s.forget());
            self.start();
        }
    }

    pub fn is_alive(self) -> bool {
        self.alive.get_value()
    }

    fn connect(self) -> Result<Connection, JsValue> {
        let worker = start_engine()?;
        let on_message = Closure::new(move |event: MessageEvent| self.receive(&event.data()));
        let on_error = Closure::new(move |event: Event| {
            event.prevent_default();
            let said = event.dyn_ref::<ErrorEvent>().map(ErrorEvent::message).filter(|m| !m.is_empty());
            self.died(&said.unwrap_or_else(|| "The engine’s file could not be loaded.".to_owned()));
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Connection { worker, _on_message: on_message, _on_error: on_error })
    }

    fn post(self, job: JobId, message: &ToEngine, parts: &Array) {
        let sent = codec::encode(job, message, parts).and_then(|data| {
            self.connection.with_value(|c| c.as_ref().map_or(Ok(()), |c| c.worker.post_message(&data)))
        });
        if let Err(error) = sent {
            self.died(&format!("A message could not reach the engine: {}", words(&error)));
        }
    }

    fn receive(self, data: &JsValue) {
        match codec::decode::<ToPage>(data) {
            Ok((_, ToPage::Panicked { text }, _)) => self.died(&text),
            Ok((job, ToPage::Exported { file_name }, parts)) => self.save(job, &parts, file_name),
            Ok((_, ToPage::Spent(spent), _)) => spent.0.iter().for_each(|(name, ms)| measure(name, *ms)),
            Ok((job, message, _)) => self.store.receive(job, message),
            Err(error) => self.died(&format!("A message of the engine could not be read: {}", words(&error))),
        }
    }

    fn save(self, job: JobId, parts: &Array, file_name: String) {
        match parts.get(0).dyn_into().and_then(|blob| download(&blob, &file_name)) {
            Ok(()) => self.store.receive(job, ToPage::Exported { file_name }),
            Err(error) => {
                let text = format!("{file_name} could not be saved: {}", words(&error));
                self.store.state.update(|s| s.page_problem(false, text));
            }
        }
    }

    /// The engine is gone: said on the page, for a person, and on the console, for whoever mends it.
    fn died(self, report: &str) {
        console::error_1(&report.into());
        // The callbacks stay alive until the next connection: this may be running inside one of them.
        self.connection.with_value(|c| {
            if let Some(c) = c {
                c.worker.set_onmessage(None);
                c.worker.set_onerror(None);
                c.worker.terminate();
            }
        });
        self.alive.set_value(false);
        self.store.crashed(report);
    }
}

pub fn use_wire() -> Wire {
    expect_context::<Wire>()
}
