//! What the page's worker does with adapters: from files to reports and new files.
//!
//! The data's way, which the modules follow in order: bytes ([`source`]) → what was dropped ([`intake`], by
//! [`lorascope_format`]) → factors ([`formula`]) → batches and primitives ([`lorascope_kernels`]) → measures
//! ([`analysis`]) → the report ([`lorascope_protocol::report`]); a [`projection`] is planned, computed and written
//! ([`export`]). [`session`] runs that way for one engine; `worker/` is its program in the browser.

pub mod analysis;
pub mod export;
pub mod factor_type;
pub mod formula;
pub mod intake;
pub mod projection;
pub mod session;
pub mod source;
