//! What is written: an adapter as a safetensors file with its configuration, and both as a zip, in pieces.
//!
//! Everything that a file needs beside its numbers is known before the first of them: [`layout`] gives the header
//! and every tensor's place ([`new_adapter`] where there is no source adapter), [`peft_config`] the `adapter_config.json`, and [`zip`] what stands between the members of
//! an archive. The factors follow one by one through [`encode`], each handed to the environment as a piece
//! ([`lorascope_format::bytes::ByteSource::keep`]), so that no second copy of the whole is ever held.

mod carry;
pub mod encode;
mod layers;
pub mod layout;
pub mod new_adapter;
mod patterns;
pub mod peft_config;
pub mod safetensors;
mod targets;
pub mod zip;

pub use encode::{EncodeError, encode};
pub use layout::{Carried, FactorPlace, Layout, LayoutError, Part, RowLayout, layout};
pub use new_adapter::{Base, NewAdapterError, NewModule, new_adapter};
pub use peft_config::{ConfigError, WrittenConfig, adapter_config};
