//! The alignment's part of the report: an adapter beside updates of the weights that it adapts.

use serde::{Deserialize, Serialize};

use super::{FileReport, NotAnalyzed};

/// One adapter beside one update X = W(to) − W(from), of checkpoints or of adapters saved along one training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlignmentReport {
    /// The adapter's label.
    pub adapter: String,
    /// Labels of the two states: a checkpoint's folder, its file without extension, or an adapter's label.
    pub from: String,
    pub to: String,
    pub along: Along,
    /// In the adapter's order; those whose weight is there with the same shape.
    pub modules: Vec<AlignedModule>,
    /// Of the whole adapter over its matched modules, each side as one long vector, scales included; absent without
    /// a matched module.
    #[serde(flatten)]
    pub whole: Figures,
    pub matched: u32,
    /// Modules without a figure, and why. The reference program gives each of them a cosine of 0.
    pub unmatched: Vec<NotAnalyzed>,
}

/// What the updates are differences of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Along {
    #[default]
    Checkpoints,
    Adapters,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlignedModule {
    pub name: String,
    #[serde(flatten)]
    pub figures: Figures,
    /// The reference program's own answer, its clamps included: without the scale, 0 where ‖X‖ < 1e-10.
    pub reference_cosine: f64,
}

/// An update ΔW beside a real update X.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// ⟨ΔW, X⟩ / (‖ΔW‖·‖X‖) by trace(BᵀXAᵀ); 0 where a norm is exactly zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine: Option<f64>,
    /// ‖U_kᵀ X V_k‖² / ‖X‖²: the share of X that lies in the adapter's subspaces; absent where X is zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<f64>,
    /// What random subspaces of the same dimensions would capture: k²/(m·n).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// ‖X‖_F.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_norm: Option<f64>,
    /// ‖ΔW‖_F / ‖W(from)‖_F; absent where the weight is zero or not known (adapters along a training).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_norm: Option<f64>,
}

/// A LoRA taken out of two checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtractionReport {
    pub from: String,
    pub to: String,
    /// The rule for the rank, in words: "rank 8", "99 % of the energy, at most rank 64".
    pub rank_rule: String,
    /// The written adapter.
    pub file: FileReport,
    /// Of the written factors.
    pub dtype: String,
    pub modules: Vec<ExtractedModule>,
    /// Tensors that are not in the result, and why.
    pub left_out: Vec<NotAnalyzed>,
    pub warnings: Vec<String>,
    /// ‖X‖_F over the extracted modules.
    pub update_norm: f64,
    /// ‖X − B·A‖_F / ‖X‖_F over the extracted modules, of the factors as written.
    pub error: f64,
}

/// One extracted module. X ≈ B·A, the scale is 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtractedModule {
    pub name: String,
    /// `[out, in]`
    pub shape: [u64; 2],
    pub rank: u32,
    /// ‖X‖_F
    pub update_norm: f64,
    /// ‖X − B·A‖_F / ‖X‖_F, measured with the factors as written.
    pub error: f64,
    /// The largest singular values of X, as many as the rank.
    pub singular_values: Vec<f64>,
}
