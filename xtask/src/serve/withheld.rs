//! Files that are asked for in vain: a request for one is accepted and never answered, as by a host that hangs.

use std::sync::{Mutex, PoisonError};

/// How many requests for a file stay without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    First(usize),
    Always,
}

/// Paths below the served place, each with what is left of its times.
#[derive(Debug, Default)]
pub struct Withheld(Mutex<Vec<(String, Times)>>);

impl Withheld {
    pub fn add(&self, file: &str, times: Times) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((file.to_owned(), times));
    }

    /// Whether this request is one to leave without an answer; it counts as one that was.
    pub fn takes(&self, file: &str) -> bool {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let takes = |times: &mut Times| match times {
            Times::Always => true,
            Times::First(0) => false,
            Times::First(left) => {
                *left -= 1;
                true
            }
        };
        files.iter_mut().any(|(name, times)| name == file && takes(times))
    }
}
