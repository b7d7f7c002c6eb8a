//! Module paths of formats that have names of their own, as the model has them.

use std::borrow::Cow;

use super::keys::{self, Family};

/// A module's name in the model.
pub fn module_name(family: Family, path: &str) -> String {
    let clean = keys::clean(path);
    match family {
        Family::Gguf => of_gguf(&clean).map_or(clean.clone(), Cow::into_owned),
        _ => clean,
    }
}

/// llama.cpp's names of a decoder's tensors, and those that transformers gives most models (`gguf/tensor_mapping.py`).
const IN_BLOCK: &[(&str, &str)] = &[
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_qkv", "self_attn.qkv_proj"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
    ("ffn_gate_inp", "mlp.gate"),
    ("ffn_gate_exps", "mlp.experts.gate_proj"),
    ("ffn_up_exps", "mlp.experts.up_proj"),
    ("ffn_down_exps", "mlp.experts.down_proj"),
];

/// `blk.0.attn_q` → `model.layers.0.self_attn.q_proj`; `None` for a name that is not known.
fn of_gguf(path: &str) -> Option<Cow<'static, str>> {
    match path {
        "token_embd" => return Some(Cow::Borrowed("model.embed_tokens")),
        "output" => return Some(Cow::Borrowed("lm_head")),
        _ => {}
    }
    let (block, name) = path.strip_prefix("blk.")?.split_once('.')?;
    let (_, ours) = IN_BLOCK.iter().find(|(theirs, _)| *theirs == name)?;
    Some(Cow::Owned(format!("model.layers.{block}.{ours}")))
}

/// A name with everything gone that dialects write differently: for telling that two of them mean one module.
pub fn folded(name: &str) -> String {
    const PREFIXES: &[&str] = &[
        "lora_unet_",
        "lora_transformer_",
        "lycoris_",
        "diffusion_model_",
        "model_diffusion_model_",
        "unet_",
        "transformer_",
    ];
    let flat = name.replace('.', "_");
    let rest = PREFIXES.iter().find_map(|prefix| flat.strip_prefix(prefix));
    rest.map(str::to_owned).unwrap_or(flat)
}
