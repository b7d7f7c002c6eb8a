//! What files say: containers, keys, names, quantised weights (`cargo test --workspace --test format names::`).

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

#[path = "../common/mod.rs"]
mod common;

mod adapter;
mod container;
mod gguf;
mod keys;
mod names;
mod quantised;
mod seeds;
