use std::future::{Future, ready};
use std::ops::Range;
use std::rc::Rc;

use lorascope_format::bytes::{ByteSource, SourceError};

/// The beginning of a file, as a file of its full length: enough to read its header, and no more.
#[derive(Clone, Debug)]
pub struct Head {
    path: String,
    bytes: Rc<[u8]>,
    len: u64,
}

impl Head {
    /// `len` is the whole file's.
    pub fn new(path: String, bytes: &[u8], len: u64) -> Self {
        Self { path, bytes: bytes.into(), len }
    }

    fn slice(&self, range: Range<u64>) -> Result<&[u8], SourceError> {
        let place = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        place.and_then(|(begin, end)| self.bytes.get(begin..end)).ok_or_else(|| SourceError::OutOfRange {
            path: self.path.clone(),
            begin: range.start,
            end: range.end,
            len: self.bytes.len() as u64,
        })
    }
}

impl ByteSource for Head {
    type Piece = Rc<[u8]>;

    fn path(&self) -> &str {
        &self.path
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self, range: Range<u64>) -> impl Future<Output = Result<Vec<u8>, SourceError>> {
        ready(self.slice(range).map(<[u8]>::to_vec))
    }

    fn part(&self, range: Range<u64>) -> Result<Rc<[u8]>, SourceError> {
        self.slice(range).map(Rc::from)
    }

    fn keep(bytes: Vec<u8>) -> Result<Rc<[u8]>, SourceError> {
        Ok(bytes.into())
    }
}
