//! What the page and the engine say to each other: messages, the [`report`], what is asked of a [`projection`], shared
//! [`link`]s, [`address`]es and [`scheme`]s.
//!
//! Values and their serialised forms only: the engine fills them, the page shows them, and neither knows the other.

pub mod address;
mod items;
mod jobs;
pub mod link;
mod messages;
pub mod percent;
pub mod projection;
pub mod report;
#[cfg(target_arch = "wasm32")]
pub mod wire;

pub use items::{Item, ItemId, ItemKind, Stage};
pub use jobs::*;
pub use messages::*;
pub use report::scheme;

/// What the page, too, has to know of names and paths, their parts and their order, and of a scale's source.
pub use lorascope_format::adapter::{ScaleSource, flat, names};
pub use lorascope_format::{natural, path};
