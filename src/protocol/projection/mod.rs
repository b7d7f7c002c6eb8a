//! What a person asks of a projection ([`request`]), what is known of target models ([`models`]), and what the plan
//! says ([`plan`]). The engine makes the plan and the result.

mod listed;
pub mod models;
mod plan;
pub mod request;

pub use models::{ListedModel, MODELS, ModelShape};
pub use plan::{PlanHead, PlanRow};
pub use request::{Layers, Method, OutputType, RankRule, Request, Size, SizeOf, Target};

/// Why an adapter of this format has no projection, whatever is asked for: what is written has PEFT's LoRA form.
pub fn needs_lora_of_peft(format: &str) -> String {
    format!(
        "Projection writes adapters as PEFT writes LoRA, so it needs one in that form; this is {format}. Its profile and \
         its alignment are here all the same."
    )
}
