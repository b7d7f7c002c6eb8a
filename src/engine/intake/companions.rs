//! Files that lie in training folders and are of no use here, known by their names.

use super::labels::{extension, file_name};

/// Files and folders whose name begins with a dot, and what macOS puts into archives.
pub fn is_hidden(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
        || matches!(file_name(path), "Thumbs.db" | "desktop.ini")
}

const NAMES: &[&str] = &[
    "optimizer.pt",
    "optimizer.bin",
    "scheduler.pt",
    "scheduler.bin",
    "scaler.pt",
    "training_args.bin",
    "trainer_state.json",
    "train_results.json",
    "eval_results.json",
    "all_results.json",
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "image_processor_config.json",
    "chat_template.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.json",
    "merges.txt",
    "model_index.json",
    "latest",
    "license",
    "modelfile",
];

/// Notes, logs, pictures and scripts.
const EXTENSIONS: &[&str] = &[
    "md", "txt", "jinja", "log", "csv", "tsv", "yaml", "yml", "toml", "py", "sh", "ipynb", "html", "pdf", "png", "jpg",
    "jpeg", "webp", "gif", "svg", "jsonl", "distcp",
];

pub fn is_known(path: &str) -> bool {
    let name = file_name(path).to_lowercase();
    NAMES.contains(&name.as_str())
        || EXTENSIONS.contains(&extension(path).as_str())
        || (name.starts_with("rng_state") && name.ends_with(".pth"))
        || (name.starts_with("tokenizer") && name.ends_with(".json"))
        || name.starts_with("events.out.tfevents")
        || name.ends_with("_optim_states.pt")
        || name.ends_with("_model_states.pt")
        || is_index(path)
}

/// Whether the name is that of a sharded model's index: `model.safetensors.index.json`, with a variant inside or not.
pub fn is_index(path: &str) -> bool {
    let name = file_name(path).to_lowercase();
    name.ends_with(".json") && (name.contains(".safetensors.index.") || name.contains(".bin.index."))
}
