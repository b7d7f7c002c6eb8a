//! What page and engine say to each other, as far as it leaves the machine: shared links.

#![cfg(not(target_arch = "wasm32"))]

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code)] // only its files' type
#[path = "../common/dialect.rs"]
mod dialect;
#[path = "../common/dropped.rs"]
mod dropped;

mod links;
