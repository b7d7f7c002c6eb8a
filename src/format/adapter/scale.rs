//! The scale s of ΔW = s·ΔV, and where it comes from.
//!
//! In this order: a stored `scale`; a stored `alpha`, s = alpha / rank; the settings (`adapter_config.json`, diffusers'
//! `lora_adapter_metadata`, MLX's, GGUF's); else 1, which is the rule of kohya's and diffusers' families and only a
//! guess for PEFT's.

use std::fmt;

use half::{bf16, f16};
use serde::{Deserialize, Serialize};

use super::config::{MlxScale, PeftConfig};
use super::keys::{Family, Role};
use super::metadata::Settings;
use super::{Adapter, Module};
use crate::container::{Dtype, TensorEntry, TensorType};

/// A module's scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub value: f64,
    pub source: ScaleSource<'static>,
}

/// Where a scale comes from. Reports, which links and files keep, hold its words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScaleSource<'a> {
    /// It is 1 by a rule.
    One(&'a str),
    /// It is taken for 1, for want of what would say it.
    Assumed(&'a str),
    ByHand,
    /// A stored alpha and its divisor, once it has been read.
    AlphaTensor(Option<(f64, u32)>),
    /// A stored alpha of 0 stands for this rank.
    ZeroAlpha(u32),
    ScaleTensor,
    /// A rule over the settings, and a remark on it.
    Settings(&'a str, &'a str),
}

/// One number in the file that the scale follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredScale {
    pub tensor: TensorEntry,
    /// The alpha's divisor; `None` where the number is the scale itself.
    pub rank: Option<u32>,
}

/// A scale that the file stores, and the alpha that it follows from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolved {
    pub scale: Scale,
    pub alpha: Option<f64>,
}

impl ScaleSource<'_> {
    pub fn is_assumed(&self) -> bool {
        matches!(self, Self::Assumed(_))
    }

    /// Whether a person may set the scale.
    pub fn is_replaceable(&self) -> bool {
        matches!(self, Self::Assumed(_) | Self::ByHand)
    }
}

impl Default for ScaleSource<'_> {
    /// Of a module that has travelled without it.
    fn default() -> Self {
        Self::Assumed("")
    }
}

impl fmt::Display for ScaleSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(why) => write!(f, "1: {why}"),
            Self::Assumed(why) => write!(f, "assumed 1: {why}"),
            Self::ByHand => f.write_str(BY_HAND),
            Self::AlphaTensor(None) => f.write_str(ALPHA_TENSOR),
            Self::AlphaTensor(Some((alpha, rank))) => write!(f, "{ALPHA_TENSOR}: {alpha} / rank {rank}"),
            Self::ZeroAlpha(rank) => write!(f, "{ALPHA_TENSOR} of 0, which stands for the rank, {rank}"),
            Self::ScaleTensor => f.write_str("scale tensor"),
            Self::Settings(rule, remark) => write!(f, "{rule}{remark}"),
        }
    }
}

const BY_HAND: &str = "set by hand";
const ALPHA_TENSOR: &str = "alpha tensor";

/// What a report's words say, as far as sources are told apart where they are shown: without the numbers of an alpha, and
/// other words whole, as a rule.
impl<'a> From<&'a str> for ScaleSource<'a> {
    fn from(words: &'a str) -> Self {
        match words.split_once(": ") {
            Some(("1", why)) => Self::One(why),
            Some(("assumed 1", why)) => Self::Assumed(why),
            Some((ALPHA_TENSOR, _)) => Self::AlphaTensor(None),
            _ if words == BY_HAND => Self::ByHand,
            _ => Self::Settings(words, ""),
        }
    }
}

impl Scale {
    fn of(value: f64, source: ScaleSource<'static>) -> Self {
        Self { value, source }
    }

    fn by(value: f64, rule: &'static str) -> Self {
        Self::of(value, ScaleSource::Settings(rule, ""))
    }

    /// Of updates that have none of their own.
    pub fn one() -> Self {
        Self::of(1.0, ScaleSource::One("by definition"))
    }

    pub fn assumed(why: &'static str) -> Self {
        Self::of(1.0, ScaleSource::Assumed(why))
    }
}

impl StoredScale {
    /// The number that a group of tensors stores for its scale; `rank` is the divisor of an alpha.
    pub fn find(tensor_of: impl Fn(Role) -> Option<TensorEntry>, rank: u32) -> Option<Self> {
        let find = |role, rank| tensor_of(role).filter(is_number).map(|tensor| Self { tensor, rank });
        find(Role::Scale, None).or_else(|| find(Role::Alpha, Some(rank)))
    }

