//! What a person asks for, as it travels from the page to the engine.

use lorascope_format::container::Dtype;
use serde::{Deserialize, Serialize};

use crate::ItemId;

/// One projection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub method: Method,
    pub rank: RankRule,
    /// One rank for all modules: the largest that any of them needs.
    pub uniform: bool,
    pub target: Target,
    /// Sizes given by hand; they go before the target's. The last that fits a module counts, a module's own first.
    pub sizes: Vec<Size>,
    pub layers: Layers,
    /// `None`: as the source.
    pub dtype: Option<OutputType>,
    /// What `base_model_name_or_path` becomes; `None`: the target's name, or the source's where nothing changes.
    pub base_model: Option<String>,
}

impl Default for Request {
    /// The best approximation at the same size and rank.
    fn default() -> Self {
        Self {
            method: Method::Svd,
            rank: RankRule::Source,
            uniform: false,
            target: Target::Unchanged,
            sizes: Vec::new(),
            layers: Layers::SameIndex,
            dtype: None,
            base_model: None,
        }
    }
}

/// How the factors are taken to another size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Method {
    /// Singular vectors cropped or padded with zeros, singular values times ((m·n)/(m'·n'))^¼.
    Svd,
    /// The factors themselves cropped or padded with zeros.
    Truncate,
    /// The factors resampled along their long side, linearly, as PyTorch's `bilinear` with `align_corners=False`.
    Interpolate,
}

impl Method {
    pub const ALL: [Self; 3] = [Self::Svd, Self::Truncate, Self::Interpolate];

    /// The reference's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Svd => "svd",
            Self::Truncate => "truncate",
            Self::Interpolate => "interpolate",
        }
    }
}

impl TryFrom<String> for Method {
    type Error = String;

    /// # Errors
    /// A sentence for a person.
    fn try_from(name: String) -> Result<Self, String> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            let name = lorascope_format::container::quoted(&name);
            format!("There is no projection method {name}. Choose `svd`, `truncate` or `interpolate`.")
        })
    }
}

/// The rank of the result. The last three are those of kohya's `resize_lora.py`, by its names.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum RankRule {
    /// The reference's rule: the rank stays, at most min(out, in).
    Source,
    /// This rank, or the source's where that is smaller.
    Number(u32),
    /// The smallest k with Σ_{i≤k}σ² ≥ share·Σσ².
    Energy(f64),
    /// `sv_ratio`: the count of σ > σ₁/ratio.
    SvRatio(f64),
    /// `sv_fro`: the smallest k with Σ_{i≤k}σ² ≥ share²·Σσ².
    SvFro(f64),
    /// `sv_cumulative`: the smallest k with Σ_{i≤k}σ ≥ share·Σσ.
    SvCumulative(f64),
}

/// Where the adapter is taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// Every module keeps its size: "Resize".
    Unchanged,
    /// A model of [`super::models::MODELS`], by its id.
    Listed(String),
    /// A `config.json` or a checkpoint that the engine holds.
    Item(ItemId),
}

/// A size given by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Size {
    pub of: SizeOf,
    /// `[out, in]`, as the base model stores the weight.
    pub shape: [u64; 2],
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SizeOf {
    /// Every module of this role.
    Role(String),
    /// One module, by its name in the source.
    Module(String),
}

/// Where a layer goes when the target has more or fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layers {
    SameIndex,
    /// First to first, last to last, in proportion between; no layer is used twice.
    Spread,
}

/// The dtype of the written factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputType {
    F32,
    F16,
    Bf16,
}

impl OutputType {
    pub const ALL: [OutputType; 3] = [OutputType::F32, OutputType::F16, OutputType::Bf16];

    /// The one of that [`OutputType::name`].
    pub fn from_name(name: &str) -> Option<OutputType> {
        OutputType::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// As safetensors knows it.
    pub fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::BF16,
        }
    }

    /// As safetensors writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }

    /// Bytes of one number.
    pub fn size(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}
