use super::{Stop, words};
use lorascope_format::bytes::{ByteSource, Joined, SourceError};
use lorascope_protocol::address::RemoteFile;

/// Bytes that are gathered before the environment takes them.
const PIECE: usize = 8 << 20;

/// One file behind an address, as far as it is here.
pub struct Remote<S: ByteSource, B> {
    pub address: String,
    pub path: String,
    /// The beginning, until it is sealed.
    head: Vec<u8>,
    sealed: bool,
    pieces: Vec<S::Piece>,
    buffer: Vec<u8>,
    /// Bytes that are here.
    pub(super) at: u64,
    /// Bytes of the running answer that were here before it began.
    pub(super) skip: u64,
    /// The length of the file, once it is known.
    pub(super) total: Option<u64>,
    /// What the server says of its length, where that may be another number.
    pub(super) about: Option<u64>,
    pub(super) tag: Option<String>,
    /// Its server ignores ranges.
    pub(super) is_whole: bool,
    pub(super) is_complete: bool,
    /// An answer of which more is to come.
    pub(super) body: Option<B>,
}

impl<S: ByteSource, B> Remote<S, B> {
    pub(super) fn new(file: &RemoteFile) -> Self {
        Self {
            address: file.address.clone(),
            path: file.path.clone(),
            head: Vec::new(),
            sealed: false,
            pieces: Vec::new(),
            buffer: Vec::new(),
            at: 0,
            skip: 0,
            total: None,
            about: None,
            tag: None,
            is_whole: false,
            is_complete: false,
            body: None,
        }
    }

    /// The beginning of the file.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The length of the file, where it is known for sure.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// All of it is here.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Its server ignores ranges: the file comes as one stream, whose end is the file's.
    pub fn is_stream(&self) -> bool {
        self.is_whole
    }

    /// Takes the length from what the file says of itself, where the server does not.
    pub fn expect_total(&mut self, len: u64) {
        if self.total.is_none() && self.at <= len {
            self.total = Some(len);
        }
    }

    /// A remark for a person on how it had to be read.
    pub fn remark(&self) -> Option<String> {
        self.is_whole.then(|| words::only_whole(&self.address))
    }

    /// Takes the next bytes of the running answer.
    pub(super) fn take(&mut self, chunk: &[u8], to: u64) -> Result<(), Stop> {
        // After a new start without ranges, what is here already comes again.
        let again = self.skip.min(chunk.len() as u64);
        self.skip -= again;
        let fresh = &chunk[again as usize..];
        // A part that is longer than what was asked for; a whole file has no end but its own.
        let room = if self.is_whole { u64::MAX } else { to.saturating_sub(self.at) };
        let fresh = &fresh[..usize::try_from(room).unwrap_or(usize::MAX).min(fresh.len())];
        self.at += fresh.len() as u64;
        if !self.sealed {
            self.head.extend_from_slice(fresh);
            return Ok(());
        }
        self.buffer.extend_from_slice(fresh);
        if self.buffer.len() >= PIECE { self.flush() } else { Ok(()) }
    }

    /// The header has been read; what follows is kept outside of this memory.
    pub(super) fn seal(&mut self) -> Result<(), Stop> {
        self.sealed = true;
        self.buffer = std::mem::take(&mut self.head);
        self.flush()
    }

    pub(super) fn flush(&mut self) -> Result<(), Stop> {
        if !self.buffer.is_empty() {
            self.pieces.push(S::keep(std::mem::take(&mut self.buffer)).map_err(failed)?);
        }
        Ok(())
    }
}

impl<S: Joined, B> Remote<S, B> {
    /// The whole file.
    ///
    /// # Errors
    /// The environment cannot keep it.
    pub fn into_source(mut self) -> Result<S, Stop> {
        self.seal_what_is_left()?;
        S::joined(self.path, self.pieces).map_err(failed)
    }

    fn seal_what_is_left(&mut self) -> Result<(), Stop> {
        if self.sealed { self.flush() } else { self.seal() }
    }
}

fn failed(error: SourceError) -> Stop {
    Stop::Failed(error.to_string())
}
