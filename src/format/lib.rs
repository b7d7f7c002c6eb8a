//! Adapter files: their containers, their dialects, the names of models' parts, and checkpoints.
//!
//! bytes ([`bytes`]) → [`container`] (safetensors, GGUF) → [`adapter`] (which tensors are a module, at what scale) and
//! [`checkpoint`] (which weight a module changes). Headers and small tensors are read, factors only pointed at; nothing
//! here computes with them.

pub mod adapter;
pub mod bytes;
pub mod checkpoint;
pub mod container;
pub mod natural;
pub mod path;

use serde::{Deserialize, Serialize};

/// A tensor or module that is not part of the analysis, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotAnalyzed {
    pub name: String,
    pub reason: String,
}
