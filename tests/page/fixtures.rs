//! Adapters on disk: those in `tests/fixtures`, and those too large to keep there.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::numbers::Numbers;
use serde_json::{Map, Value, json};

/// PEFT adapters trained on a small Llama, each a folder with its weights and its config.
pub const TRAINED: [&str; 4] = ["peft-lora", "peft-rslora-attn", "peft-patterns", "peft-embed-saved"];

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

pub fn folder(name: &str) -> PathBuf {
    fixtures().join(name)
}

/// The two files of an adapter's folder.
pub fn files(name: &str) -> Vec<PathBuf> {
    ["adapter_model.safetensors", "adapter_config.json"].iter().map(|file| folder(name).join(file)).collect()
}

pub fn json_file(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A tensor of a file to be written: its name, dtype, shape and length in bytes.
pub struct Tensor {
    pub name: String,
    pub dtype: &'static str,
    pub shape: [u64; 2],
    pub bytes: u64,
}

/// Begins a safetensors file with the header of `tensors`, one after the other.
pub fn begin(path: &Path, tensors: &[Tensor]) -> BufWriter<File> {
    let mut header = Map::new();
    let mut offset = 0;
    for tensor in tensors {
        let end = offset + tensor.bytes;
        let entry = json!({ "dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [offset, end] });
        header.insert(tensor.name.clone(), entry);
        offset = end;
    }
    safetensors(path, &header)
}

/// Begins a safetensors file with this header; its tensors' bytes are to follow.
pub fn safetensors(path: &Path, header: &Map<String, Value>) -> BufWriter<File> {
    let header = Value::Object(header.clone()).to_string();
    let mut file = BufWriter::new(File::create(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
    file.write_all(&(header.len() as u64).to_le_bytes()).expect("room on the disk");
    file.write_all(header.as_bytes()).expect("room on the disk");
    file
}

/// A bf16 rank-16 adapter of every linear layer of Llama 3.1 8B: 224 modules, 84 MB, random but always the same.
pub fn write_8b_adapter(folder: &Path) {
    write_8b_adapter_of_rank(folder, 16);
}

/// The same of any rank.
pub fn write_8b_adapter_of_rank(folder: &Path, rank: u64) {
    let (hidden, kv, inner) = (4096, 1024, 14336);
    let modules = [
        ("self_attn.q_proj", [hidden, hidden]),
        ("self_attn.k_proj", [kv, hidden]),
        ("self_attn.v_proj", [kv, hidden]),
        ("self_attn.o_proj", [hidden, hidden]),
        ("mlp.gate_proj", [inner, hidden]),
        ("mlp.up_proj", [inner, hidden]),
        ("mlp.down_proj", [hidden, inner]),
    ];
    write_adapter(folder, &modules, 32, rank);
}

/// A bf16 adapter of these modules, `[out, in]`, in every layer.
pub fn write_adapter(folder: &Path, modules: &[(&str, [u64; 2])], layers: u64, rank: u64) {
    let mut tensors = Vec::new();
    for layer in 0..layers {
        for &(name, [rows, cols]) in modules {
            for (factor, shape) in [("lora_A", [rank, cols]), ("lora_B", [rows, rank])] {
                let name = format!("base_model.model.model.layers.{layer}.{name}.{factor}.weight");
                tensors.push(Tensor { name, dtype: "BF16", shape, bytes: 2 * shape[0] * shape[1] });
            }
        }
    }
    fs::create_dir_all(folder).expect("a folder in the temporary folder");
    let mut file = begin(&folder.join("adapter_model.safetensors"), &tensors);
    let mut numbers = Numbers::new(1);
    for _ in 0..tensors.iter().map(|tensor| tensor.bytes / 2).sum::<u64>() {
        file.write_all(&half::bf16::from_f32(numbers.weight()).to_le_bytes()).expect("room on the disk");
    }
    file.flush().expect("room on the disk");
    let config =
        json!({ "peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "base_model_name_or_path": "Llama-3.1-8B" });
    fs::write(folder.join("adapter_config.json"), config.to_string()).expect("room on the disk");
}

/// 20,000 modules of one number each.
pub fn write_twenty_thousand_modules(path: &Path) {
    let names = (0..20_000)
        .flat_map(|layer| ["A", "B"].map(|f| format!("base_model.model.model.layers.{layer}.q.lora_{f}.weight")));
    let tensors: Vec<Tensor> = names.map(|name| Tensor { name, dtype: "F32", shape: [1, 1], bytes: 4 }).collect();
    let mut file = begin(path, &tensors);
    for _ in &tensors {
        file.write_all(&0.5_f32.to_le_bytes()).expect("room on the disk");
    }
    file.flush().expect("room on the disk");
}
