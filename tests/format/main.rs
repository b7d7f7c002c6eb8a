//! What files say: containers, keys, names, quantised weights (`cargo test -p lorascope-format --test format names::`).

#![cfg(not(target_arch = "wasm32"))]

#[path = "../common/mod.rs"]
mod common;

mod adapter;
mod container;
mod gguf;
mod keys;
mod names;
mod quantised;
mod seeds;
