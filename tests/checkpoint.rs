//! Checkpoints: which files belong together, in which order states come, which tensor is a module's weight.

#![cfg(not(target_arch = "wasm32"))]

mod common;

#[path = "checkpoint/held.rs"]
mod held;
#[path = "checkpoint/sets.rs"]
mod sets;