    /// What stands in for the scale until the number has been read.
    pub fn unread(&self) -> Scale {
        Scale::of(1.0, if self.rank.is_some() { ScaleSource::AlphaTensor(None) } else { ScaleSource::ScaleTensor })
    }

    /// The scale, once the number has been read. An alpha of 0 means the rank to the trainers that write it.
    pub fn resolve(&self, bytes: &[u8]) -> Resolved {
        let Some(number) = number(&self.tensor.dtype, bytes).filter(|number| number.is_finite()) else {
            let why = match self.rank {
                Some(_) => "the stored alpha is not a finite number",
                None => "the stored scale is not a finite number",
            };
            return Resolved { scale: Scale::assumed(why), alpha: None };
        };
        let scale = match self.rank {
            None => Scale::of(number, ScaleSource::ScaleTensor),
            Some(rank) if number == 0.0 => Scale::of(1.0, ScaleSource::ZeroAlpha(rank)),
            Some(rank) => Scale::of(number / f64::from(rank), ScaleSource::AlphaTensor(Some((number, rank)))),
        };
        Resolved { scale, alpha: self.rank.map(|_| number) }
    }
}

/// Whether a tensor holds one number, of any dtype that counts or measures.
fn is_number(tensor: &TensorEntry) -> bool {
    tensor.shape.iter().all(|&d| d == 1) && width(&tensor.dtype).is_some_and(|width| tensor.byte_len() == width)
}

fn width(dtype: &TensorType) -> Option<u64> {
    match dtype {
        TensorType::Known(dtype) => Some(crate::container::bits(*dtype) / 8),
        _ => None,
    }
}

/// The first number of `bytes`: alphas are stored as floats of any width and as integers (diffusers writes I64).
pub fn number(dtype: &TensorType, bytes: &[u8]) -> Option<f64> {
    let TensorType::Known(known) = dtype else { return None };
    let whole = |signed: bool| {
        let width = usize::try_from(width(dtype)?).ok()?;
        let mut wide = [0u8; 8];
        wide.get_mut(..width)?.copy_from_slice(bytes.get(..width)?);
        let unused = 64 - 8 * width as u32;
        let number = i64::from_le_bytes(wide).checked_shl(unused)?;
        Some(if signed { (number >> unused) as f64 } else { (number as u64 >> unused) as f64 })
    };
    match known {
        Dtype::I8 | Dtype::I16 | Dtype::I32 | Dtype::I64 => whole(true),
        Dtype::U8 | Dtype::U16 | Dtype::U32 | Dtype::U64 => whole(false),
        Dtype::F64 => Some(f64::from_le_bytes(*bytes.first_chunk()?)),
        Dtype::F32 => Some(f64::from(f32::from_le_bytes(*bytes.first_chunk()?))),
        Dtype::F16 => Some(f16::from_le_bytes(*bytes.first_chunk()?).to_f64()),
        Dtype::BF16 => Some(bf16::from_le_bytes(*bytes.first_chunk()?).to_f64()),
        // The upper byte of a half.
        Dtype::F8_E5M2 => Some(f16::from_bits(u16::from(*bytes.first()?) << 8).to_f64()),
        // A half with its exponent's bias, 15, in place of 7, and without infinities.
        Dtype::F8_E4M3 => {
            let byte = u16::from(*bytes.first()?);
            let half = f16::from_bits((byte & 0x80) << 8 | (byte & 0x7f) << 7).to_f64();
            Some(if byte & 0x7f == 0x7f { f64::NAN } else { half * 256.0 })
        }
        _ => None,
    }
}

/// The scale of a module of `rank` by the settings beside or inside the file, where no number is stored for it.
pub fn by_settings(settings: &Settings<'_>, family: Family, path: &str, module: &str, rank: u32) -> Scale {
    if let Some(alpha) = settings.gguf_alpha.filter(|_| family == Family::Gguf) {
        return gguf(alpha, rank);
    }
    match (family, settings.config) {
        (Family::Mlx, config) => return mlx(config.and_then(|c| c.mlx.as_ref()), config.is_some(), rank),
        (_, Some(config)) if config.mlx.is_none() => return peft(config, module, rank, ADAPTER_CONFIG),
        _ => {}
    }
    if let Some((config, inner)) = settings.of_component(module) {
        return peft(config, inner, rank, "file metadata alpha/r");
    }
    let peft_like = matches!(family, Family::Peft | Family::Torchtune | Family::Megatron | Family::Lycoris)
        && (path.starts_with("base_model.") || !(super::dialects::is_component(path) || family == Family::Lycoris));
    match family {
        Family::Gguf => gguf(0.0, rank),
        _ if peft_like => Scale::assumed("no adapter_config.json"),
        _ => Scale::of(1.0, ScaleSource::One("no alpha stored, which means the rank")),
    }
}

