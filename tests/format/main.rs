//! What files say: containers, dialects, names, checkpoints (`cargo test -p lorascope-format --test format names::`).

#![cfg(not(target_arch = "wasm32"))]

#[path = "../common/mod.rs"]
mod common;

mod adapter;
mod container;
mod gguf;
mod names;
mod quantised;
mod seeds;
