//! What the engine holds: the items, and the order of the states among them.

pub(crate) mod item;
pub(crate) mod series;
