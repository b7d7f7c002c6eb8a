use std::cell::Cell;
use std::future::Future;
use std::ops::Range;

use js_sys::{Array, Function, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Blob;

use super::readers;
use lorascope_format::bytes::{ByteSource, Joined, SourceError};

/// A dropped `File`, or a file that was downloaded: `Blob.slice` reads a range without touching the rest.
#[derive(Clone, Debug)]
pub struct BlobSource {
    path: String,
    len: u64,
    file: Blob,
}

impl BlobSource {
    pub fn new(path: String, file: web_sys::File) -> Self {
        Self::of_blob(path, file.into())
    }

    fn of_blob(path: String, file: Blob) -> Self {
        // A size is a whole number below 2^53, which f64 holds exactly.
        Self { path, len: file.size() as u64, file }
    }

    fn unreadable(&self, reason: &JsValue) -> SourceError {
        SourceError::Unreadable { path: self.path.clone(), reason: in_words(reason) }
    }
}

/// Makes the browser free the buffers of past reads. Only its garbage collector can, and Chromium's waits for some
/// hundred megabytes of them; it looks at what is allocated, though, not at what is used. A buffer that nobody
/// touches takes no memory and counts. (Handing a buffer over with `ArrayBuffer.transfer` does the opposite: it no
/// longer counts and is not freed either.)
pub fn remind_collector(read: usize) {
    /// Bytes below which the collector may take its time.
    const LARGE: usize = 1 << 20;
    thread_local! {
        static SINCE: Cell<usize> = const { Cell::new(0) };
    }
    let read = SINCE.get().saturating_add(read);
    SINCE.set(if read < LARGE { read } else { 0 });
    if read >= LARGE {
        let size = Array::of1(&JsValue::from_f64(2.0 * read as f64));
        let class = Reflect::get(&js_sys::global(), &"ArrayBuffer".into()).ok();
        // A refusal is thrown, and harmless.
        let _ = class.and_then(|class| Reflect::construct(class.unchecked_ref::<Function>(), &size).ok());
    }
}

fn in_words(reason: &JsValue) -> String {
    let text = reason.as_string().or_else(|| Some(reason.dyn_ref::<js_sys::Error>()?.message().into()));
    text.unwrap_or_else(|| format!("{reason:?}"))
}

impl ByteSource for BlobSource {
    type Piece = Blob;

    fn path(&self) -> &str {
        &self.path
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self, range: Range<u64>) -> impl Future<Output = Result<Vec<u8>, SourceError>> {
        let reading = self.part(range).map(|part| readers::read(&part));
        async move {
            let buffer = reading?.await.map_err(|e| self.unreadable(&e))?;
            let bytes = Uint8Array::new(&buffer).to_vec();
            remind_collector(bytes.len());
            Ok(bytes)
        }
    }

    fn part(&self, range: Range<u64>) -> Result<Blob, SourceError> {
        if range.start > range.end || range.end > self.len {
            return Err(SourceError::OutOfRange {
                path: self.path.clone(),
                begin: range.start,
                end: range.end,
                len: self.len,
            });
        }
        self.file.slice_with_f64_and_f64(range.start as f64, range.end as f64).map_err(|e| self.unreadable(&e))
    }

    fn keep(bytes: Vec<u8>) -> Result<Blob, SourceError> {
        let parts = Array::of1(&Uint8Array::from(bytes.as_slice()));
        Blob::new_with_u8_array_sequence(&parts)
            .map_err(|e| SourceError::NotKept { len: bytes.len() as u64, reason: in_words(&e) })
    }
}

impl Joined for BlobSource {
    fn joined(path: String, pieces: Vec<Blob>) -> Result<Self, SourceError> {
        let parts: Array = pieces.iter().collect();
        let len = pieces.iter().map(|piece| piece.size() as u64).sum();
        let whole = Blob::new_with_blob_sequence(&parts);
        whole.map(|whole| Self::of_blob(path, whole)).map_err(|e| SourceError::NotKept { len, reason: in_words(&e) })
    }
}
