//! Files and folders, dropped anywhere on the window or picked: gathered, named by their relative paths, and sent
//! to the engine by reference. Their content is never read here.

use js_sys::{Array, Promise, Reflect};
use leptos::prelude::*;
use leptos::{ev, task::spawn_local};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, DragEvent, File, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry};

use super::browser::{now_ms, words};
use super::model::path::{MOST_FILES, relative};
use super::store::Store;
use super::wire::Wire;
use lorascope_protocol::{JobId, ToEngine};

/// What a drop holds, before its folders are read.
enum Dropped {
    /// A file or a folder, and the file by itself: some browsers give entries that they cannot open.
    Entry(FileSystemEntry, Option<File>),
    File(File),
}

/// Files with their relative paths, and what could not be gathered.
#[derive(Default)]
struct Gathered {
    files: Vec<(String, File)>,
    unread: Vec<String>,
    /// The browser told only where the files are.
    only_addresses: bool,
}

/// The way that every browser has.
const CHOOSE: &str = "Use “Choose files” instead: it gives the page the files themselves.";

/// Listens on the whole window, on every screen.
pub fn listen(store: Store, wire: Wire) {
    let over = move |event: DragEvent| {
        // Without this the browser would open the file instead.
        event.prevent_default();
        if holds_files(&event) {
            store.dragging.set(true);
        }
    };
    let leave = move |event: DragEvent| {
        // Leaving an element for another one of the page is not leaving the page.
        if event.related_target().is_none() {
            store.dragging.set(false);
        }
    };
    let drop = move |event: DragEvent| {
        event.prevent_default();
        store.dragging.set(false);
        // The browser empties the transfer as soon as this handler returns: everything is taken from it now.
        let transfer = event.data_transfer();
        let dropped = transfer.as_ref().map(take).unwrap_or_default();
        let only_addresses = dropped.is_empty() && transfer.as_ref().is_some_and(holds_addresses);
        let job = begin(store, wire);
        spawn_local(async move {
            let gathered = Gathered { only_addresses, ..gather(dropped).await };
            if store.state.with_untracked(|s| s.is_wanted(job)) {
                load(store, wire, job, gathered);
            }
        });
    };
    let handles = [
        window_event_listener(ev::dragenter, over),
        window_event_listener(ev::dragover, over),
        window_event_listener(ev::dragleave, leave),
        window_event_listener(ev::drop, drop),
    ];
    on_cleanup(move || handles.into_iter().for_each(|h| h.remove()));
}

/// Files that a file input holds; a folder's come with their paths in it.
pub fn picked(store: Store, wire: Wire, input: &web_sys::HtmlInputElement) {
    let files = input.files().map(|list| (0..list.length()).filter_map(|i| list.get(i)).collect::<Vec<_>>());
    let named = files.unwrap_or_default().into_iter().map(|file| (path_of(&file), file));
    let mut gathered = Gathered::default();
    named.for_each(|(path, file)| gathered.add(path, file));
    // The same files can then be picked again.
    input.set_value("");
    if !gathered.files.is_empty() {
        let job = begin(store, wire);
        load(store, wire, job, gathered);
    }
}

/// Sends named files to the engine, as the drop that has begun.
pub fn send(store: Store, wire: Wire, job: JobId, files: Vec<(String, File)>) {
    load(store, wire, job, Gathered { files, ..Gathered::default() });
}

/// The engine is there, and the page waits for a drop.
pub fn begin(store: Store, wire: Wire) -> JobId {
    wire.revive();
    let job = wire.next_job();
    store.state.update(|s| {
        s.begin_drop(now_ms());
        s.awaits(job);
    });
    job
}

fn load(store: Store, wire: Wire, job: JobId, gathered: Gathered) {
    let nothing = gathered.files.is_empty();
    let unread = !gathered.unread.is_empty();
    store.state.update(|s| {
        for text in gathered.unread {
            s.page_problem(nothing, text);
        }
        if s.no_backend.is_some() {
            s.page_problem(true, "Nothing was analysed: the engine that the address asks for is not there.".into());
        } else if gathered.only_addresses {
            let text = "The browser told only where the dropped files are, and a page cannot open them by that.";
            s.page_problem(true, format!("{text} {CHOOSE}"));
        } else if nothing && !unread {
            s.page_problem(
                true,
                "There was no file in this drop. Drop an adapter’s .safetensors or .gguf file, or the folder it is in."
                    .into(),
            );
        }
    });
    if nothing || store.state.with_untracked(|s| s.no_backend.is_some()) {
        return;
    }
    let parts = Array::new();
    let paths = gathered.files.into_iter().map(|(path, file)| {
        parts.push(&file);
        path
    });
    wire.send_as(job, &ToEngine::Load { paths: paths.collect() }, &parts);
}

