//! Where bytes come from: dropped files, and files behind an address, which become one of these.

#[cfg(target_arch = "wasm32")]
mod blob;
pub mod http;
#[cfg(target_arch = "wasm32")]
pub mod readers;
#[cfg(target_arch = "wasm32")]
pub mod worker;

#[cfg(target_arch = "wasm32")]
pub use blob::{BlobSource, remind_collector};
