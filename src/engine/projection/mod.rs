//! Projection: an adapter taken to another model's width, or to a smaller rank.
//!
//! What a person asks for is [`lorascope_protocol::projection`]. [`mod@plan`] says where every module goes and at which
//! rank: pure functions of names, shapes and singular values. The factors themselves are made by
//! [`lorascope_kernels::linalg`] on the backend, measured by [`quality`], and written by [`crate::export`].
//!
//! After the reference projector: `svd`, `truncate` and `interpolate` give exactly its products.

mod layers;
mod places;
pub mod plan;
pub mod quality;
mod rank;
mod sizes;
pub mod target;

pub use plan::{Plan, PlanError, Subject, TargetShape, plan};