fn gguf(alpha: f64, rank: u32) -> Scale {
    if alpha == 0.0 {
        return Scale::of(1.0, ScaleSource::One("no adapter.lora.alpha in the GGUF file"));
    }
    Scale::by(alpha / f64::from(rank), "GGUF alpha/rank")
}

/// What [`peft`]'s rule is called by adapter_config.json.
pub const ADAPTER_CONFIG: &str = "adapter_config alpha/r";

/// PEFT's rule: alpha/r, or alpha/√r with `use_rslora`, where alpha is that of the first matching `alpha_pattern`,
/// else the general one, and r is the tensors' rank (above 0).
pub fn peft(config: &PeftConfig, module: &str, rank: u32, plain: &'static str) -> Scale {
    let by_pattern = config.alpha_by_pattern(module);
    let Some(alpha) = by_pattern.or(config.lora_alpha) else {
        return Scale::assumed("adapter_config.json gives no usable lora_alpha");
    };
    let (divisor, rule) = match config.use_rslora {
        true => (f64::from(rank).sqrt(), "rsLoRA alpha/√r"),
        false => (f64::from(rank), plain),
    };
    let remark = match by_pattern {
        Some(_) => " (alpha_pattern)",
        None if config.default_alpha => " (PEFT's default lora_alpha, 8)",
        None => "",
    };
    Scale::of(alpha / divisor, ScaleSource::Settings(rule, remark))
}

/// AdaLoRA's rule: alpha / (init_r + 1e-5), the rank that training began with; init_r takes its place where alpha is not
/// above 0 (PEFT, `tuners/adalora/layer.py`).
pub fn adalora(config: Option<&PeftConfig>) -> Scale {
    let Some(config) = config else { return Scale::assumed("no adapter_config.json") };
    let Some(alpha) = config.lora_alpha else {
        return Scale::assumed("adapter_config.json gives no usable lora_alpha");
    };
    let r = config.init_r.unwrap_or(DEFAULT_INIT_R);
    if alpha <= 0.0 {
        return Scale::by(
            r as f64 / (r as f64 + 1e-5),
            "adapter_config alpha/init_r, init_r standing in for an alpha that is not above 0",
        );
    }
    let remark = if config.init_r.is_none() { " (PEFT's default init_r, 12)" } else { "" };
    Scale::of(alpha / (r as f64 + 1e-5), ScaleSource::Settings("adapter_config alpha/init_r", remark))
}

const DEFAULT_INIT_R: u64 = 12;

/// MLX's rule: `scale` as it is; files of early 2024 have `alpha` beside it, and then scale·alpha/rank was applied.
fn mlx(settings: Option<&MlxScale>, has_config: bool, rank: u32) -> Scale {
    let Some(MlxScale { scale, alpha, default_alpha, divides }) = settings else {
        let why = if has_config { "the adapter_config.json is not MLX's" } else { "no adapter_config.json" };
        return Scale::assumed(why);
    };
    match (scale, alpha) {
        (Some(scale), None) => Scale::by(*scale, "MLX scale"),
        (Some(scale), Some(alpha)) => {
            Scale::by(scale * alpha / f64::from(rank), "MLX scale·alpha/rank (the rule of early 2024)")
        }
        (None, Some(alpha)) if *divides && *default_alpha => {
            Scale::by(alpha / f64::from(rank), "MLX alpha/rank (mlx-vlm, whose default alpha is 0.1)")
        }
        (None, Some(alpha)) if *divides => Scale::by(alpha / f64::from(rank), "MLX alpha/rank (mlx-vlm)"),
        _ => Scale::by(20.0, "MLX scale (its default, 20)"),
    }
}

/// Replaces every assumed scale of an adapter by the one that a person gives; those that its files state stay.
pub fn set_by_hand(adapter: &mut Adapter, value: f64) {
    for module in adapter.modules.iter_mut().filter(|m| m.scale_source.is_replaceable()) {
        (module.scale, module.scale_source) = (value, ScaleSource::ByHand);
    }
}

/// Keeps the scale that a person gave, where the files still state none.
pub fn keep_by_hand(new: &mut Module, old: &Module) {
    if new.scale_source.is_assumed() && old.scale_source == ScaleSource::ByHand {
        (new.scale, new.scale_source) = (old.scale, ScaleSource::ByHand);
    }
}
