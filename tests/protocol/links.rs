//! Shared links: what they carry, how long they are, and that a damaged one never shows anything else.

mod damage;
mod golden;
mod kept;
mod length;
pub mod made;
