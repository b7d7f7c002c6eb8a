//! Projection: an adapter taken to another model's width, or to a smaller rank.
//!
//! [`request`] is what a person asks for, [`models`] what is known of target models, [`mod@plan`] where every module
//! goes and at which rank: pure functions of names, shapes and singular values. The factors themselves are made by
//! [`lorascope_kernels::linalg`] on the backend, measured by [`quality`], and written by [`crate::export`].
//!
//! After the reference projector: `svd`, `truncate` and `interpolate` give exactly its products.

mod layers;
mod listed;
pub mod models;
mod places;
pub mod plan;
pub mod quality;
mod rank;
pub mod request;
mod sizes;
mod target;

pub use models::{ListedModel, MODELS, ModelShape};
pub use plan::{Plan, PlanError, PlanRow, Subject, TargetShape, plan};
pub use request::{Layers, Method, OutputType, RankRule, Request, Size, SizeOf, Target};

/// Why an adapter of this format has no projection, whatever is asked for: what is written has PEFT's LoRA form.
pub fn needs_lora_of_peft(format: &str) -> String {
    format!(
        "Projection writes adapters as PEFT writes LoRA, so it needs one in that form; this is {format}. Its profile and \
         its alignment are here all the same."
    )
}
