//! Whether an adapter changes a language model, told from its modules' names.

use super::{flat, names};

/// Segments that only models of images, videos and sounds have, or the pipelines around them.
const FOREIGN: &[&str] = &[
    // Components and wrappers.
    "unet",
    "diffusion_model",
    "conditional_transformer",
    "transformer_2",
    "prior",
    "text_encoder",
    "text_encoder_2",
    "text_encoder_3",
    "text_encoder_4",
    "text_encoders",
    "prior_text_encoder",
    "cond_stage_model",
    "conditioner",
    // Blocks.
    "down_blocks",
    "up_blocks",
    "mid_block",
    "input_blocks",
    "middle_block",
    "output_blocks",
    "transformer_blocks",
    "single_transformer_blocks",
    "joint_transformer_blocks",
    "text_transformer_blocks",
    "visual_transformer_blocks",
    "double_blocks",
    "single_blocks",
    "joint_blocks",
    "double_stream_blocks",
    "single_stream_blocks",
    "noise_refiner",
    "context_refiner",
    "individual_token_refiner",
    "token_refiner",
    // Modules.
    "to_q",
    "to_k",
    "to_v",
    "to_out",
    "img_in",
    "txt_in",
    "x_embedder",
    "final_layer",
    "adaln_modulation",
];

/// Whether a path's segment is one that only models of images, videos and sounds have.
pub fn is_foreign(segment: &str) -> bool {
    FOREIGN.contains(&segment)
}

/// Roles that make a numbered layer look like a language model's.
const ROLES: &[&str] = &["q", "k", "v", "o", "qkv", "gate", "up", "gate_up", "down", "router"];

/// Whether the modules are those of a language model: layers with attention or feed-forward matrices, or token
/// embeddings and heads by their usual names, and no module of an image or video model among them (its blocks, its
/// embedders, its text encoders).
///
/// An architecture that shows neither is none. A vision or audio tower alone is none either; beside a language
/// model's layers it does not count.
#[inline(never)]
pub fn is_language_model<'a>(modules: impl IntoIterator<Item = &'a str>) -> bool {
    let mut language = false;
    for name in modules {
        let path = flat::dotted(name).to_lowercase();
        let segments: Vec<&str> = path.split('.').collect();
        if segments.iter().any(|segment| is_foreign(segment)) || is_of_a_video_model(&segments) {
            return false;
        }
        language = language || speaks(&path, &segments);
    }
    language
}

/// Blocks of Wan and its kin, or of Lumina 2, whose names without a prefix hold no other telling word: cross-attention
/// in plain `blocks.N`, a feed-forward part of numbered modules there, and a fused `attention.qkv` in `layers.N`.
fn is_of_a_video_model(segments: &[&str]) -> bool {
    let in_blocks = |words: &[&str]| {
        let block = |window: &[&str]| window[0] == "blocks" && words.contains(&window[2]);
        segments.windows(3).any(block)
    };
    let tail = |tail: &[&str]| segments.ends_with(tail);
    let numbered = tail(&["ffn", "0"]) || tail(&["ffn", "2"]);
    in_blocks(&["cross_attn"]) || (in_blocks(&["ffn"]) && numbered) || tail(&["attention", "qkv"])
}

fn speaks(path: &str, segments: &[&str]) -> bool {
    const SENSES: &[&str] = &["vision", "visual", "vit", "image", "img", "audio", "speech"];
    if segments.iter().any(|segment| SENSES.iter().any(|sense| segment.starts_with(sense))) {
        return false;
    }
    const OUTSIDE: &[&str] =
        &["embed_tokens", "tok_embeddings", "wte", "word_embeddings", "embed_in", "token_embd", "lm_head", "embed_out"];
    let place = names::place(path);
    let outside = segments.last().is_some_and(|last| OUTSIDE.contains(last));
    // A state-space model's layers have a mixer in the place of attention.
    let works = |role: &str| ROLES.contains(&role) || segments.contains(&"mixer");
    outside || (place.layer.is_some() && works(place.role.trim_start_matches("cross_")))
}
