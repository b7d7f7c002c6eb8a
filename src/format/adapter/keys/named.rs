//! The suffixes of kinds of adapter whose update is not computed here: they are recognised, and named.

use super::Family::{Kohya, Lycoris, Peft};
use super::Role;
use super::suffix::Name::{No, Optional, Required};
use super::suffix::{Suffix, suffix};

/// One tensor for each block of a fused layer (sd-scripts, `networks/oft_flux.py`).
pub const KOHYA_OFT: &str = "OFT by numbered blocks (sd-scripts)";
/// Factors of SVDQuant's low-rank branch, in the order of its kernels (nunchaku, `lora/flux/packer.py`).
pub const NUNCHAKU: &str = "Nunchaku's packed LoRA (SVDQuant)";

pub(super) const NAMED: &[Suffix] = &[
    suffix("oft_R", Optional, ".weight", Role::Named("OFT (PEFT)"), Peft),
    suffix("oft_R", Optional, "", Role::Named("OFT (PEFT)"), Peft),
    suffix("oft_R.scaled_oft", No, "", Role::Named("OFT (PEFT)"), Peft),
    suffix("oft_blocks", Required, "", Role::Named(KOHYA_OFT), Kohya),
    suffix("lora_down", No, "", Role::Named(NUNCHAKU), Kohya),
    suffix("lora_up", No, "", Role::Named(NUNCHAKU), Kohya),
    suffix("boft_R", Optional, "", Role::Named("BOFT"), Peft),
    suffix("boft_s", Optional, "", Role::Named("BOFT"), Peft),
    suffix("q_layer", No, ".weight", Role::Named("T-LoRA"), Lycoris),
    suffix("p_layer", No, ".weight", Role::Named("T-LoRA"), Lycoris),
    suffix("lambda_layer", No, "", Role::Named("T-LoRA"), Lycoris),
    suffix("hra_u", Optional, "", Role::Named("HRA"), Peft),
    suffix("fourierft_spectrum", Optional, "", Role::Named("FourierFT"), Peft),
    suffix("waveft_spectrum", Optional, "", Role::Named("WaveFT"), Peft),
    suffix("vblora_logits_A", Optional, "", Role::Named("VB-LoRA"), Peft),
    suffix("vblora_logits_B", Optional, "", Role::Named("VB-LoRA"), Peft),
    suffix("vblora_vector_bank", Optional, "", Role::Named("VB-LoRA"), Peft),
    suffix("randlora_A", Optional, "", Role::Named("RandLoRA"), Peft),
    suffix("randlora_B", Optional, "", Role::Named("RandLoRA"), Peft),
    suffix("randlora_gamma", Optional, "", Role::Named("RandLoRA"), Peft),
    suffix("randlora_lambda", Optional, "", Role::Named("RandLoRA"), Peft),
    suffix("road_theta", Optional, "", Role::Named("RoAd"), Peft),
    suffix("road_alpha", Optional, "", Role::Named("RoAd"), Peft),
    suffix("shira_weight", Optional, "", Role::Named("SHiRA"), Peft),
    suffix("shira_indices", Optional, "", Role::Named("SHiRA"), Peft),
    suffix("c3a_kernel", Optional, "", Role::Named("C3A"), Peft),
    suffix("gralora_A", Optional, "", Role::Named("GraLoRA"), Peft),
    suffix("gralora_B", Optional, "", Role::Named("GraLoRA"), Peft),
    suffix("pvera_lambda_b", Optional, "", Role::Named("PVeRA"), Peft),
    suffix("pvera_lambda_d", Optional, "", Role::Named("PVeRA"), Peft),
    suffix("pvera_A", Optional, "", Role::Named("PVeRA"), Peft),
    suffix("pvera_B", Optional, "", Role::Named("PVeRA"), Peft),
    suffix("tinylora_A", Optional, "", Role::Named("TinyLoRA"), Peft),
    suffix("tinylora_B", Optional, "", Role::Named("TinyLoRA"), Peft),
    suffix("tinylora_P", Optional, "", Role::Named("TinyLoRA"), Peft),
    suffix("peanut_A", Optional, ".weight", Role::Named("PEANuT"), Peft),
    suffix("peanut_B", Optional, ".weight", Role::Named("PEANuT"), Peft),
    suffix("deft_P", Optional, "", Role::Named("DEFT"), Peft),
    suffix("deft_R", Optional, "", Role::Named("DEFT"), Peft),
    suffix("lily_A", Optional, ".weight", Role::Named("Lily"), Peft),
    suffix("lily_B", Optional, ".weight", Role::Named("Lily"), Peft),
    suffix("lily_router", Optional, ".weight", Role::Named("Lily"), Peft),
    suffix("beft_bias", Optional, "", Role::Named("BEFT"), Peft),
    suffix("unilora_theta_d", Optional, "", Role::Named("UniLoRA"), Peft),
    suffix("ln_tuning_layers", Optional, ".weight", Role::Named("LN tuning"), Peft),
    suffix("ln_tuning_layers", Optional, ".bias", Role::Named("LN tuning"), Peft),
    suffix("frod_lambda_l", Optional, "", Role::Named("FRoD"), Peft),
    suffix("frod_lambda_s_values", Optional, "", Role::Named("FRoD"), Peft),
    suffix("bias_indices", No, "", Role::Named("a sparse residual of old LyCORIS extractions"), Lycoris),
    suffix("bias_values", No, "", Role::Named("a sparse residual of old LyCORIS extractions"), Lycoris),
    suffix("bias_size", No, "", Role::Named("a sparse residual of old LyCORIS extractions"), Lycoris),
    suffix("prompt_embeddings", Optional, "", Role::Named("prompt tuning"), Peft),
];

/// Segments between the dots of a key that belong to an adapter whose update is not computed here.
pub(super) const INSIDE: &[(&str, Role)] = &[
    ("lora_monteclora_sampler", Role::TrainingOnly),
    ("osf_svd_params", Role::Named("OSF")),
    ("psoft_R", Role::Named("PSOFT")),
    ("glora_A", Role::Named("GLoRA (PEFT)")),
    ("glora_B", Role::Named("GLoRA (PEFT)")),
    ("glora_C", Role::Named("GLoRA (PEFT)")),
    ("glora_D", Role::Named("GLoRA (PEFT)")),
    ("glora_E", Role::Named("GLoRA (PEFT)")),
    ("tinylora_v", Role::Named("TinyLoRA")),
    ("frod_V", Role::Named("FRoD")),
    ("frod_s_indices", Role::Named("FRoD")),
    ("frod_s_size", Role::Named("FRoD")),
    ("internal_xlora_classifier", Role::Named("X-LoRA")),
    ("adapter_q", Role::Named("Megatron's split qkv")),
    ("adapter_k", Role::Named("Megatron's split qkv")),
    ("adapter_v", Role::Named("Megatron's split qkv")),
];

/// Kinds of adapter that have whole names of their own.
pub(super) const WHOLE: &[(&str, &str)] = &[
    ("emb_params", "a textual-inversion embedding"),
    ("clip_l", "a textual-inversion embedding"),
    ("clip_g", "a textual-inversion embedding"),
    ("prompt_embeddings", "prompt tuning"),
    ("string_to_param", "a textual-inversion embedding"),
];

/// Beginnings of names that belong to control adapters.
pub(super) const BEGINNINGS: &[(&str, &str)] = &[
    ("lllite_", "ControlNet-LLLite"),
    ("image_proj.", "IP-Adapter"),
    ("ip_adapter.", "IP-Adapter"),
    ("bundle_emb.", "an embedding bundled by OneTrainer"),
];
