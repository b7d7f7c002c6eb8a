//! Two checkpoints on disk that are larger than memory should be: sparse files, or filled ones for benchmarks.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use half::bf16;
use serde_json::json;

use crate::fixtures::{Tensor, begin};
use crate::numbers::Numbers;

pub const RANK: u64 = 8;

/// A model of one head and `layers` × one projection, in bf16, and an adapter of all of it.
pub struct Model {
    /// `[vocabulary, hidden]`
    pub head: [u64; 2],
    /// `[inner, hidden]`
    pub layer: [u64; 2],
    pub layers: u64,
}

/// A tensor's place in its file.
pub struct Place {
    pub name: String,
    pub shape: [u64; 2],
    pub begin: u64,
}

impl Model {
    fn tensors(&self) -> Vec<(String, [u64; 2])> {
        let mut tensors = vec![("lm_head".to_owned(), self.head)];
        tensors.extend((0..self.layers).map(|n| (format!("model.layers.{n}.mlp.up_proj"), self.layer)));
        tensors
    }

    pub fn bytes(&self) -> u64 {
        self.tensors().iter().map(|(_, shape)| 2 * shape[0] * shape[1]).sum()
    }

    /// A checkpoint of zeros that takes no room on the disk, and where each tensor's bytes begin.
    pub fn write_sparse(&self, folder: &Path) -> (File, Vec<Place>) {
        fs::create_dir_all(folder).expect("a folder in the temporary folder");
        let tensors: Vec<Tensor> = self
            .tensors()
            .into_iter()
            .map(|(name, shape)| {
                let name = format!("{name}.weight");
                Tensor { name, dtype: "BF16", shape, bytes: 2 * shape[0] * shape[1] }
            })
            .collect();
        let file = begin(&folder.join("model.safetensors"), &tensors).into_inner();
        let mut file = file.unwrap_or_else(|e| panic!("room on the disk: {e}"));
        let mut begin = file.stream_position().expect("a place in the file");
        let mut places = Vec::with_capacity(tensors.len());
        for ((name, shape), tensor) in self.tensors().into_iter().zip(&tensors) {
            places.push(Place { name, shape, begin });
            begin += tensor.bytes;
        }
        file.set_len(begin).expect("a sparse file");
        (file, places)
    }

    /// A checkpoint of numbers everywhere.
    pub fn write_filled(&self, folder: &Path, seed: u32) {
        let (mut file, _) = self.write_sparse(folder);
        let mut numbers = Numbers::new(seed.into());
        let block: Vec<u8> = (0..1 << 22).flat_map(|_| bf16::from_f32(numbers.weight()).to_le_bytes()).collect();
        let mut left = self.bytes();
        while left > 0 {
            let len = left.min(block.len() as u64);
            file.write_all(&block[..len as usize]).expect("room on the disk");
            left -= len;
        }
    }

    /// The adapter's folder; gives the factors B (out × r) and A (r × in) of every module, in the tensors' order.
    pub fn write_adapter(&self, folder: &Path) -> Vec<[Vec<f32>; 2]> {
        fs::create_dir_all(folder).expect("a folder in the temporary folder");
        let mut made_up = Numbers::new(7);
        let (mut tensors, mut numbers, mut factors) = (Vec::new(), Vec::new(), Vec::new());
        for (name, [out, inn]) in self.tensors() {
            let mut random = |len: u64| (0..len).map(|_| made_up.weight()).collect::<Vec<f32>>();
            let pair = [random(out * RANK), random(RANK * inn)];
            for (factor, shape, own) in [("lora_B", [out, RANK], &pair[0]), ("lora_A", [RANK, inn], &pair[1])] {
                let name = format!("base_model.model.{name}.{factor}.weight");
                tensors.push(Tensor { name, dtype: "F32", shape, bytes: 4 * own.len() as u64 });
                numbers.extend_from_slice(own);
            }
            factors.push(pair);
        }
        let mut file = begin(&folder.join("adapter_model.safetensors"), &tensors);
        for number in numbers {
            file.write_all(&number.to_le_bytes()).expect("room on the disk");
        }
        file.flush().expect("room on the disk");
        let config = json!({ "peft_type": "LORA", "r": RANK, "lora_alpha": RANK });
        fs::write(folder.join("adapter_config.json"), config.to_string()).expect("room on the disk");
        factors
    }
}

/// Writes rows of a tensor, and gives them as they are read back.
pub fn write_rows(file: &mut File, place: &Place, first: u64, numbers: &[f32]) -> Vec<f64> {
    let rounded: Vec<bf16> = numbers.iter().map(|&x| bf16::from_f32(x)).collect();
    let bytes: Vec<u8> = rounded.iter().flat_map(|x| x.to_le_bytes()).collect();
    file.seek(SeekFrom::Start(place.begin + 2 * first * place.shape[1])).expect("a file that can be sought");
    file.write_all(&bytes).expect("room on the disk");
    rounded.iter().map(|x| x.to_f64()).collect()
}
