//! What goes wrong with a GPU while it works: its device goes away, its memory is too small. The figures stay right.

#![cfg(not(target_arch = "wasm32"))]

mod cases;
mod common;

#[path = "alignment/bench.rs"]
#[allow(dead_code)]
mod bench;
#[path = "mishaps/losses.rs"]
mod losses;
#[path = "alignment/run.rs"]
#[allow(dead_code)]
mod run;
#[path = "mishaps/scenes.rs"]
mod scenes;
#[path = "mishaps/shortage.rs"]
mod shortage;
#[path = "mishaps/wrong.rs"]
mod wrong;
