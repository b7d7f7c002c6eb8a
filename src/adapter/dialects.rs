//! The dialects of adapters, recognised by the suffixes of their tensor names.
//!
//! PEFT LoRA is read; every other one is named, so that its user knows what the file is and what to do. A dialect
//! that becomes readable gets a reader beside `peft.rs` and leaves [`OTHERS`].

use super::keys;
use crate::container::Header;

/// What a safetensors file holds, judged by its tensor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// At least one PEFT factor; tensors of other dialects may stand beside it.
    Peft,
    /// An adapter that this version does not read, by its name.
    Other(&'static str),
    /// No adapter tensor at all: a model's weights.
    Checkpoint,
    Empty,
}

/// A dialect and the ends of names that only it has.
struct Dialect {
    name: &'static str,
    suffixes: &'static [&'static str],
}

/// In the order in which they decide: the first whose suffix occurs names the tensor.
const OTHERS: &[Dialect] = &[
    Dialect {
        name: "LoKr adapter",
        suffixes: &[
            ".lokr_w1",
            ".lokr_w2",
            ".lokr_w1_a",
            ".lokr_w1_b",
            ".lokr_w2_a",
            ".lokr_w2_b",
            ".lokr_t1",
            ".lokr_t2",
        ],
    },
    Dialect {
        name: "LoHa adapter",
        suffixes: &[".hada_w1_a", ".hada_w1_b", ".hada_w2_a", ".hada_w2_b", ".hada_t1", ".hada_t2"],
    },
    Dialect { name: "AdaLoRA adapter", suffixes: &[".lora_E"] },
    Dialect {
        name: "OFT or BOFT adapter",
        suffixes: &[".oft_blocks", ".oft_R", ".oft_R.weight", ".boft_R", ".boft_s"],
    },
    Dialect { name: "IA³ adapter", suffixes: &[".ia3_l", ".on_input"] },
    Dialect { name: "LyCORIS Tucker adapter", suffixes: &[".lora_mid.weight"] },
    Dialect { name: "T-LoRA adapter", suffixes: &[".lambda_layer"] },
    Dialect { name: "GLoRA adapter", suffixes: &[".bm.weight"] },
    Dialect {
        name: "diffusers LoRA of an old form (lora.down and lora.up)",
        suffixes: &[
            "_lora.down.weight",
            "_lora.up.weight",
            ".lora.down.weight",
            ".lora.up.weight",
            ".lora_linear_layer.down.weight",
            ".lora_linear_layer.up.weight",
        ],
    },
    Dialect {
        name: "XLabs Flux LoRA",
        suffixes: &["_lora1.down.weight", "_lora1.up.weight", "_lora2.down.weight", "_lora2.up.weight"],
    },
    Dialect {
        name: "kohya LoRA (lora_down and lora_up)",
        suffixes: &[".lora_down.weight", ".lora_up.weight", ".dora_scale"],
    },
    Dialect { name: "torchtune LoRA (lora_a.weight)", suffixes: &[".lora_a.weight", ".lora_b.weight"] },
    Dialect { name: "MLX LoRA (lora_a and lora_b)", suffixes: &[".lora_a", ".lora_b"] },
    Dialect { name: "Megatron or NeMo LoRA", suffixes: &[".adapter.linear_in.weight", ".adapter.linear_out.weight"] },
    Dialect { name: "VeRA adapter", suffixes: &[".vera_lambda_b", ".vera_lambda_d", ".vera_A", ".vera_B"] },
    Dialect { name: "MiSS adapter", suffixes: &[".miss_block", ".bone_block"] },
    Dialect { name: "HiRA adapter", suffixes: &[".hira_A", ".hira_B", ".hira_A.weight", ".hira_B.weight"] },
    Dialect { name: "DeLoRA adapter", suffixes: &[".delora_A", ".delora_B", ".delora_lambda"] },
    Dialect { name: "HRA adapter", suffixes: &[".hra_u"] },
    Dialect { name: "FourierFT adapter", suffixes: &[".fourierft_spectrum"] },
    Dialect { name: "VB-LoRA adapter", suffixes: &[".vblora_logits_A", ".vblora_logits_B", ".vblora_vector_bank"] },
    Dialect { name: "RandLoRA adapter", suffixes: &[".randlora_lambda", ".randlora_gamma"] },
    Dialect { name: "GraLoRA adapter", suffixes: &[".gralora_A", ".gralora_B"] },
    Dialect { name: "SHiRA adapter", suffixes: &[".shira_weight", ".shira_indices"] },
    Dialect { name: "prompt-tuning adapter", suffixes: &["prompt_embeddings"] },
    Dialect { name: "full-difference adapter (diff)", suffixes: &[".diff", ".diff_b", ".diff_m"] },
    Dialect { name: "Control-LoRA", suffixes: &["lora_controlnet"] },
    Dialect { name: "textual-inversion embedding", suffixes: &["emb_params"] },
];

/// The dialect other than PEFT LoRA that a tensor name belongs to.
pub fn other(key: &str) -> Option<&'static str> {
    let flat = OTHERS.iter().find(|d| d.suffixes.iter().any(|s| key.ends_with(s))).map(|d| d.name);
    flat.or_else(|| is_safeloras(key).then_some("cloneofsimo LoRA (safeloras)"))
}

/// `unet:0:up`, `text_encoder:3:down`
fn is_safeloras(key: &str) -> bool {
    let mut parts = key.rsplit(':');
    let end = parts.next().is_some_and(|end| end == "up" || end == "down");
    let index = parts.next().is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    end && index && parts.next().is_some()
}

/// Judges a file by its header.
pub fn recognise(header: &Header) -> Content {
    use keys::Role;
    if header.tensors.is_empty() {
        return Content::Empty;
    }
    let names = || header.tensors.iter().map(|t| t.name.as_str());
    let is_factor = |role| matches!(role, Role::A | Role::B | Role::EmbeddingA | Role::EmbeddingB);
    if names().any(|name| keys::parse(name).is_some_and(|key| is_factor(key.role))) {
        return Content::Peft;
    }
    if let Some(name) = names().find_map(other) {
        return Content::Other(name);
    }
    let leftovers =
        names().any(|n| keys::parse(n).is_some_and(|k| matches!(k.role, Role::TrainedTokens | Role::Magnitude)));
    if leftovers { Content::Other("PEFT adapter without LoRA factors") } else { Content::Checkpoint }
}
