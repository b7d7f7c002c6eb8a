//! Fields out of the beginning of a file that has been read so far.

use super::MAX_HEADER;
use super::fault::{GgufFault, Part};

/// Why reading stopped.
#[derive(Debug)]
pub enum Stop {
    /// The file goes on: its first so many bytes are wanted.
    More(u64),
    Fault(GgufFault),
}

impl From<GgufFault> for Stop {
    fn from(fault: GgufFault) -> Self {
        Self::Fault(fault)
    }
}

/// A place in a file of `len` bytes, of which the first `bytes` are here.
pub struct Cursor<'a> {
    bytes: &'a [u8],
    len: u64,
    at: usize,
    /// What is being read, for the messages.
    pub part: Part,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8], len: u64) -> Self {
        Self { bytes, len, at: 0, part: Part::Counts }
    }

    pub fn position(&self) -> u64 {
        self.at as u64
    }

    pub fn file_len(&self) -> u64 {
        self.len
    }

    /// Whether the rest of the file has room for `count` things of at least `each` bytes.
    pub fn has_room(&self, count: u64, each: u64) -> bool {
        count.checked_mul(each).is_some_and(|bytes| bytes <= self.len.saturating_sub(self.position()))
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: u64) -> Result<&'a [u8], Stop> {
        let truncated = GgufFault::Truncated { part: self.part, len: self.len };
        let end = self.position().checked_add(count).filter(|&end| end <= self.len).ok_or(truncated)?;
        if end > MAX_HEADER {
            return Err(GgufFault::HeaderOverLimit { most: MAX_HEADER }.into());
        }
        let (from, to) = (self.at, end as usize);
        let taken = self.bytes.get(from..to).ok_or(Stop::More(end))?;
        self.at = to;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut field = [0; N];
        field.copy_from_slice(self.take(N as u64)?);
        Ok(field)
    }

    pub fn u8(&mut self) -> Result<u8, Stop> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub fn u16(&mut self) -> Result<u16, Stop> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, Stop> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, Stop> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A text: its length in bytes, then those.
    pub fn text(&mut self) -> Result<&'a [u8], Stop> {
        let bytes = self.u64()?;
        if !self.has_room(bytes, 1) {
            return Err(GgufFault::TextPastEnd { part: self.part, bytes, len: self.len }.into());
        }
        self.take(bytes)
    }

    /// A text that names something, `most` bytes long at most.
    pub fn name(&mut self, most: u64) -> Result<&'a str, Stop> {
        let part = self.part;
        let text = self.text()?;
        if text.len() as u64 > most {
            return Err(GgufFault::NameTooLong { part, bytes: text.len() as u64, most }.into());
        }
        std::str::from_utf8(text).map_err(|_| GgufFault::NameNotUtf8 { part }.into())
    }
}
