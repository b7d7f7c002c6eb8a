//! The grammar of tensor names: `<module path>.<role suffix>`, the suffix anchored at the end.
//!
//! Anchored, because the modules of a full model may have `lora` in their own names. Suffixes that a model's own
//! tensors could have too (`.scale`, `.alpha`, `.A`, `.m`, `.up`) only propose a role: [`super::gather`] takes it
//! where the tensors beside them agree.

mod named;
mod suffix;
mod suffixes;

pub use named::{KOHYA_OFT, NUNCHAKU};
pub use suffixes::parse;

/// What a tensor of an adapter file is for its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// `lora_A`, `lora_down`, … : `[r, in]`, or `[r, in, k…]` of a convolution.
    A,
    /// `lora_B`, `lora_up`, … : `[out, r]`, or `[out, r, 1…]` of a convolution.
    B,
    /// `lora_mid`: the core `[r, r, k…]` of a Tucker decomposition.
    Mid,
    /// `lora_embedding_A`: `[r, vocab]`.
    EmbeddingA,
    /// `lora_embedding_B`: `[dim, r]`.
    EmbeddingB,
    /// MLX's `lora_a`: `[in, r]`.
    MlxA,
    /// MLX's `lora_b`: `[r, out]`.
    MlxB,
    /// `lora_B.bias`: an update of the module's output bias.
    Bias,
    /// DoRA's `lora_magnitude_vector`, `dora_scale`, `magnitude`, `m`.
    Magnitude,
    /// AdaLoRA's `lora_E`: `[r, 1]`.
    AdaLora,
    /// KaSA's `lora_diag`.
    Kasa,
    /// Helpers of training: VeLoRA's embedding, MonteCLoRA's sampler.
    TrainingOnly,
    /// `alpha`, one number.
    Alpha,
    /// `scale`, one number, which stands for alpha / rank.
    Scale,
    /// LoHa's `hada_w1_a`, `hada_w1_b`, `hada_w2_a`, `hada_w2_b`, and the Tucker cores `hada_t1`, `hada_t2`.
    Hada(Half, Part),
    /// LoKr's `lokr_w1`, …, in its three forms.
    Kron(Half, Part),
    /// A full difference of the weight.
    Diff,
    /// A full difference of the bias, or of the `modulation` parameter.
    DiffBias,
    /// Differences of a norm's weight and bias.
    NormWeight,
    NormBias,
    /// ComfyUI: a weight that replaces the base's, and a shape that the base's is padded to.
    SetWeight,
    ReshapeWeight,
    /// ComfyUI, beside LoKr: the row of a fused weight of the base where the module's rows begin, one number.
    RowOffset,
    /// LyCORIS OFT (3-D) and BOFT (4-D).
    OftBlocks,
    Rescale,
    /// LyCORIS IA³: `weight` beside `on_input`.
    Ia3Weight,
    OnInput,
    /// PEFT IA³.
    Ia3,
    /// LyCORIS GLoRA: `a1`, `a2`, `b1`, `b2`, `bm`.
    Glora(u8),
    /// HiRA's factors.
    HiraA,
    HiraB,
    /// VeRA's vectors, and the matrices that all modules share.
    VeraLambdaB,
    VeraLambdaD,
    VeraA,
    VeraB,
    /// MiSS, once called Bone.
    Miss,
    DeloraA,
    DeloraB,
    DeloraLambda,
    DeloraNorm,
    /// `modules_to_save`, where the key still says so.
    Saved,
    /// `base_layer` or `original_module`: a copy of the base model's tensor.
    BaseCopy,
    /// Rows of an embedding that replace the base's.
    TrainedTokens,
    /// A kind of adapter whose update is not computed here, by its name.
    Named(&'static str),
}

/// Which of the two matrices of a product (LoHa's ⊙, LoKr's ⊗).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Half {
    First,
    Second,
}

/// A matrix of a product: stored whole, or as a·b, or with a Tucker core t.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    Whole,
    A,
    B,
    Core,
}

/// Where a suffix comes from, as far as it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Peft,
    Kohya,
    Lycoris,
    Diffusers,
    Xlabs,
    Mlx,
    Gguf,
    Torchtune,
    Megatron,
    Safeloras,
    ControlLora,
    Comfy,
}

/// A tensor name, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The module's path as the file writes it, prefixes and all.
    pub path: &'a str,
    pub role: Role,
    /// The adapter's name, where the key still carries it (`.lora_A.default.weight`).
    pub adapter: Option<&'a str>,
    pub family: Family,
}

impl Role {
    /// Whether this is one half of a plain pair.
    pub fn is_pair(self) -> bool {
        matches!(self, Self::A | Self::B | Self::EmbeddingA | Self::EmbeddingB | Self::MlxA | Self::MlxB)
    }

    /// Whether a tensor of this role, alone, shows that a file is an adapter.
    pub fn shows_adapter(self) -> bool {
        !matches!(
            self,
            Self::Alpha
                | Self::Scale
                | Self::Saved
                | Self::BaseCopy
                | Self::Bias
                | Self::Ia3Weight
                | Self::Rescale
                | Self::TrainingOnly
                | Self::ReshapeWeight
                | Self::RowOffset
        )
    }
}

/// A module's path as the model has it: [`strip`]ped, without `base_layer`, old diffusers' and XLabs' processors
/// undone.
pub fn clean(path: &str) -> String {
    let stripped = strip(path);
    let kept: Vec<&str> = stripped.split('.').filter(|s| *s != "base_layer").collect();
    let path = if kept.is_empty() { stripped } else { kept.join(".") };
    suffixes::without_processor(&path).unwrap_or(path)
}

/// A path without PEFT's prefix and without what wrappers (FSDP, torch.compile, DDP) left behind.
///
/// `base_model.` is the PEFT model's attribute and `model.` the wrapped model; the model's own path follows.
pub fn strip(path: &str) -> String {
    const LEFTOVERS: &[&str] = &["_fsdp_wrapped_module", "_orig_mod", "_checkpoint_wrapped_module"];
    let mut kept: Vec<&str> = path.split('.').filter(|s| !LEFTOVERS.contains(s)).collect();
    // SimpleTuner keeps the component before PEFT's prefix.
    if let [component, "base_model", "model", _, ..] = kept[..]
        && component == "transformer"
    {
        kept.drain(1..3);
    }
    for prefix in [&["module"][..], &["base_model", "model"], &["module"]] {
        // A path that is nothing but the prefix stays as it is.
        if kept.starts_with(prefix) && kept.len() > prefix.len() {
            kept.drain(..prefix.len());
        }
    }
    kept.join(".")
}
