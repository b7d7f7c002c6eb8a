//! What page and engine say to each other, as far as it leaves the machine: shared links and schemes.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "only its files' type")]
#[path = "../common/dialect.rs"]
mod dialect;
#[path = "../common/dropped.rs"]
mod dropped;
#[path = "../common/numbers.rs"]
mod numbers;
#[path = "../common/started.rs"]
mod started;

mod links;
mod schemes;