fn holds_files(event: &DragEvent) -> bool {
    event.data_transfer().is_some_and(|t| t.types().iter().any(|kind| kind.as_string().as_deref() == Some("Files")))
}

fn holds_addresses(transfer: &DataTransfer) -> bool {
    transfer.types().iter().any(|kind| kind.as_string().as_deref() == Some("text/uri-list"))
}

fn take(transfer: &DataTransfer) -> Vec<Dropped> {
    let items = transfer.items();
    let mut dropped = Vec::new();
    for item in (0..items.length()).filter_map(|i| items.get(i)).filter(|item| item.kind() == "file") {
        match item.webkit_get_as_entry() {
            Ok(Some(entry)) => {
                // Of a folder there is no file, though some browsers hand one out.
                let file = item.get_as_file().ok().flatten().filter(|_| entry.is_file());
                dropped.push(Dropped::Entry(entry, file));
            }
            // Some programs drop files that are not on a disk: those have no entry.
            _ => dropped.extend(item.get_as_file().ok().flatten().map(Dropped::File)),
        }
    }
    if dropped.is_empty() {
        let files = transfer.files();
        dropped.extend(files.iter().flat_map(|l| (0..l.length()).filter_map(|i| l.get(i))).map(Dropped::File));
    }
    dropped
}

async fn gather(dropped: Vec<Dropped>) -> Gathered {
    let mut gathered = Gathered::default();
    // Last in, first out: so that the order of what was dropped is kept.
    let mut waiting: Vec<(FileSystemEntry, Option<File>)> = Vec::new();
    for one in dropped.into_iter().rev() {
        match one {
            Dropped::Entry(entry, file) => waiting.push((entry, file)),
            Dropped::File(file) => gathered.add(path_of(&file), file),
        }
    }
    while let Some((entry, file)) = waiting.pop() {
        let path = relative(&entry.full_path());
        // Not by class: browsers name these classes differently.
        let read = if entry.is_directory() {
            let inside = entries_of(entry.unchecked_ref()).await;
            inside.map(|inside| waiting.extend(inside.into_iter().rev().map(|entry| (entry, None))))
        } else {
            let opened = file_of(entry.unchecked_into()).await;
            opened.or_else(|error| file.ok_or(error)).map(|file| gathered.add(path.clone(), file))
        };
        if let Err(error) = read {
            let why = words(&error);
            gathered.unread.push(format!("{path} could not be opened: {}. {CHOOSE}", why.trim_end_matches('.')));
        }
        if gathered.files.len() > MOST_FILES {
            gathered.files.truncate(MOST_FILES);
            gathered.unread.push(format!("Only the first {MOST_FILES} files were taken. Drop a smaller folder."));
            break;
        }
    }
    gathered
}

/// What a folder holds. The browser hands it out in parts, an empty one at the end.
async fn entries_of(folder: &FileSystemDirectoryEntry) -> Result<Vec<FileSystemEntry>, JsValue> {
    let reader = folder.create_reader();
    let mut entries = Vec::new();
    loop {
        let part = Promise::new(&mut |done, failed| {
            if let Err(error) = reader.read_entries_with_callback_and_callback(&done, &failed) {
                let _ = failed.call1(&JsValue::NULL, &error);
            }
        });
        let part: Array = JsFuture::from(part).await?.dyn_into()?;
        if part.length() == 0 {
            return Ok(entries);
        }
        entries.extend(part.iter().map(JsCast::unchecked_into::<FileSystemEntry>));
    }
}

async fn file_of(entry: FileSystemFileEntry) -> Result<File, JsValue> {
    let file = Promise::new(&mut |done, failed| entry.file_with_callback_and_callback(&done, &failed));
    JsFuture::from(file).await?.dyn_into()
}

/// A picked file's path in the picked folder, or its name.
fn path_of(file: &File) -> String {
    let path = Reflect::get(file, &"webkitRelativePath".into()).ok().and_then(|p| p.as_string());
    path.filter(|p| !p.is_empty()).unwrap_or_else(|| file.name())
}

impl Gathered {
    fn add(&mut self, path: String, file: File) {
        self.files.push((path, file));
    }
}
