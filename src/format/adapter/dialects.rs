//! What a safetensors or GGUF file holds, and what its dialect is called.

use super::family::is_foreign;
use super::gather::{Shown, shown};
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

/// Whether a module's path and suffix are as PEFT writes them.
pub fn is_peft(family: Family, path: &str) -> bool {
    match family {
        Family::Peft => path.starts_with("base_model.") || !is_component(path),
        Family::Kohya | Family::Comfy | Family::Lycoris => path.starts_with("base_model."),
        _ => false,
    }
}

/// What the dialect of a module's path and suffix is called.
pub fn name(family: Family, path: &str) -> &'static str {
    let flat = !path.contains('.');
    match family {
        _ if is_peft(family, path) => "PEFT",
        Family::Peft | Family::Diffusers => "diffusers",
        Family::Kohya if flat => "kohya",
        Family::Kohya => "ComfyUI",
        Family::Comfy => "ComfyUI",
        Family::Lycoris => "LyCORIS",
        Family::Xlabs => "XLabs",
        Family::Mlx => "MLX",
        Family::Gguf => "GGUF",
        Family::Torchtune => "torchtune",
        Family::Megatron => "Megatron",
        Family::Safeloras => "safeloras",
        Family::ControlLora => "Control-LoRA",
    }
}

/// Whether a path begins as those of an image or video pipeline do: its tools write no alpha where it equals the rank.
/// GPT-2's own `transformer.h.0` is none.
pub fn is_component(path: &str) -> bool {
    let mut segments = path.split('.');
    match (segments.next(), segments.next()) {
        (Some("model"), Some("diffusion_model")) => true,
        (Some("transformer"), Some(next)) => {
            !matches!(next, "h" | "wte" | "wpe" | "ln_f" | "layers" | "word_embeddings")
        }
        // Wan's blocks, without a component before them.
        (Some(first), _) => first == "blocks" || is_foreign(first),
        (None, _) => false,
    }
}
