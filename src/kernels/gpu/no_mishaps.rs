//! `mishaps.rs` where there are no tests: nothing is let go wrong, at no cost.

use std::borrow::Cow;

use super::KernelSource;
use crate::ComputeError;

/// Nothing; with the feature `test-support`, what tests let go wrong.
#[derive(Debug, Default)]
pub struct Mishaps;

impl Mishaps {
    pub(super) fn wgsl(&self, source: KernelSource) -> Cow<'static, str> {
        source.wgsl.into()
    }

    pub(super) fn read(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    pub(super) fn shortage(&self, _bytes: u64) -> Option<ComputeError> {
        None
    }

    pub(super) fn strikes(&self, _step: &str) -> bool {
        false
    }
}
