//! Comparison through a whole session, on both backends: what dense f64 says of every figure, the same adapter under
//! the names of several dialects, what cannot be compared, and what the page is told.

#![cfg(not(target_arch = "wasm32"))]

mod cases;
mod common;

#[path = "alignment/bench.rs"]
#[allow(dead_code)]
mod bench;
#[path = "comparison/crafted.rs"]
mod crafted;
#[path = "comparison/dense.rs"]
mod dense;
#[path = "comparison/dialects.rs"]
mod dialects;
#[path = "comparison/figures.rs"]
mod figures;
#[path = "comparison/told.rs"]
mod told;
