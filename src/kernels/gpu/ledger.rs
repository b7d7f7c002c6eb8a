//! What buffers a device holds.

use std::cell::Cell;
use std::rc::Rc;

use super::Mishaps;
use crate::ComputeError;

/// The buffers that are alive on a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub buffers: u64,
    pub bytes: u64,
}

/// Keeps account of a device's buffers.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    held: Cell<Held>,
    /// The most bytes that were alive at once.
    peak: Cell<u64>,
    /// Buffers that there was no memory for.
    refused: Cell<u64>,
}

impl Ledger {
    /// Enters a buffer of `size` bytes.
    ///
    /// # Errors
    /// [`ComputeError::OutOfMemory`] where it goes over what a test allows.
    pub(super) fn enter(self: &Rc<Self>, size: u64, mishaps: &Mishaps) -> Result<Entry, ComputeError> {
        let Held { buffers, bytes } = self.held.get();
        let bytes = bytes + size;
        if let Some(error) = mishaps.shortage(bytes) {
            self.refused.set(self.refused.get() + 1);
            return Err(error);
        }
        self.held.set(Held { buffers: buffers + 1, bytes });
        self.peak.set(self.peak.get().max(bytes));
        Ok(Entry { ledger: Rc::clone(self), size })
    }

    pub(super) fn held(&self) -> Held {
        self.held.get()
    }

    pub(super) fn peak(&self) -> u64 {
        self.peak.get()
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// The peak and the refusals.
    pub(super) fn known(&self) -> [u64; 2] {
        [self.peak.get(), self.refused.get()]
    }

    /// As they were.
    pub(super) fn recall(&self, [peak, refused]: [u64; 2]) {
        self.peak.set(peak);
        self.refused.set(refused);
    }

    /// Starts the peak and the refusals anew.
    pub(super) fn forget(&self) {
        self.peak.set(self.held.get().bytes);
        self.refused.set(0);
    }
}

/// One buffer in the ledger, for as long as it lives.
#[derive(Debug)]
pub(super) struct Entry {
    ledger: Rc<Ledger>,
    size: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Held { buffers, bytes } = self.ledger.held.get();
        self.ledger.held.set(Held { buffers: buffers - 1, bytes: bytes - self.size });
    }
}
