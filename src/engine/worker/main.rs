//! The engine worker: takes the page's messages, runs the session, posts what it has to say.

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    println!("Lorascope's engine is a Web Worker of its page: `cargo xtask serve` builds and serves both.");
}

#[cfg(target_arch = "wasm32")]
fn main() {
    if helper::is_helper() { helper::start() } else { worker::start() }
}

#[cfg(target_arch = "wasm32")]
mod crew;
#[cfg(target_arch = "wasm32")]
mod event_loop;
#[cfg(target_arch = "wasm32")]
mod helper;
#[cfg(target_arch = "wasm32")]
mod warm_up;

#[cfg(target_arch = "wasm32")]
mod worker {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::rc::Rc;

    use js_sys::{Array, Function, Promise, Reflect};
    use lorascope_engine::session::{Backend, Download, Session};
    use lorascope_engine::source::http::BrowserNetwork;
    use lorascope_engine::source::{BlobSource, readers};
    use lorascope_protocol::{JobId, Refusal, Spent, ToEngine, ToPage, wire};
    use wasm_bindgen::prelude::*;
    use wasm_bindgen_futures::{JsFuture, spawn_local};
    use web_sys::{Blob, BlobPropertyBag, File, MessageEvent};

    use super::crew::Helpers;
    use super::event_loop::{self, EventLoop, scope, take_spent};
    use super::warm_up::warm_up;

    type Engine = Session<BlobSource, EventLoop, fn(ToPage)>;

    /// The page's messages wait here while an earlier one is being served.
    struct Inbox {
        waiting: RefCell<VecDeque<(JobId, ToEngine, Array)>>,
        serving: Cell<bool>,
        engine: RefCell<Option<Engine>>,
        /// Why there is no engine.
        refusal: RefCell<Option<String>>,
        /// Helpers have been asked for.
        staffed: Cell<bool>,
        pulse: EventLoop,
        network: BrowserNetwork,
    }

