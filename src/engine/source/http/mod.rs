//! Files that lie behind an address: read by ranges, with plain GETs that no server has to allow first.
//!
//! A request carries one `Range: bytes=a-b` header and no other of its own, so that browsers send it without asking
//! (no CORS preflight). The first range is large enough for most headers. What a browser's network can do is behind
//! [`Network`]; the rest is the same everywhere and tested without one.

use std::future::Future;
use std::ops::Range;

mod answer;
mod content_range;
#[cfg(target_arch = "wasm32")]
mod fetch;
mod head;
mod line;
mod listing;
mod remote;
mod retry;
pub mod words;

pub use answer::{Headers, Meaning, meaning};
#[cfg(target_arch = "wasm32")]
pub use fetch::BrowserNetwork;
pub use head::Head;
pub use line::{Line, Watch};
pub use listing::choose;
pub use remote::Remote;

/// Why there is no (more) data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// No answer: the host is not there, or does not let this page read (browsers do not say which of the two).
    Unreachable,
    /// The connection ended in the middle.
    CutOff,
    /// Nothing came for a long time.
    TimedOut,
}

/// The beginning of an answer.
pub struct Answer<B> {
    pub status: u16,
    pub headers: Headers,
    pub body: B,
}

/// The bytes of an answer, as they come. Dropping it ends the transfer.
pub trait Body {
    /// The next bytes; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, Broken>>;
}

/// What can be asked of a network.
pub trait Network {
    type Body: Body;

    /// One GET of the bytes in `range`. Redirections are followed.
    fn get(&self, address: &str, range: Range<u64>) -> impl Future<Output = Result<Answer<Self::Body>, Broken>>;
    /// Waits for so many milliseconds.
    fn pause(&self, ms: u32) -> impl Future<Output = ()>;
    /// Milliseconds since some moment.
    fn now_ms(&self) -> f64;
}

/// Why a file is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    Cancelled,
    /// The server says that there is no such file; the sentence names it.
    Missing(String),
    /// It does not give it to everyone; the sentence names it.
    Closed(String),
    /// A sentence that names the address.
    Failed(String),
    /// It is another file than the one whose beginning was read.
    Changed,
}
