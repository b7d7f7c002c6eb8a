//! Checkpoints: which files belong together, in which order states come, which tensor is a module's weight.

mod changed;
mod held;
mod matching;
mod sets;
