//! The projection's part of the report.

use serde::{Deserialize, Serialize};

use super::{FileReport, NotAnalyzed};

/// One projected adapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectionReport {
    /// The source's label.
    pub adapter: String,
    /// `svd`, `truncate`, `interpolate`.
    pub method: String,
    /// In words: "the same sizes", "Llama 3.2 1B", "target/config.json".
    pub target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_model: Option<String>,
    /// The written adapter.
    pub file: FileReport,
    /// Of the written factors.
    pub dtype: String,
    pub modules: Vec<ProjectedModule>,
    /// Modules and tensors of the source that are not in the result, and why.
    pub left_out: Vec<NotAnalyzed>,
    pub warnings: Vec<String>,
    /// Of the whole adapter, as one long vector, scales included.
    pub quality: Quality,
}

/// One module of the result. `frobenius` and `singular_values` are those of the ΔW' = s·B'A' that the written file
/// holds, the scale and the dtype's rounding included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectedModule {
    /// The path in the target model.
    pub name: String,
    /// The module of the source.
    pub source: String,
    /// `[out, in]`
    pub shape: [u64; 2],
    pub source_shape: [u64; 2],
    pub rank: u32,
    pub source_rank: u32,
    pub scale: f64,
    /// What `svd` multiplied the singular values by for the change of size; 1 otherwise.
    pub gain: f64,
    pub frobenius: f64,
    pub singular_values: Vec<f64>,
    pub quality: Quality,
}

/// How the result stands to its source; figures that a change of shape leaves without meaning are absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// ‖ΔW − ΔW'‖_F / ‖ΔW‖_F.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_error: Option<f64>,
    /// The reference's: the mean squared error over the mean square, the square of `relative_error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconstruction_error: Option<f64>,
    /// 1 − `reconstruction_error`: for a best approximation the share of Σσ² that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_kept: Option<f64>,
    /// rank(ΔW') / rank(ΔW), by the reference's rule: σ > σ₁·max(m, n)·2⁻⁵².
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank_preservation: Option<f64>,
    /// ‖ΔW'‖_F / ‖ΔW‖_F; absent for a source without energy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm_ratio: Option<f64>,
    /// Between the column spaces of ΔW and ΔW', in radians, ascending; absent where the outputs differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_angles: Vec<f64>,
    /// Between their row spaces; absent where the inputs differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub right_angles: Vec<f64>,
    /// The reference's: the mean cosine of the first five left singular vectors, signs aside. Absent where shapes
    /// differ, and where the vectors are not determined: fewer than five, or singular values too close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subspace_alignment: Option<f64>,
}
