//! GGUF files that hold no LoRA: llama.cpp keeps whole models in the same container.

use lorascope_format::container::{Format, Header, quoted};

/// Why a GGUF file is no LoRA adapter, and what to drop instead; `None` for one that is, and for other files.
pub fn refusal(path: &str, header: &Header) -> Option<String> {
    let is_factor = |name: &str| name.ends_with(".lora_a") || name.ends_with(".lora_b");
    if header.format != Format::Gguf || header.tensors.iter().any(|tensor| is_factor(&tensor.name)) {
        return None;
    }
    let value = |key: &str| header.metadata.get(key);
    if value("general.type").is_some_and(|kind| kind == "adapter") {
        let kind = value("adapter.type").map(|kind| format!(" of the type {}", quoted(kind))).unwrap_or_default();
        return Some(format!(
            "{path}: this GGUF file is an adapter{kind} without a LoRA factor (a tensor whose name ends in `.lora_a` or \
             `.lora_b`), so there is nothing to analyse. Drop a LoRA adapter."
        ));
    }
    let of = value("general.architecture").map(|name| format!(" (architecture {})", quoted(name))).unwrap_or_default();
    Some(format!(
        "{path}: this is a whole model in GGUF form{of}, not an adapter. Drop a LoRA adapter, as GGUF or as safetensors; \
         where its base model is asked for, drop the model's safetensors files."
    ))
}
