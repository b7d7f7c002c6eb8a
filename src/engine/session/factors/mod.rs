//! An adapter's tensors, from its file to factors and their singular vectors.

pub(crate) mod subspaces;
pub(crate) mod tensors;
