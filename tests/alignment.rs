//! Alignment through a whole session, on both backends: what the reference answers, what dense f64 says of captures
//! and trajectories, what is read again, and what is said in words.

#![cfg(not(target_arch = "wasm32"))]

mod cases;
mod common;

#[path = "alignment/bench.rs"]
mod bench;
#[path = "alignment/figures.rs"]
mod figures;
#[path = "alignment/kept.rs"]
mod kept;
#[path = "alignment/run.rs"]
mod run;
#[path = "alignment/told.rs"]
mod told;
#[path = "alignment/words.rs"]
mod words;
