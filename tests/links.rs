//! Shared links: what they carry, how long they are, and that a damaged one never shows anything else.

#![cfg(not(target_arch = "wasm32"))]

mod common;
#[path = "links/damage.rs"]
mod damage;
#[path = "links/golden.rs"]
mod golden;
#[path = "links/kept.rs"]
mod kept;
#[path = "links/length.rs"]
mod length;
#[path = "links/made.rs"]
mod made;
