//! What a person asks of a projection ([`request`]), what is known of target models ([`models`]), and what the plan
//! says ([`plan`]). The engine makes the plan and the result.

use serde::{Deserialize, Serialize};

use crate::report::saved::NEEDS_ITS_FILE;

mod listed;
pub mod models;
mod plan;
pub mod request;

pub use models::{ListedModel, MODELS, ModelShape};
pub use plan::{PlanHead, PlanRow};
pub use request::{Layers, Method, OutputType, RankRule, Request, Size, SizeOf, Target};

/// Why there is no projection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Whatever is asked for: what is written has PEFT's LoRA form, and the adapter is of this format.
    #[error(
        "Projection writes adapters as PEFT writes LoRA, so it needs one in that form; this is {0}. Its profile and its \
         alignment are here all the same."
    )]
    NotOfPeft(String),
    /// Whatever is asked for: only the adapter's report is here.
    #[error("{NEEDS_ITS_FILE}")]
    NeedsItsFile,
    /// Of what is asked for, as a sentence.
    #[error("{0}")]
    Words(String),
}
