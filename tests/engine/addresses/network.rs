//! A network that answers from memory, as each address' [`Mode`] says.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use lorascope_engine::source::http::{Answer, Body, Broken, Headers, Network};

/// How a server answers.
#[derive(Clone, Debug)]
pub struct Mode {
    pub cors: bool,
    /// It knows ranges.
    pub ranges: bool,
    /// Headers can be read that are not readable by themselves.
    pub exposed: bool,
    /// It says how long its answers are.
    pub length: bool,
    /// Bytes that it sends at most of a range.
    pub longest: u64,
    /// Answers that break off, each after so many bytes.
    pub cuts: u32,
    pub cut_after: usize,
    /// The first answers, in place of the file: status and `Retry-After`.
    pub statuses: Vec<(u16, Option<u64>)>,
    /// Every answer but the first is of a new state of the file, so many times.
    pub changes: u32,
}

impl Default for Mode {
    fn default() -> Self {
        Self {
            cors: true,
            ranges: true,
            exposed: true,
            length: true,
            longest: u64::MAX,
            cuts: 0,
            cut_after: 0,
            statuses: vec![],
            changes: 0,
        }
    }
}

struct File {
    bytes: Vec<u8>,
    mode: Mode,
    /// Counts its changes.
    state: u32,
}

#[derive(Default)]
pub struct Fake {
    files: RefCell<HashMap<String, File>>,
    /// What was asked for, in order: the address and the range.
    pub log: RefCell<Vec<String>>,
}

impl Fake {
    pub fn put(&mut self, address: &str, file: Vec<u8>, mode: Mode) {
        self.files.borrow_mut().insert(address.to_owned(), File { bytes: file, mode, state: 0 });
    }
}

pub struct FakeBody {
    chunks: std::vec::IntoIter<Vec<u8>>,
    is_cut: bool,
}

impl Body for FakeBody {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        match self.chunks.next() {
            Some(chunk) => Ok(Some(chunk)),
            None if self.is_cut => Err(Broken::CutOff),
            None => Ok(None),
        }
    }
}

impl Network for Fake {
    type Body = FakeBody;

    async fn get(&self, address: &str, range: Range<u64>) -> Result<Answer<FakeBody>, Broken> {
        self.log.borrow_mut().push(format!("{address} {}-{}", range.start, range.end - 1));
        let mut files = self.files.borrow_mut();
        let Some(File { bytes: file, mode, state }) = files.get_mut(address) else {
            return Ok(answer(404, Headers::default(), &[]));
        };
        if !mode.cors {
            return Err(Broken::Unreachable);
        }
        if !mode.statuses.is_empty() {
            let (status, after) = mode.statuses.remove(0);
            let retry_after = after.map(|seconds| seconds.to_string());
            return Ok(answer(status, Headers { retry_after, ..Headers::default() }, &[]));
        }
        let len = file.len() as u64;
        let mut headers = Headers { etag: mode.exposed.then(|| format!("\"{state}\"")), ..Headers::default() };
        if mode.changes > 0 {
            mode.changes -= 1;
            *state += 1;
        }
        let (status, body) = if !mode.ranges {
            (200, &file[..])
        } else if range.start >= len {
            headers.content_range = mode.exposed.then(|| format!("bytes */{len}"));
            (416, &[][..])
        } else {
            let end = range.end.min(len).min(range.start.saturating_add(mode.longest));
            headers.content_range = mode.exposed.then(|| format!("bytes {}-{}/{len}", range.start, end - 1));
            (206, &file[range.start as usize..end as usize])
        };
        headers.content_length = mode.length.then(|| body.len().to_string());
        let mut answer = answer(status, headers, body);
        if mode.cuts > 0 && body.len() > mode.cut_after {
            mode.cuts -= 1;
            answer.body = FakeBody { chunks: chunks(&body[..mode.cut_after]), is_cut: true };
        }
        Ok(answer)
    }

    async fn pause(&self, _: u32) {}

    fn now_ms(&self) -> f64 {
        0.0
    }
}

fn answer(status: u16, headers: Headers, body: &[u8]) -> Answer<FakeBody> {
    Answer { status, headers, body: FakeBody { chunks: chunks(body), is_cut: false } }
}

/// In pieces of no particular size.
fn chunks(body: &[u8]) -> std::vec::IntoIter<Vec<u8>> {
    body.chunks(7001).map(<[u8]>::to_vec).collect::<Vec<_>>().into_iter()
}
