//! What a person asks of a projection ([`request`]), what is known of target models ([`models`]), and what the plan
//! says ([`plan`]). The engine makes the plan and the result.

mod listed;
pub mod models;
mod plan;
pub mod request;

pub use models::{ListedModel, MODELS, ModelShape};
pub use plan::{PlanHead, PlanRow};
pub use request::{Layers, Method, OutputType, RankRule, Request, Size, SizeOf, Target};
