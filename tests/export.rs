#![cfg(not(target_arch = "wasm32"))]
//! What is written: headers, layouts, bytes, configurations and zips, read back by independent readers.

mod common;
#[path = "export/config.rs"]
mod config;
#[path = "export/header.rs"]
mod header;
#[path = "export/layout.rs"]
mod layout;
#[path = "export/new.rs"]
mod new;
#[path = "export/zip.rs"]
mod zip;
