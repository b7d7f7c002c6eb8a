//! How a module's tensors give its update: as two factors that the file holds, or by a formula over its tensors.

use serde::{Deserialize, Serialize};

use super::Factor;
use crate::container::TensorEntry;

/// A module's update ΔW, without its scale s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "nearly every module is a pair, and boxes would only scatter them")]
pub enum Update {
    /// L·Rᵀ, both as the file stores them: a backend takes them as they are.
    Pair { left: Factor, right: Factor },
    /// Out of other tensors, by a formula on the CPU in f64.
    Recipe(Box<Recipe>),
}

/// A formula and its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    pub formula: Formula,
    /// In the order that the formula names.
    pub tensors: Vec<TensorEntry>,
    pub form: Form,
}

/// What a formula gives: known from the shapes, before any number is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// Two tall factors with this many columns.
    Factors(u64),
    /// The Kronecker product of two products of tall factors: the shapes and the columns of each.
    Kron([Small; 2]),
    /// All m·n numbers: nothing thinner is exact.
    Dense,
    /// Nothing without the base model's weight.
    OfBase,
}

/// A product of two tall factors inside a Kronecker product: out × width times in × width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Small {
    pub shape: [u64; 2],
    pub width: u64,
}

/// The formulas, each with its tensors in their order. W is the base model's weight, `[out, in·k…]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Formula {
    /// L and R, each as [`Factor`] describes it: L·Rᵀ, stored in a type that no backend decodes (GGUF's Q8_0).
    Product { turned: [bool; 2] },
    /// A, E `[r]`, B: B·diag(E)·A (AdaLoRA, Zhang et al. 2023).
    Scaled,
    /// down `[r, in]`, mid `[r, r, k…]`, up `[out, r]`: Σ up[o,m]·mid[m,n,k]·down[n,i] (LyCORIS).
    Tucker,
    /// A `[r, in]` of one expert, B `[out, r·E]` of all: B's columns e, e+E, e+2E, … (PEFT's `target_parameters`).
    Strided { expert: u64, experts: u64 },
    /// A `[r, in/g]`, B: inputs are pooled by g before A (QALoRA).
    Pooled { group: u64 },
    /// A, B, of which one is block-diagonal and stored without its zeros (BD-LoRA).
    Blocks { a: u64, b: u64 },
    /// The shared A `[r, max_in]` and B `[max_out, r]`, λ_b `[out]`, λ_d `[r]`:
    /// diag(λ_b)·B[:out]·diag(λ_d)·A (VeRA, Kopiczko et al. 2023).
    Vera,
    /// A, B, λ, ‖W‖ per column: B·diag(λ/(r·‖A_j‖·‖B_j‖))·A, columns times their norm (DeLoRA).
    Delora,
    /// w1_a, w1_b, w2_a, w2_b, and with `tucker` t1, t2: (w1_a·w1_b) ⊙ (w2_a·w2_b) (LoHa).
    Hadamard { tucker: bool },
    /// The tensors of w1, then those of w2, in these forms: w1 ⊗ w2 (LoKr).
    Kron([Stored; 2]),
    /// All of ΔW.
    Full,
    /// All of ΔW, of a norm's weight.
    Norm,
    /// An update of direction, and the magnitude m: W' = m·V/‖V‖ with V = W + s·ΔV (DoRA, Liu et al. 2024).
    /// The magnitude is the last tensor; those of ΔV stand before it.
    Dora { direction: Box<Update>, axis: Axis },
    /// l: ΔW = W ⊙ (l − 1), or W ⊙ l where l is stored as the offset from 1 (IA³).
    Ia3 { axis: Axis, offset: bool },
    /// A, B: W ⊙ (B·A) (HiRA).
    Hira,
    /// a1, a2, b1, b2: s·(W·a1·a2 + b1·b2) (LyCORIS' GLoRA).
    Glora,
    /// blocks `[k, n, n]`, then rescale `[out]` and the constraint where they are there: rotated rows (LyCORIS' OFT).
    Oft { rescale: bool, constraint: bool },
    /// block `[r, out]`: ΔW[o, i] = block[i mod r, o] (MiSS); the base tells how wide it is.
    Miss,
    /// The weight that replaces W.
    Replace,
}

