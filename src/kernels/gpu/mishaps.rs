//! What tests let go wrong with a device; `no_mishaps.rs` stands in where there are no tests.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::KernelSource;
use crate::ComputeError;

/// What tests let go wrong: the devices that tests can have never run out of memory, and never go away by themselves.
/// A device and those that are opened in its place share one.
#[derive(Debug, Default)]
pub struct Mishaps {
    memory: Cell<Option<u64>>,
    losses: RefCell<Vec<(&'static str, u32)>>,
    broken: Cell<Option<&'static str>>,
    rewritten: Cell<Option<Rewrite>>,
    stale: RefCell<Option<Stale>>,
}

/// A kernel, a part of its text, and what stands there instead.
type Rewrite = (&'static str, &'static str, &'static str);

/// Readbacks that are still right, and what the last ones gave, by their lengths.
#[derive(Debug)]
struct Stale {
    right: u32,
    last: HashMap<usize, Vec<u8>>,
}

impl Mishaps {
    /// Lets a device refuse buffers that together are over so many bytes.
    pub fn limit_memory(&self, bytes: Option<u64>) {
        self.memory.set(bytes);
    }

    /// Lets the device go in the midst of the `n`-th such step from now on, counted from 1: `upload`, `readback`, or
    /// the work of the kernel of that name.
    pub fn lose_at(&self, step: &'static str, n: u32) {
        self.losses.borrow_mut().push((step, n));
    }

    /// Lets a kernel not compile that has not been compiled yet.
    pub fn break_kernel(&self, name: &'static str) {
        self.broken.set(Some(name));
    }

    /// Lets a kernel that has not been compiled yet compute something else: `part` of its text is replaced.
    pub fn rewrite_kernel(&self, name: &'static str, part: &'static str, by: &'static str) {
        self.rewritten.set(Some((name, part, by)));
    }

    /// Lets every readback after the next `right` ones give the bytes of the last one of the same length.
    pub fn read_stale_after(&self, right: u32) {
        self.stale.replace(Some(Stale { right, last: HashMap::new() }));
    }

    /// What a kernel is compiled from.
    pub(super) fn wgsl(&self, source: KernelSource) -> Cow<'static, str> {
        if self.broken.get() == Some(source.name) {
            return "a shader that does not compile".into();
        }
        match self.rewritten.get() {
            Some((name, part, by)) if name == source.name => {
                assert!(source.wgsl.contains(part), "{name} has no such part: {part}");
                source.wgsl.replace(part, by).into()
            }
            _ => source.wgsl.into(),
        }
    }

    /// What a readback of these bytes gives.
    pub(super) fn read(&self, bytes: Vec<u8>) -> Vec<u8> {
        let mut stale = self.stale.borrow_mut();
        let Some(Stale { right, last }) = stale.as_mut() else { return bytes };
        let former = last.insert(bytes.len(), bytes.clone());
        if *right > 0 {
            *right -= 1;
            return bytes;
        }
        former.unwrap_or(bytes)
    }

    /// The error of a device that is to hold `bytes` bytes at once, and may not.
    pub(super) fn shortage(&self, bytes: u64) -> Option<ComputeError> {
        let limit = self.memory.get().filter(|&limit| bytes > limit)?;
        Some(ComputeError::OutOfMemory(format!("{bytes} bytes at once, of {limit}")))
    }

    /// Losses that have not come yet.
    pub fn losses_to_come(&self) -> usize {
        self.losses.borrow().len()
    }

    /// Whether a loss comes in the midst of this step.
    pub(super) fn strikes(&self, step: &str) -> bool {
        let mut losses = self.losses.borrow_mut();
        losses.iter_mut().filter(|(name, _)| *name == step).for_each(|(_, n)| *n = n.saturating_sub(1));
        let before = losses.len();
        losses.retain(|&(_, n)| n > 0);
        losses.len() < before
    }
}
