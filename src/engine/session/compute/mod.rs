//! Where work is computed: the backend, the crew of workers, and whether a GPU can be believed.

pub(crate) mod backend;
pub mod crew;
pub(crate) mod difference;
pub(crate) mod jobs;
pub(crate) mod redo;
pub(crate) mod schedule;
pub(crate) mod trial;
pub(crate) mod trust;
