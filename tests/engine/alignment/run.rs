//! A small model's checkpoints and adapters, written for a test.

use lorascope_format::bytes::MemorySource;
use lorascope_protocol::{BackendChoice, ToPage};
use nalgebra::DMatrix;
use serde_json::{Value, json};

use super::bench::{Bench, bench};
use crate::common::file;
use crate::numbers::Numbers;

/// A small model: `layers` × (q: out × inn) in a dtype, with what training adds.
pub struct Tensor {
    pub name: String,
    pub dtype: &'static str,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

pub fn tensor(name: &str, dtype: &'static str, matrix: &DMatrix<f64>) -> Tensor {
    let encode = |x: f64| match dtype {
        "F32" => (x as f32).to_le_bytes().to_vec(),
        "F64" => x.to_le_bytes().to_vec(),
        "F16" => half::f16::from_f64(x).to_le_bytes().to_vec(),
        "BF16" => half::bf16::from_f64(x).to_le_bytes().to_vec(),
        // Only integers of at most four bits are written so: they are exact.
        "F8_E5M2" => vec![half::f16::from_f64(x).to_le_bytes()[1]],
        other => panic!("{other}"),
    };
    let bytes = matrix.transpose().iter().flat_map(|&x| encode(x)).collect();
    Tensor { name: name.to_owned(), dtype, shape: vec![matrix.nrows(), matrix.ncols()], bytes }
}

pub fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut body: Vec<u8> = Vec::new();
    for Tensor { name, dtype, shape, bytes } in tensors {
        let begin = body.len();
        body.extend_from_slice(bytes);
        header.insert(name.clone(), json!({ "dtype": dtype, "shape": shape, "data_offsets": [begin, body.len()] }));
    }
    file(&Value::Object(header).to_string(), &body)
}

/// What the file gives back of a matrix.
pub fn rounded(matrix: &DMatrix<f64>, dtype: &str) -> DMatrix<f64> {
    matrix.map(|x| match dtype {
        "F32" => f64::from(x as f32),
        "F16" => half::f16::from_f64(x).to_f64(),
        "BF16" => half::bf16::from_f64(x).to_f64(),
        _ => x,
    })
}

pub const Q: &str = "model.layers.0.self_attn.q_proj";

/// An adapter of one module, its factors in F32.
pub fn adapter_file(path: &str, module: &str, b: &DMatrix<f64>, a: &DMatrix<f64>) -> MemorySource {
    let name = |factor: &str| format!("base_model.model.{module}.{factor}.weight");
    MemorySource::new(path, safetensors(&[tensor(&name("lora_A"), "F32", a), tensor(&name("lora_B"), "F32", b)]))
}

pub fn config_file(path: &str, r: usize, alpha: f64) -> MemorySource {
    let config = json!({ "peft_type": "LORA", "r": r, "lora_alpha": alpha, "target_modules": ["q_proj"] });
    MemorySource::new(path, config.to_string().into_bytes())
}

/// An adapter of q and k of one layer, and states of its model: `W + n·E` for the nth.
pub struct Run {
    pub adapter: Vec<MemorySource>,
    pub w: DMatrix<f64>,
    pub step: DMatrix<f64>,
}

pub const K: &str = "model.layers.0.self_attn.k_proj";

impl Run {
    pub fn new() -> Self {
        let mut numbers = Numbers::new(11);
        let mut tensors = Vec::new();
        for module in [Q, K] {
            for (factor, rows, cols) in [("lora_A", 2, 12), ("lora_B", 10, 2)] {
                let name = format!("base_model.model.{module}.{factor}.weight");
                tensors.push(tensor(&name, "F32", &numbers.matrix(rows, cols)));
            }
        }
        let adapter = vec![
            MemorySource::new("lora/adapter_model.safetensors", safetensors(&tensors)),
            config_file("lora/adapter_config.json", 2, 2.0),
        ];
        Self { adapter, w: numbers.matrix(10, 12), step: numbers.matrix(10, 12) }
    }

    pub fn weight(&self, module: &str, n: f64) -> Tensor {
        tensor(&format!("{module}.weight"), "F32", &(&self.w + &self.step * n))
    }

    pub fn state(&self, path: &str, n: f64) -> MemorySource {
        MemorySource::new(path, safetensors(&[self.weight(Q, n), self.weight(K, 2.0 * n)]))
    }

    pub fn start(&self, choice: BackendChoice) -> Bench<impl Fn(ToPage)> {
        let mut bench = bench(choice);
        bench.drop_files(self.adapter.clone());
        bench
    }
}
