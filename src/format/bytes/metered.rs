use std::cell::Cell;
use std::future::Future;
use std::ops::Range;
use std::rc::Rc;

use super::{ByteSource, SourceError};

/// A source that adds what is read from it to a shared count.
#[derive(Clone, Debug)]
pub struct Metered<S> {
    source: S,
    bytes_read: Rc<Cell<u64>>,
}

impl<S> Metered<S> {
    pub fn new(source: S, bytes_read: Rc<Cell<u64>>) -> Self {
        Self { source, bytes_read }
    }
}

impl<S: ByteSource> ByteSource for Metered<S> {
    type Piece = S::Piece;

    fn path(&self) -> &str {
        self.source.path()
    }

    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read(&self, range: Range<u64>) -> impl Future<Output = Result<Vec<u8>, SourceError>> {
        let reading = self.source.read(range);
        async move {
            let bytes = reading.await?;
            self.bytes_read.set(self.bytes_read.get() + bytes.len() as u64);
            Ok(bytes)
        }
    }

    /// Not counted: nothing is read.
    fn part(&self, range: Range<u64>) -> Result<S::Piece, SourceError> {
        self.source.part(range)
    }

    fn keep(bytes: Vec<u8>) -> Result<S::Piece, SourceError> {
        S::keep(bytes)
    }
}
