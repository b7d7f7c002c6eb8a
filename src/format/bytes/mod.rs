//! Bytes that can be read by range: a dropped `File`, a file on disk, memory.
//!
//! Sizes and offsets are `u64` everywhere: on wasm32 `usize` ends at 4 GiB. Nothing reads a whole large file.

use std::future::Future;
use std::ops::Range;

mod memory;
mod metered;

pub use memory::MemorySource;
pub use metered::Metered;

/// A file that could not be read, in words that name it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("{path}: bytes {begin} to {end} lie beyond the end of the file ({len} bytes)")]
    OutOfRange { path: String, begin: u64, end: u64, len: u64 },
    #[error(
        "{path}: the browser could not read the file ({reason}). Was it moved or changed since it was dropped? Drop it again."
    )]
    Unreadable { path: String, reason: String },
    #[error(
        "the browser could not keep {len} bytes of the result ({reason}). Its memory or the disk may be full: close \
         other tabs or free some space, then try again."
    )]
    NotKept { len: u64, reason: String },
}

/// Something that can be read by range.
pub trait ByteSource: Clone {
    /// Bytes that the environment keeps for us until a file is put together of them: in a browser a `Blob`, outside
    /// of wasm's memory and, as the browser likes, on disk. A clone shares the bytes.
    type Piece: Clone;

    /// Path relative to what was dropped, with `/` between folders.
    fn path(&self) -> &str;
    /// Size in bytes.
    fn len(&self) -> u64;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The bytes of `range`, all of them. Reading begins with the call, not when the future is first polled: work
    /// done between the two overlaps with it.
    fn read(&self, range: Range<u64>) -> impl Future<Output = Result<Vec<u8>, SourceError>>;
    /// The bytes of `range` as a piece, without reading them here: in a browser nothing is copied.
    ///
    /// # Errors
    /// A range that does not lie in the file.
    fn part(&self, range: Range<u64>) -> Result<Self::Piece, SourceError>;
    /// Hands bytes over to the environment.
    ///
    /// # Errors
    /// [`SourceError::NotKept`]: the environment has no room for them.
    fn keep(bytes: Vec<u8>) -> Result<Self::Piece, SourceError>;
}

/// A source that can be put together of pieces that the environment keeps.
pub trait Joined: ByteSource {
    /// The pieces, one after the other, as one file.
    ///
    /// # Errors
    /// [`SourceError::NotKept`]: the environment has no room for it.
    fn joined(path: String, pieces: Vec<Self::Piece>) -> Result<Self, SourceError>;
}
