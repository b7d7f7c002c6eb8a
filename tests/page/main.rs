//! The built page in a real browser.
#![cfg(not(target_arch = "wasm32"))]
