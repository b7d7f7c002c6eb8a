//! What a plan says before anything is computed: where every module goes, at which size and rank.

use lorascope_format::NotAnalyzed;
use serde::{Deserialize, Serialize};

/// A plan as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanHead {
    pub rows: usize,
    /// The target in words.
    pub target: String,
    pub base_model: Option<String>,
    pub same_model: bool,
    /// Layers of the source, and of the target where it says.
    pub source_layers: u32,
    pub target_layers: Option<u32>,
    /// The share of the adapter's energy that the kept singular values hold.
    pub kept: f64,
    /// Of the file that would be written.
    pub bytes: u64,
    pub dtype: String,
    pub left_out: Vec<NotAnalyzed>,
    pub warnings: Vec<String>,
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
