//! What a safetensors or GGUF file holds, and what its dialect is called.

use super::grouping::{Shown, shown};
use super::keys::Family;
use crate::container::Header;

/// What a file holds, judged by its tensor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// At least one tensor of an update.
    Adapter,
    /// An adapter whose update is not computed here, by its name.
    Other(&'static str),
    /// No adapter tensor at all: a model's weights.
    Checkpoint,
    Empty,
}

/// Judges a file by its header.
pub fn recognise(header: &Header) -> Content {
    if header.tensors.is_empty() {
        return Content::Empty;
    }
    match shown(header) {
        Shown::Update => Content::Adapter,
        Shown::Named(kind) => Content::Other(kind),
        Shown::Nothing => Content::Checkpoint,
    }
}

/// What the dialect of a module's path and suffix is called.
pub fn name(family: Family, path: &str) -> &'static str {
    let flat = !path.contains('.');
    match family {
        Family::Peft if path.starts_with("base_model.") => "PEFT",
        Family::Peft if is_component(path) => "diffusers",
        Family::Peft => "PEFT",
        Family::Kohya | Family::Comfy | Family::Lycoris if path.starts_with("base_model.") => "PEFT",
        Family::Kohya if flat => "kohya",
        Family::Kohya => "ComfyUI",
        Family::Comfy => "ComfyUI",
        Family::Lycoris => "LyCORIS",
        Family::Diffusers => "diffusers",
        Family::Xlabs => "XLabs",
        Family::Mlx => "MLX",
        Family::Gguf => "GGUF",
        Family::Torchtune => "torchtune",
        Family::Megatron => "Megatron",
        Family::Safeloras => "safeloras",
        Family::ControlLora => "Control-LoRA",
    }
}

/// Components of image and video pipelines, and the block containers of their transformers: a path that begins with
/// one comes from a tool that writes no alpha where it equals the rank.
const COMPONENTS: &[&str] = &[
    "unet",
    "text_encoder",
    "text_encoder_2",
    "text_encoder_3",
    "text_encoders",
    "transformer_2",
    "prior",
    "diffusion_model",
    "conditional_transformer",
    "transformer_blocks",
    "single_transformer_blocks",
    "joint_transformer_blocks",
    "double_blocks",
    "single_blocks",
    "joint_blocks",
    "double_stream_blocks",
    "single_stream_blocks",
    "blocks",
    "down_blocks",
    "mid_block",
    "up_blocks",
    "input_blocks",
    "middle_block",
    "output_blocks",
    "noise_refiner",
    "context_refiner",
    "img_in",
    "txt_in",
    "final_layer",
];

/// Whether a path is that of an image or video pipeline's component. GPT-2's own `transformer.h.0` is none.
pub fn is_component(path: &str) -> bool {
    let mut segments = path.split('.');
    match (segments.next(), segments.next()) {
        (Some("model"), Some("diffusion_model")) => true,
        (Some("transformer"), Some(next)) => {
            !matches!(next, "h" | "wte" | "wpe" | "ln_f" | "layers" | "word_embeddings")
        }
        (Some(first), _) => COMPONENTS.contains(&first),
        (None, _) => false,
    }
}
