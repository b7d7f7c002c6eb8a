//! Where every module goes, at which size and rank: decided before anything is computed.

use serde::{Deserialize, Serialize};

use super::models::ModelShape;
use super::request::{Method, Request};
use crate::report::NotAnalyzed;

/// A module of the source, as far as the plan needs it.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Path in the model.
    pub name: &'a str,
    pub layer: Option<u32>,
    pub stack: &'a str,
    pub role: &'a str,
    /// `[out, in]` of ΔW, as the base model stores the weight; for a convolution in is channels·kernel.
    pub shape: [u64; 2],
    pub rank: u32,
    /// Singular values without the scale, descending, min(out, in, rank) of them.
    pub sigma: &'a [f64],
    pub scale: f64,
    /// The base stores the weight as `[in, out]` (GPT-2's Conv1D).
    pub swapped: bool,
    /// Elements of a convolution's kernel; 1 for a linear module or an embedding.
    pub kernel: u64,
}

/// What a target says about sizes.
#[derive(Clone, Copy, Debug)]
pub enum TargetShape<'a> {
    Unchanged,
    Model(&'a ModelShape),
    /// Names and shapes of a checkpoint's tensors, over all its files.
    Weights(&'a [(String, Vec<u64>)]),
}

/// One module of the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanRow {
    /// The module of the source, by its name there.
    pub source: String,
    /// The path in the target model.
    pub name: String,
    pub layer: Option<u32>,
    /// `[out, in]` of the source and of the result.
    pub from: [u64; 2],
    pub shape: [u64; 2],
    pub source_rank: u32,
    pub rank: u32,
    pub scale: f64,
    /// The share of the energy that the kept singular values hold, 0 to 1: what `svd` promises before it crops.
    /// 1 where the rank stays and for a module without energy.
    pub kept: f64,
    /// What `svd` multiplies the singular values by, ((m·n)/(m'·n'))^¼; 1 for the other methods.
    pub gain: f64,
}

/// A whole plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub method: Method,
    pub rows: Vec<PlanRow>,
    /// Modules of the source that have no place in the target, and why.
    pub unplaced: Vec<NotAnalyzed>,
    /// The share of the whole adapter's energy that the kept singular values hold, scales included.
    pub kept: f64,
    /// The base that the result is for; `None` where nobody says.
    pub base_model: Option<String>,
    /// No module's size or name changes.
    pub same_model: bool,
    /// Layers of the source, and of the target where it says.
    pub source_layers: u32,
    pub target_layers: Option<u32>,
    /// Sentences for a person.
    pub warnings: Vec<String>,
}

/// Why there is no plan, in sentences for a person: what is wrong and what to give instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(pub String);

/// Makes the plan. `base_model` is the source's; `target_words` names the target in sentences: "config.json",
/// "Llama 3.2 1B".
///
/// # Errors
/// [`PlanError`]: an unknown method, a size of zero or beyond what can be computed, a target that lacks a needed
/// number, that shares no module with the adapter, or that has a place for none.
pub fn plan(
    _subjects: &[Subject<'_>],
    _request: &Request,
    _target: TargetShape<'_>,
    _target_words: &str,
    _base_model: Option<&str>,
) -> Result<Plan, PlanError> {
    Err(PlanError("not there yet".to_owned()))
}
