//! The real PEFT library, where Python has it, and the sizes of the fixtures' model.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::{Value, json};

/// The Python that can import torch, peft and transformers: `$LORASCOPE_PYTHON`, which then has to, or `python3`.
/// Where there is none, `None`, after saying so.
pub fn python() -> Option<&'static str> {
    static FOUND: OnceLock<Option<String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let named = std::env::var("LORASCOPE_PYTHON").ok().filter(|name| !name.is_empty());
        let python = named.clone().unwrap_or_else(|| "python3".to_owned());
        let imports = "import torch, transformers, peft, safetensors.torch";
        let why = match Command::new(&python).args(["-c", imports]).output() {
            Ok(output) if output.status.success() => return Some(python),
            Ok(output) => last_line(&output.stderr),
            Err(error) => error.to_string(),
        };
        assert!(named.is_none(), "LORASCOPE_PYTHON is {python}, which cannot import what the test needs: {why}");
        // Not by `eprintln!`, which the test harness swallows where a test passes.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: {python} cannot load adapters with PEFT ({why}). Install torch, transformers and peft, or name a \
             Python that has them in LORASCOPE_PYTHON."
        );
        None
    });
    found.as_deref()
}

/// Loads the adapter in `folder` with PEFT onto a new model of `sizes` (a `config.json`'s keys): per module, by its
/// path, `shape`, `rank`, `scaling`, `frobenius` and `singular_values` of the update that PEFT applies. `None` where
/// there is no Python for it. Panics, with what Python said, if the file and the model do not fit each other.
pub fn apply(folder: &Path, sizes: &Value) -> Option<Value> {
    let python = python()?;
    let output = run(python, folder, sizes);
    assert!(output.status.success(), "PEFT cannot load {}: {}", folder.display(), text(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stdout))))
}

/// What PEFT says against an adapter that it should refuse.
pub fn refusal(folder: &Path, sizes: &Value) -> Option<String> {
    let output = run(python()?, folder, sizes);
    assert!(!output.status.success(), "PEFT took {}", folder.display());
    Some(last_line(&output.stderr))
}

fn run(python: &str, folder: &Path, sizes: &Value) -> Output {
    let script = xtask::proc::root().join("tests/peft/apply.py");
    let model = folder.join("model-sizes.json");
    std::fs::write(&model, sizes.to_string()).unwrap_or_else(|e| panic!("{}: {e}", model.display()));
    let output = Command::new(python).arg(script).arg(folder).arg(&model).output();
    output.unwrap_or_else(|e| panic!("{python}: {e}"))
}

/// The sizes of the model that the PEFT fixtures were trained on.
pub fn fixture_model() -> Value {
    json!({
        "model_type": "llama", "hidden_size": 128, "intermediate_size": 344, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 32, "num_hidden_layers": 6, "vocab_size": 256,
        "max_position_embeddings": 128, "tie_word_embeddings": false,
    })
}

/// A smaller model: half as wide, one key-value head, four layers instead of six.
pub fn smaller_model() -> Value {
    json!({
        "model_type": "llama", "_name_or_path": "org/smaller", "hidden_size": 64, "intermediate_size": 176,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32, "num_hidden_layers": 4, "vocab_size": 100,
        "tie_word_embeddings": false, "max_position_embeddings": 128,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

fn last_line(bytes: &[u8]) -> String {
    text(bytes).lines().last().unwrap_or_default().to_owned()
}
