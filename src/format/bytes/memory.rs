use std::future::Future;
use std::ops::Range;
use std::rc::Rc;

use super::{ByteSource, Joined, SourceError};

/// A file held in memory: the bundled sample's kind, and the tests'.
#[derive(Clone, Debug)]
pub struct MemorySource {
    path: String,
    bytes: Rc<[u8]>,
}

impl MemorySource {
    pub fn new(path: impl Into<String>, bytes: impl Into<Rc<[u8]>>) -> Self {
        Self { path: path.into(), bytes: bytes.into() }
    }

    fn slice(&self, range: Range<u64>) -> Result<&[u8], SourceError> {
        let slice = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        slice.and_then(|(begin, end)| self.bytes.get(begin..end)).ok_or_else(|| SourceError::OutOfRange {
            path: self.path.clone(),
            begin: range.start,
            end: range.end,
            len: self.len(),
        })
    }
}

impl ByteSource for MemorySource {
    type Piece = Rc<[u8]>;

    fn path(&self) -> &str {
        &self.path
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, range: Range<u64>) -> impl Future<Output = Result<Vec<u8>, SourceError>> {
        std::future::ready(self.slice(range).map(<[u8]>::to_vec))
    }

    fn part(&self, range: Range<u64>) -> Result<Rc<[u8]>, SourceError> {
        self.slice(range).map(Rc::from)
    }

    fn keep(bytes: Vec<u8>) -> Result<Rc<[u8]>, SourceError> {
        Ok(bytes.into())
    }
}

impl Joined for MemorySource {
    fn joined(path: String, pieces: Vec<Rc<[u8]>>) -> Result<Self, SourceError> {
        Ok(Self::new(path, pieces.concat()))
    }
}
