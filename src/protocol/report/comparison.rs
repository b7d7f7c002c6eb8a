//! The comparison's part of the report: adapters beside each other, each pair once.
//!
//! With ΔW = U·Σ·Vᵀ of both adapters' updates of one module, everything follows from UₐᵀU_b and VₐᵀV_b:
//! ⟨ΔWₐ, ΔW_b⟩ = Σᵢⱼ σₐᵢ·σ_bⱼ·(UₐᵀU_b)ᵢⱼ·(VₐᵀV_b)ᵢⱼ. No ΔW is formed.

use serde::{Deserialize, Serialize};

use super::NotAnalyzed;

/// Every adapter that is held beside every other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparisonReport {
    /// Labels, in the order that `a` and `b` of the pairs count in, from 0.
    pub adapters: Vec<String>,
    /// a < b, by a and then by b.
    pub pairs: Vec<PairReport>,
}

/// Two adapters beside each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairReport {
    pub a: u32,
    pub b: u32,
    #[serde(flatten)]
    pub figures: PairFigures,
    /// The modules that both have, in the order of `a`.
    pub modules: Vec<ComparedModule>,
    /// Modules that only one of them has, by that adapter's names.
    pub only_a: Vec<String>,
    pub only_b: Vec<String>,
    /// Modules that both have and that cannot be compared, by `a`'s names, and why.
    pub not_compared: Vec<NotAnalyzed>,
}

/// A pair as a whole, each adapter as one long vector, scales included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairFigures {
    /// ⟨A, B⟩ / (‖A‖·‖B‖), a module that only one has being zero in the other; 0 where a norm is exactly zero; absent
    /// where no module is shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine: Option<f64>,
    /// The same over the shared modules alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_cosine: Option<f64>,
    /// Of the output side (left singular vectors) and the input side: Σ‖UₐᵀU_b‖²_F / Σ min(kₐ, k_b) over the shared
    /// modules, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<[f64; 2]>,
    /// What random subspaces of the same dimensions have: Σ kₐ·k_b/m / Σ min(kₐ, k_b).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<[f64; 2]>,
    /// (‖A + B‖² − ‖A‖² − ‖B‖²) / (‖A‖² + ‖B‖²) over the shared modules, −1 to 1: below 0 the two undo each other,
    /// above they add up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interference: Option<f64>,
    /// ‖A‖_F, ‖B‖_F and ‖A + B‖_F over all compared modules and those that only one has.
    pub norms: [f64; 3],
    /// Counts: shared and compared, of `a` alone, of `b` alone, shared and not compared.
    pub counts: [u32; 4],
}

/// One module that both adapters have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedModule {
    /// By `a`.
    pub name: String,
    /// By `b`, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_name: Option<String>,
    /// ⟨ΔWₐ, ΔW_b⟩ / (‖ΔWₐ‖·‖ΔW_b‖); 0 where a norm is exactly zero.
    pub cosine: f64,
    /// ‖UₐᵀU_b‖²_F / min(kₐ, k_b), output side and input side; absent where a k is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<[f64; 2]>,
    /// max(kₐ, k_b) / m: what random subspaces have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<[f64; 2]>,
    /// As in [`PairFigures::interference`]; 0 where both are zero.
    pub interference: f64,
    /// ‖ΔWₐ‖_F and ‖ΔW_b‖_F.
    pub norms: [f64; 2],
}

/// φ(i, j) = ‖Uₐⁱᵀ·U_bʲ‖²_F / min(i, j) of the first i and the first j singular vectors (Hu et al., LoRA,
/// arXiv 2106.09685, section 7.2), of one module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OverlapGrid {
    /// Directions drawn of `a` and of `b`: i and j go from 1 to these.
    pub size: [u32; 2],
    /// Directions that there are; more than are drawn where the rank is large.
    pub rank: [u32; 2],
    /// Output side and input side; φ(i, j) at (i − 1)·size[1] + (j − 1).
    pub sides: [Vec<f64>; 2],
    /// m of both sides: random subspaces have φ(i, j) = max(i, j)/m.
    pub dims: [u64; 2],
}
