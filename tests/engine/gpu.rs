//! What goes wrong with a GPU while it works: its device goes away, its memory is too small. The figures stay right.

mod losses;
pub mod scenes;
mod shortage;
mod wrong;
