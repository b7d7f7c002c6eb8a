//! Alignment through a whole session, on both backends: what the reference answers, what dense f64 says of captures
//! and trajectories, what is read again, and what is said in words.

pub mod bench;
mod figures;
mod kept;
pub mod run;
mod told;
mod words;