/// How a matrix of a Kronecker product is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stored {
    /// One tensor.
    Whole,
    /// a `[m, r]` and b `[r, n]`.
    Product,
    /// a `[r, m]`, b `[r, n]` and the core `[r, r, k…]`.
    Tucker,
}

/// Along which side of W a vector lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Axis {
    /// One number for each row of W.
    Out,
    /// One number for each input channel; a convolution's channel has all its kernel's columns.
    In,
    /// One number for each column of an embedding `[vocab, dim]`.
    Column,
    /// The rows or the channels, whichever of W's sides has as many.
    Either,
    /// As the number after it says: not 0 means the channels (LyCORIS' `on_input`).
    Flag,
}

impl Update {
    /// `None` where the file holds both factors.
    pub fn formula(&self) -> Option<&Formula> {
        match self {
            Self::Pair { .. } => None,
            Self::Recipe(recipe) => Some(&recipe.formula),
        }
    }

    /// What its algorithm is called: `LoRA`, `LoHa`, `DoRA`, …
    pub fn algorithm(&self) -> &'static str {
        match self.formula() {
            None | Some(Formula::Product { .. } | Formula::Strided { .. }) => "LoRA",
            Some(Formula::Scaled) => "AdaLoRA",
            Some(Formula::Tucker) => "LoCon (Tucker)",
            Some(Formula::Pooled { .. }) => "QALoRA",
            Some(Formula::Blocks { .. }) => "BD-LoRA",
            Some(Formula::Vera) => "VeRA",
            Some(Formula::Delora) => "DeLoRA",
            Some(Formula::Hadamard { .. }) => "LoHa",
            Some(Formula::Kron(_)) => "LoKr",
            Some(Formula::Full) => "full difference",
            Some(Formula::Norm) => "norm difference",
            Some(Formula::Dora { direction, .. }) => match direction.formula() {
                Some(Formula::Hadamard { .. }) => "LoHa with DoRA",
                Some(Formula::Kron(_)) => "LoKr with DoRA",
                _ => "DoRA",
            },
            Some(Formula::Ia3 { .. }) => "IA³",
            Some(Formula::Hira) => "HiRA",
            Some(Formula::Glora) => "GLoRA",
            Some(Formula::Oft { .. }) => "OFT",
            Some(Formula::Miss) => "MiSS",
            Some(Formula::Replace) => "replaced weight",
        }
    }

    /// The tensors that give it, in their order.
    pub fn tensors(&self) -> Vec<&TensorEntry> {
        match self {
            Self::Pair { left, right } => vec![&left.tensor, &right.tensor],
            Self::Recipe(recipe) => recipe.tensors.iter().collect(),
        }
    }

    /// What can be computed of it from the file alone: all of it, or the direction of a DoRA, or nothing.
    pub fn alone(&self) -> Option<&Self> {
        match self {
            Self::Pair { .. } => Some(self),
            Self::Recipe(recipe) => match (&recipe.formula, recipe.form) {
                (Formula::Dora { direction, .. }, _) => direction.alone(),
                (_, Form::OfBase) => None,
                _ => Some(self),
            },
        }
    }

    /// Whether the base model's weight is needed for all of it.
    pub fn needs_base(&self) -> bool {
        matches!(self, Self::Recipe(recipe) if recipe.form == Form::OfBase)
    }

    /// Columns of the two tall factors that it can be written with; `None` where it has to be formed whole.
    pub fn width(&self) -> Option<u64> {
        match self.alone()? {
            Self::Pair { left, .. } => Some(left.cols),
            Self::Recipe(recipe) => match recipe.form {
                Form::Factors(width) => Some(width),
                Form::Kron([a, b]) => a.width.checked_mul(b.width),
                Form::Dense | Form::OfBase => None,
            },
        }
    }
}
