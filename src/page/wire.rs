//! The page's end of the wire to the engine worker.

use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, Event, MessageEvent, Worker, console};

use super::browser::{download, measure, query, words};
use super::model::address;
use super::model::schemes::Schemes;
use super::store::Store;
use lorascope_protocol::{BackendChoice, ToEngine, ToPage, wire as codec};

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
}

impl Wire {
    pub fn new(store: Store) -> Wire {
        let (backend, warning) = address::backend(&query("backend"));
        store.state.update(|s| s.address_warning = warning);
        Wire { store, backend, connection: StoredValue::new_local(None), alive: StoredValue::new(false) }
    }

    /// Starts the engine, so that the page can say which one it is before anything is dropped.
    pub fn start(self) {
        match self.connect() {
            Ok(connection) => {
                self.alive.set_value(true);
                self.connection.set_value(Some(connection));
                self.post(&ToEngine::Start { backend: self.backend }, &Array::new());
            }
            Err(error) => self.died(&format!("The engine could not be started: {}", words(&error))),
        }
    }

    /// Sends a message. After a crash a fresh engine is started first, which knows nothing of what was dropped.
    pub fn send(self, message: &ToEngine, parts: &Array) {
        self.revive();
        self.post(message, parts);
    }

    /// Asks for the report as a file, its domains scored as on the page.
    pub fn export_json(self) {
        let scheme = self.store.schemes.with_untracked(Schemes::chosen);
        self.send(&ToEngine::ExportJson { scheme }, &Array::new());
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

    fn post(self, message: &ToEngine, parts: &Array) {
        let sent = codec::encode(message, parts).and_then(|data| {
            self.connection.with_value(|c| c.as_ref().map_or(Ok(()), |c| c.worker.post_message(&data)))
        });
        if let Err(error) = sent {
            self.died(&format!("A message could not reach the engine: {}", words(&error)));
        }
    }

    fn receive(self, data: &JsValue) {
        match codec::decode::<ToPage>(data) {
            Ok((ToPage::Panicked { text }, _)) => self.died(&text),
            Ok((ToPage::Exported { file_name }, parts)) => self.save(&parts, &file_name),
            Ok((ToPage::Spent(spent), _)) => spent.0.iter().for_each(|(name, ms)| measure(name, *ms)),
            Ok((message, _)) => self.store.receive(message),
            Err(error) => self.died(&format!("A message of the engine could not be read: {}", words(&error))),
        }
    }

    fn save(self, parts: &Array, file_name: &str) {
        let saved = parts.get(0).dyn_into().and_then(|blob| download(&blob, file_name));
        if let Err(error) = saved {
            let text = format!("{file_name} could not be saved: {}", words(&error));
            self.store.state.update(|s| s.page_problem(false, text));
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
