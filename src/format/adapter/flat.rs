//! Flat module names: paths whose dots were written as underscores, as kohya's sd-scripts, LyCORIS, musubi-tuner and
//! OneTrainer do.
//!
//! Flattening loses which underscores were dots. For display and grouping they are told apart by the words that are
//! known to hold an underscore themselves (`to_q`, `down_blocks`, …), the longest first, as diffusers'
//! `lora_conversion_utils.py` does; everything else is split. The text between the separators never changes, so that
//! flattening the result gives the name back.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a flat name begins with, and the component of the pipeline that this names.
const PREFIXES: &[(&str, &str)] = &[
    ("lora_prior_unet_", "prior."),
    ("lora_prior_te_", "prior_text_encoder."),
    ("lora_transformer_", "transformer."),
    ("lora_unet_", "unet."),
    ("oft_unet_", "unet."),
    ("lora_te1_", "text_encoder."),
    ("lora_te2_", "text_encoder_2."),
    ("lora_te3_", "text_encoder_3."),
    ("lora_te4_", "text_encoder_4."),
    ("lora_te_", "text_encoder."),
    ("lycoris_", ""),
];

/// Names of modules that hold underscores. None of them is two modules in any model known here.
const WORDS: &[&str] = &[
    // Blocks.
    "down_blocks",
    "up_blocks",
    "mid_block",
    "input_blocks",
    "middle_block",
    "output_blocks",
    "transformer_blocks",
    "transformer_1d_blocks",
    "single_transformer_blocks",
    "joint_transformer_blocks",
    "text_transformer_blocks",
    "visual_transformer_blocks",
    "double_blocks",
    "single_blocks",
    "joint_blocks",
    "vace_blocks",
    "refiner_blocks",
    "double_stream_blocks",
    "single_stream_blocks",
    "x_block",
    "context_block",
    "noise_refiner",
    "context_refiner",
    "token_refiner",
    "individual_token_refiner",
    "motion_modules",
    "distilled_guidance_layer",
    "llm_adapter",
    "audio_connector",
    "video_connector",
    "audio_embeddings_connector",
    "video_embeddings_connector",
    // Attention.
    "self_attn",
    "cross_attn",
    "img_attn",
    "txt_attn",
    "self_attention",
    "cross_attention",
    "audio_attn1",
    "audio_attn2",
    "audio_to_video_attn",
    "video_to_audio_attn",
    "encoder_attn",
    "to_q",
    "to_k",
    "to_v",
    "to_out",
    "to_q_t",
    "to_k_t",
    "to_v_t",
    "to_out_t",
    "to_qkv",
    "to_qkv_mlp_proj",
    "to_add_out",
    "to_query",
    "to_key",
    "to_value",
    "add_q_proj",
    "add_k_proj",
    "add_v_proj",
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "out_proj",
    "output_proj",
    "in_proj",
    "qkv_proj",
    "linear1_qkv",
    "k_img",
    "v_img",
    "q_norm",
    "k_norm",
    "norm_q",
    "norm_k",
    "norm_added_q",
    "norm_added_k",
    "query_norm",
    "key_norm",
    "relative_attention_bias",
    // Feed-forward.
    "img_mlp",
    "txt_mlp",
    "proj_mlp",
    "ff_context",
    "ff_i",
    "ff_t",
    "audio_ff",
    "feed_forward",
    "shared_experts",
    "gate_proj",
    "up_proj",
    "down_proj",
    "gate_up_proj",
    "linear_1",
    "linear_2",
    "linear_3",
    "linear_in",
    "linear_out",
    "wi_0",
    "wi_1",
    // Modulation and norms.
    "img_mod",
    "txt_mod",
    "adaLN_modulation",
    "adaln_modulation",
    "adaln_modulation_self_attn",
    "adaln_modulation_cross_attn",
    "adaln_modulation_mlp",
    "adaln_single",
    "audio_adaln_single",
    "double_stream_modulation_img",
    "double_stream_modulation_txt",
    "single_stream_modulation",
    "norm1_context",
    "norm2_context",
    "norm_out",
    "norm_final",
    "layer_norm",
    "layer_norm1",
    "layer_norm2",
    "final_layer_norm",
    "input_layernorm",
    "post_attention_layernorm",
    "attention_norm1",
    "attention_norm2",
    "ffn_norm1",
    "ffn_norm2",
    // Convolutions and what stands beside the blocks.
    "proj_in",
    "proj_out",
    "conv_in",
    "conv_out",
    "conv_shortcut",
    "conv_inverted",
    "conv_depth",
    "conv_point",
    "in_layers",
    "out_layers",
    "emb_layers",
    "skip_connection",
    "time_emb_proj",
    "time_embed",
    "time_embedding",
    "time_proj",
    "time_projection",
    "time_text_embed",
    "time_guidance_embed",
    "timestep_embedder",
    "guidance_embedder",
    "guidance_embed",
    "text_embedder",
    "text_embedding",
    "text_embeddings",
    "label_emb",
    "add_embedding",
    "condition_embedder",
    "context_embedder",
    "x_embedder",
    "y_embedder",
    "t_embedder",
    "cap_embedder",
    "caption_embedder",
    "caption_projection",
    "clean_x_embedder",
    "patch_embed",
    "patch_embedding",
    "patchify_proj",
    "pos_embed",
    "img_emb",
    "img_in",
    "txt_in",
    "time_in",
    "vector_in",
    "guidance_in",
    "in_layer",
    "out_layer",
    "final_layer",
    "kv_mapper",
    "mapper_sca",
    "mapper_crp",
    // Text encoders.
    "text_model",
    "language_model",
    "text_projection",
    "token_embedding",
    "position_embedding",
    "embed_tokens",
    "lm_head",
];

