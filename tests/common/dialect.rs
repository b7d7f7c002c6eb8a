//! Adapter files of any dialect, written tensor by tensor, the numbers kept for a dense reference.

use lorascope_format::bytes::MemorySource;
use nalgebra::DMatrix;
use serde_json::{Map, Value, json};

use crate::numbers::Numbers;

/// A tensor's name, or the end of it, and its shape.
pub type Key = (&'static str, &'static [usize]);

/// A tensor, row by row; its numbers are those that the file holds.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub numbers: Vec<f64>,
}

impl Tensor {
    pub fn new(shape: &[usize], numbers: Vec<f64>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), numbers.len(), "{shape:?}");
        Self { shape: shape.to_vec(), numbers }
    }

    pub fn scalar(number: f64) -> Self {
        Self::new(&[], vec![number])
    }

    pub fn of(matrix: &DMatrix<f64>) -> Self {
        let numbers = matrix.transpose().iter().map(|&x| f64::from(x as f32)).collect();
        Self::new(&[matrix.nrows(), matrix.ncols()], numbers)
    }

    /// The first dimension by the product of the others.
    pub fn matrix(&self) -> DMatrix<f64> {
        let rows = self.shape.first().copied().unwrap_or(1);
        DMatrix::from_row_slice(rows, self.numbers.len() / rows, &self.numbers)
    }

    /// The matrix `n` of a stack of them.
    pub fn part(&self, n: usize) -> DMatrix<f64> {
        let size: usize = self.shape[1..].iter().product();
        Self::new(&self.shape[1..], self.numbers[n * size..(n + 1) * size].to_vec()).matrix()
    }

    /// The product of the dimensions after the second: the size of a convolution's kernel.
    pub fn kernel(&self) -> usize {
        self.shape.iter().skip(2).product()
    }
}

/// A safetensors file under way.
pub struct File {
    numbers: Numbers,
    tensors: Vec<(String, &'static str, Tensor)>,
    metadata: Map<String, Value>,
}

impl File {
    pub fn new(seed: u64) -> Self {
        Self { numbers: Numbers::new(seed), tensors: Vec::new(), metadata: Map::new() }
    }

    /// Numbers of the sequence, in no file yet.
    pub fn draw(&mut self, shape: &[usize]) -> Tensor {
        let numbers = (0..shape.iter().product()).map(|_| self.numbers.seventh()).collect();
        Tensor::new(shape, numbers)
    }

    /// A new F32 tensor of such numbers.
    pub fn random(&mut self, name: &str, shape: &[usize]) -> Tensor {
        let tensor = self.draw(shape);
        self.put(name, &tensor);
        tensor
    }

    pub fn put(&mut self, name: &str, tensor: &Tensor) {
        self.put_as(name, "F32", tensor);
    }

    /// A tensor in a dtype of safetensors' name.
    pub fn put_as(&mut self, name: &str, dtype: &'static str, tensor: &Tensor) {
        self.tensors.push((name.to_owned(), dtype, tensor.clone()));
    }

    pub fn scalar(&mut self, name: &str, number: f64) {
        self.put(name, &Tensor::scalar(number));
    }

    pub fn metadata(&mut self, key: &str, value: &Value) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.metadata.insert(key.to_owned(), text.into());
    }

    /// A pair of factors of the shapes A `[r, in, k…]` and B `[out, r, 1…]`, and their product B·A.
    pub fn pair(&mut self, down: &str, up: &str, [out, r, inn]: [usize; 3], kernel: &[usize]) -> DMatrix<f64> {
        let ones = vec![1; kernel.len()];
        let a = self.random(down, &[&[r, inn], kernel].concat());
        let b = self.random(up, &[&[out, r], ones.as_slice()].concat());
        b.matrix() * a.matrix()
    }

    /// `lora_A` and `lora_B` of a linear layer.
    pub fn peft(&mut self, path: &str, sizes: [usize; 3]) -> DMatrix<f64> {
        self.pair(&format!("{path}.lora_A.weight"), &format!("{path}.lora_B.weight"), sizes, &[])
    }

    /// `lora_down`, `lora_up` and, if there is one, `alpha` of a linear layer.
    pub fn kohya(&mut self, path: &str, sizes: [usize; 3], alpha: Option<f64>) -> DMatrix<f64> {
        if let Some(alpha) = alpha {
            self.scalar(&format!("{path}.alpha"), alpha);
        }
        self.pair(&format!("{path}.lora_down.weight"), &format!("{path}.lora_up.weight"), sizes, &[])
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut header = Map::new();
        if !self.metadata.is_empty() {
            header.insert("__metadata__".to_owned(), Value::Object(self.metadata.clone()));
        }
        let mut body = Vec::new();
        for (name, dtype, tensor) in &self.tensors {
            let begin = body.len();
            body.extend(tensor.numbers.iter().flat_map(|&x| encode(dtype, x)));
            let entry = json!({ "dtype": dtype, "shape": tensor.shape, "data_offsets": [begin, body.len()] });
            assert!(header.insert(name.clone(), entry).is_none(), "{name} twice");
        }
        crate::common::file(&Value::Object(header).to_string(), &body)
    }

    pub fn at(&self, path: &str) -> MemorySource {
        MemorySource::new(path, self.bytes())
    }
}

fn encode(dtype: &str, x: f64) -> Vec<u8> {
    match dtype {
        "F64" => x.to_le_bytes().to_vec(),
        "F32" => (x as f32).to_le_bytes().to_vec(),
        "F16" => half::f16::from_f64(x).to_le_bytes().to_vec(),
        "BF16" => half::bf16::from_f64(x).to_le_bytes().to_vec(),
        "I64" => (x as i64).to_le_bytes().to_vec(),
        "I32" => (x as i32).to_le_bytes().to_vec(),
        other => panic!("no test writes {other}"),
    }
}

/// An `adapter_config.json` in the same folder as the file.
pub fn config(settings: Value) -> MemorySource {
    MemorySource::new("adapter_config.json", settings.to_string().into_bytes())
}

/// PEFT's configuration with rank 4 and alpha 8, so that alpha/r is 2, and these settings besides.
pub fn lora_config(settings: Value) -> MemorySource {
    let mut all = json!({ "peft_type": "LORA", "r": 4, "lora_alpha": 8 });
    let (Value::Object(all_settings), Value::Object(more)) = (&mut all, settings) else { panic!("not an object") };
    all_settings.extend(more);
    config(all)
}
