//! GGUF files written byte by byte, as `docs/gguf.md` of ggml lays them out.

#![allow(dead_code, reason = "each test program uses its own part")]

use half::{bf16, f16};

/// The types that are written; more by their number in [`Tensor::number`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    F32,
    F16,
    Bf16,
    Q8_0,
}

impl Kind {
    /// Its number in `enum ggml_type`.
    pub fn number(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Bf16 => 30,
            Self::Q8_0 => 8,
        }
    }

    /// The numbers as bytes, rounded to the nearest that the type has.
    pub fn encode(self, numbers: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => numbers.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::F16 => numbers.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect(),
            Self::Bf16 => numbers.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect(),
            Self::Q8_0 => numbers.chunks(32).flat_map(q8_0_block).collect(),
        }
    }
}

/// As `quantize_row_q8_0_ref` of ggml: d = max|x| / 127, q = round(x / d).
fn q8_0_block(numbers: &[f32]) -> Vec<u8> {
    assert_eq!(numbers.len(), 32, "Q8_0 comes in blocks of 32 numbers");
    let d = numbers.iter().fold(0f32, |most, x| most.max(x.abs())) / 127.0;
    let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
    let quants = numbers.iter().map(|x| ((x * inverse).round() as i8).cast_unsigned());
    f16::from_f32(d).to_le_bytes().into_iter().chain(quants).collect()
}

/// The value of a key.
#[derive(Clone, Debug)]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    Text(String),
    /// The number of the values' kind, how many there are, and their bytes.
    List(u32, u64, Vec<u8>),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl Value {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub fn texts(texts: &[&str]) -> Self {
        Self::List(8, texts.len() as u64, texts.iter().flat_map(|text| string(text)).collect())
    }

    fn kind(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::I8(_) => 1,
            Self::U16(_) => 2,
            Self::I16(_) => 3,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::Text(_) => 8,
            Self::List(..) => 9,
            Self::U64(_) => 10,
            Self::I64(_) => 11,
            Self::F64(_) => 12,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::U8(x) => x.to_le_bytes().to_vec(),
            Self::I8(x) => x.to_le_bytes().to_vec(),
            Self::U16(x) => x.to_le_bytes().to_vec(),
            Self::I16(x) => x.to_le_bytes().to_vec(),
            Self::U32(x) => x.to_le_bytes().to_vec(),
            Self::I32(x) => x.to_le_bytes().to_vec(),
            Self::F32(x) => x.to_le_bytes().to_vec(),
            Self::Bool(x) => vec![u8::from(*x)],
            Self::Text(text) => string(text),
            Self::List(kind, count, bytes) => [&kind.to_le_bytes()[..], &count.to_le_bytes(), bytes].concat(),
            Self::U64(x) => x.to_le_bytes().to_vec(),
            Self::I64(x) => x.to_le_bytes().to_vec(),
            Self::F64(x) => x.to_le_bytes().to_vec(),
        }
    }
}

/// A text: its length, then its bytes.
pub fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A tensor to be written.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub name: String,
    /// Of its type in `enum ggml_type`.
    pub number: u32,
    /// The fastest dimension first, as the format has it.
    pub ne: Vec<u64>,
    pub data: Vec<u8>,
}

/// A tensor of a row-major shape (`[rows, cols]`).
pub fn tensor(name: &str, kind: Kind, shape: &[u64], numbers: &[f32]) -> Tensor {
    assert_eq!(shape.iter().product::<u64>(), numbers.len() as u64, "{name}");
    let ne = shape.iter().rev().copied().collect();
    Tensor { name: name.to_owned(), number: kind.number(), ne, data: kind.encode(numbers) }
}

/// A file; what is wrong with it is said by its fields.
#[derive(Clone, Debug)]
pub struct Draft {
    pub version: u32,
    pub values: Vec<(String, Value)>,
    pub tensors: Vec<Tensor>,
    /// What offsets are multiples of; to be given as `general.alignment` too where it is not 32.
    pub alignment: usize,
    /// In place of the offset of the tensor at this index.
    pub offsets: Vec<(usize, u64)>,
    pub tensor_count: Option<u64>,
    pub value_count: Option<u64>,
}

impl Draft {
    pub fn new(values: &[(&str, Value)], tensors: Vec<Tensor>) -> Self {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let (offsets, tensor_count, value_count) = (vec![], None, None);
        Self { version: 3, values, tensors, alignment: 32, offsets, tensor_count, value_count }
    }

    /// The header without the padding after it, and the data.
    pub fn parts(&self) -> (Vec<u8>, Vec<u8>) {
        let mut header = [&b"GGUF"[..], &self.version.to_le_bytes()].concat();
        header.extend(self.tensor_count.unwrap_or(self.tensors.len() as u64).to_le_bytes());
        header.extend(self.value_count.unwrap_or(self.values.len() as u64).to_le_bytes());
        for (key, value) in &self.values {
            header.extend([string(key), value.kind().to_le_bytes().to_vec(), value.bytes()].concat());
        }
        let mut data = Vec::new();
        for (index, tensor) in self.tensors.iter().enumerate() {
            header.extend(string(&tensor.name));
            header.extend((tensor.ne.len() as u32).to_le_bytes());
            header.extend(tensor.ne.iter().flat_map(|n| n.to_le_bytes()));
            header.extend(tensor.number.to_le_bytes());
            let offset = self.offsets.iter().find(|(at, _)| *at == index).map_or(data.len() as u64, |(_, at)| *at);
            header.extend(offset.to_le_bytes());
            data.extend(&tensor.data);
            data.resize(data.len().next_multiple_of(self.alignment), 0);
        }
        (header, data)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let (mut bytes, data) = self.parts();
        bytes.resize(bytes.len().next_multiple_of(self.alignment), 0);
        bytes.extend(data);
        bytes
    }
}

/// A file of version 3.
pub fn file(values: &[(&str, Value)], tensors: Vec<Tensor>) -> Vec<u8> {
    Draft::new(values, tensors).bytes()
}

/// The keys that llama.cpp's `convert_lora_to_gguf.py` writes for a LoRA.
pub fn adapter_values(architecture: &str, alpha: f32) -> Vec<(&'static str, Value)> {
    vec![
        ("general.architecture", Value::text(architecture)),
        ("general.type", Value::text("adapter")),
        ("adapter.type", Value::text("lora")),
        ("adapter.lora.alpha", Value::F32(alpha)),
        ("general.quantization_version", Value::U32(2)),
    ]
}

/// A LoRA adapter as that script writes it.
pub fn adapter(alpha: f32, tensors: Vec<Tensor>) -> Vec<u8> {
    file(&adapter_values("llama", alpha), tensors)
}