/// The words by their first letter.
static BY_LETTER: LazyLock<HashMap<u8, Vec<&str>>> = LazyLock::new(|| {
    let mut words: HashMap<u8, Vec<&str>> = HashMap::new();
    for word in WORDS {
        words.entry(word.as_bytes().first().copied().unwrap_or_default()).or_default().push(word);
    }
    words
});

/// A path split into what the flattening put before it, the component that this names, and the rest with dots.
/// Every byte of `rest` stands where it stood, `prefix` bytes further on in the path.
pub(super) struct Flat {
    pub prefix: usize,
    pub component: &'static str,
    pub rest: String,
}

/// `None` for a path that is not flat. Of a tensor's name, what stands after the first dot stays as it is.
pub(super) fn flat(path: &str) -> Option<Flat> {
    let (head, tail) = path.split_at(path.find('.').unwrap_or(path.len()));
    let known = PREFIXES.iter().find(|(prefix, _)| head.len() > prefix.len() && head.starts_with(prefix));
    let (prefix, component) = match known {
        Some((prefix, component)) => (prefix.len(), *component),
        // A prefix of its own choosing: only a numbered block says that the name is a flat one.
        None if tail.is_empty() && holds_a_block(head) => (0, ""),
        None => return None,
    };
    let mut rest = split(head.get(prefix..)?);
    rest.push_str(tail);
    Some(Flat { prefix, component, rest })
}

/// The path with dots: `lora_unet_mid_block_attentions_0_proj_in` is `unet.mid_block.attentions.0.proj_in`.
///
/// The component that the prefix names comes first (`unet`, `text_encoder`, `text_encoder_2`, `prior`, …; none for
/// `lycoris_`). A path that is no flat name comes back as it is. One with dots counts as flat to the first of them if
/// it leads through a numbered block (`lora_unet_blocks_32.self_attn.q`).
pub fn dotted(path: &str) -> String {
    let half = |rest: &str| path.contains('.') && !super::names::holds_a_layer(&rest.to_lowercase());
    match flat(path) {
        Some(Flat { component, rest, .. }) if !half(&rest) => format!("{component}{rest}"),
        _ => path.to_owned(),
    }
}

/// Whether a path without dots has a word after which models count their layers, and a number after it.
fn holds_a_block(name: &str) -> bool {
    let dotted = split(name).to_lowercase();
    dotted != name.to_lowercase() && super::names::holds_a_layer(&dotted)
}

/// Dots for underscores, except inside the known words.
fn split(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while !rest.is_empty() {
        let whole =
            |word: &&&str| rest.strip_prefix(**word).is_some_and(|after| after.is_empty() || after.starts_with('_'));
        let words = rest.as_bytes().first().and_then(|letter| BY_LETTER.get(letter));
        let known = words.into_iter().flatten().filter(whole).map(|word| word.len()).max();
        let end = known.or_else(|| rest.find('_')).unwrap_or(rest.len());
        let (segment, after) = rest.split_at(end);
        out.push_str(segment);
        rest = after.strip_prefix('_').unwrap_or(after);
        if !after.is_empty() {
            out.push('.');
        }
    }
    out
}