    pub fn start() {
        std::panic::set_hook(Box::new(|info| post(ToPage::Panicked { text: info.to_string() }, &Array::new())));
        let pulse = EventLoop::new();
        let inbox = Rc::new(Inbox {
            waiting: RefCell::default(),
            serving: Cell::new(false),
            engine: RefCell::default(),
            refusal: RefCell::default(),
            staffed: Cell::default(),
            pulse,
            network: BrowserNetwork::default(),
        });
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            match wire::decode::<ToEngine>(&event.data()) {
                Ok((job, message, parts)) => Inbox::take(&inbox, job, message, parts),
                Err(error) => post(ToPage::Panicked { text: format!("not a message: {error:?}") }, &Array::new()),
            }
        });
        scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        on_message.forget();
    }

    impl Inbox {
        fn take(inbox: &Rc<Self>, job: JobId, message: ToEngine, parts: Array) {
            // These act at once on every job before them, and in their turn on what is held.
            match message {
                ToEngine::Cancel => inbox.pulse.cancel(job),
                ToEngine::Clear => inbox.pulse.clear(job),
                _ => {}
            }
            if matches!(message, ToEngine::Cancel | ToEngine::Clear) {
                inbox.network.cancel();
            }
            inbox.waiting.borrow_mut().push_back((job, message, parts));
            if !inbox.serving.replace(true) {
                let inbox = Rc::clone(inbox);
                spawn_local(async move {
                    loop {
                        let next = inbox.waiting.borrow_mut().pop_front();
                        let Some((job, message, parts)) = next else { break };
                        inbox.serve(job, message, &parts).await;
                    }
                    inbox.serving.set(false);
                });
            }
        }

        async fn serve(&self, job: JobId, message: ToEngine, parts: &Array) {
            event_loop::serve(job);
            if let ToEngine::Start { backend } = message {
                let name = gpu_name().await.unwrap_or_else(|| "unnamed GPU".to_owned());
                let emit: fn(ToPage) = |message| {
                    if matches!(message, ToPage::Finished { .. }) {
                        let parts = take_spent().parts().map(|(part, ms)| (part.to_owned(), ms));
                        post(ToPage::Spent(Spent(parts.to_vec())), &Array::new());
                    }
                    post(message, &Array::new());
                };
                match Session::start(backend, name, self.pulse.clone(), emit).await {
                    Ok(mut engine) => {
                        if matches!(engine.backend(), Backend::Gpu(_)) {
                            readers::start();
                        }
                        self.staff(&mut engine);
                        // A file that comes meanwhile waits for what it would itself have to begin with.
                        warm_up().await;
                        self.engine.replace(Some(engine));
                    }
                    Err(text) => drop(self.refusal.replace(Some(text))),
                }
                return;
            }
            let Some(mut engine) = self.engine.take() else {
                // Said again, so that no drop goes without an answer.
                if let Some(text) = self.refusal.borrow().clone() {
                    post(ToPage::NoBackend { text }, &Array::new());
                }
                return;
            };
            match message {
                ToEngine::Start { .. } => {}
                ToEngine::Load { paths } => {
                    let files = paths.into_iter().zip(parts.iter());
                    let sources =
                        files.filter_map(|(path, file)| Some(BlobSource::new(path, file.dyn_into::<File>().ok()?)));
                    engine.load(sources.collect()).await;
                }
                ToEngine::LoadAddresses { addresses } => {
                    self.network.begin();
                    engine.load_addresses(&addresses, &self.network).await;
                }
                ToEngine::Recall { report } => engine.recall(*report).await,
                ToEngine::Remove { item } => engine.remove(item).await,
                ToEngine::Clear => engine.clear(),
                ToEngine::Undo => engine.undo().await,
                ToEngine::Forget => engine.forget(),
                ToEngine::Cancel => {}
                ToEngine::SetScale { item, scale } => engine.set_scale(item, scale).await,
                ToEngine::Ask(question) => engine.ask(job, question).await,
                ToEngine::Export(what) => match engine.export(&what) {
                    Ok(file) => send_file(file),
                    Err(text) => post(ToPage::Refused { job, why: Some(Refusal::Words(text)) }, &Array::new()),
                },
                ToEngine::Report => post(ToPage::Report { report: Box::new(engine.report()) }, &Array::new()),
            }
            self.staff(&mut engine);
            self.engine.replace(Some(engine));
        }

        /// Helpers as soon as the CPU computes: from the start, or after a GPU was lost.
        fn staff(&self, engine: &mut Engine) {
            if matches!(engine.backend(), Backend::Cpu(_))
                && !self.staffed.replace(true)
                && let Some(helpers) = Helpers::start()
            {
                engine.employ(Rc::new(helpers));
            }
        }
    }

    /// A file of texts and blobs, which the browser joins without a copy in wasm's memory.
    fn send_file(Download { name: file_name, mime, pieces }: Download<Blob>) {
        let options = BlobPropertyBag::new();
        options.set_type(mime);
        match Blob::new_with_blob_sequence_and_options(&pieces.into_iter().collect::<Array>(), &options) {
            Ok(blob) => post(ToPage::Exported { file_name }, &Array::of1(&blob)),
            Err(error) => {
                post(ToPage::Panicked { text: format!("{file_name} could not be written: {error:?}") }, &Array::new());
            }
        }
    }

    fn post(message: ToPage, parts: &Array) {
        // If not even this can be sent, the worker's own error event tells the page.
        let sent = wire::encode(event_loop::serving(), &message, parts).and_then(|data| scope().post_message(&data));
        if let Err(error) = sent {
            wasm_bindgen::throw_val(error);
        }
    }

    /// What the browser says of its GPU, which wgpu does not pass on: "nvidia ampere".
    async fn gpu_name() -> Option<String> {
        let navigator = Reflect::get(&scope(), &"navigator".into()).ok()?;
        let gpu = Reflect::get(&navigator, &"gpu".into()).ok().filter(|gpu| gpu.is_object())?;
        let request: Function = Reflect::get(&gpu, &"requestAdapter".into()).ok()?.dyn_into().ok()?;
        let adapter = JsFuture::from(request.call0(&gpu).ok()?.dyn_into::<Promise>().ok()?).await.ok()?;
        let info = Reflect::get(&adapter, &"info".into()).ok()?;
        let word = |name: &str| Reflect::get(&info, &name.into()).ok()?.as_string().filter(|word| !word.is_empty());
        word("description").or_else(|| {
            let words: Vec<String> = ["vendor", "architecture"].into_iter().filter_map(word).collect();
            Some(words.join(" ")).filter(|words| !words.is_empty())
        })
    }
}
