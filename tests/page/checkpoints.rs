//! Two checkpoints on disk that are larger than memory should be: sparse files, or filled ones for benchmarks.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use half::bf16;
use serde_json::{Map, Value, json};

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

    /// The header of a checkpoint, and where each tensor's bytes begin in the file.
    fn header(&self) -> (Vec<u8>, Vec<Place>) {
        let mut header = Map::new();
        let mut places = Vec::new();
        let mut at = 0;
        for (name, shape) in self.tensors() {
            let end = at + 2 * shape[0] * shape[1];
            let entry = json!({ "dtype": "BF16", "shape": shape, "data_offsets": [at, end] });
            header.insert(format!("{name}.weight"), entry);
            places.push(Place { name, shape, begin: at });
            at = end;
        }
        let text = Value::Object(header).to_string();
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        places.iter_mut().for_each(|place| place.begin += bytes.len() as u64);
        (bytes, places)
    }

    /// A checkpoint of zeros that takes no room on the disk.
    pub fn write_sparse(&self, folder: &Path) -> (File, Vec<Place>) {
        fs::create_dir_all(folder).expect("a folder in the temporary folder");
        let (header, places) = self.header();
        let mut file = File::create(folder.join("model.safetensors")).expect("a file in the temporary folder");
        file.write_all(&header).expect("room on the disk");
        file.set_len(header.len() as u64 + self.bytes()).expect("a sparse file");
        (file, places)
    }

    /// A checkpoint of numbers everywhere.
    pub fn write_filled(&self, folder: &Path, seed: u32) {
        let (mut file, _) = self.write_sparse(folder);
        let (header, _) = self.header();
        file.seek(SeekFrom::Start(header.len() as u64)).expect("a file that can be sought");
        let mut state = seed;
        let block: Vec<u8> = (0..1 << 22).flat_map(|_| bf16::from_f32(next(&mut state)).to_le_bytes()).collect();
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
        let mut state = 7;
        let mut header = Map::new();
        let (mut body, mut factors) = (Vec::new(), Vec::new());
        for (name, [out, inn]) in self.tensors() {
            let mut random = |len: u64| (0..len).map(|_| next(&mut state)).collect::<Vec<f32>>();
            let pair = [random(out * RANK), random(RANK * inn)];
            for (factor, shape, numbers) in [("lora_B", [out, RANK], &pair[0]), ("lora_A", [RANK, inn], &pair[1])] {
                let begin = body.len();
                body.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
                let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, body.len()] });
                header.insert(format!("base_model.model.{name}.{factor}.weight"), entry);
            }
            factors.push(pair);
        }
        let text = Value::Object(header).to_string();
        let bytes = [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &body].concat();
        fs::write(folder.join("adapter_model.safetensors"), bytes).expect("room on the disk");
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

/// Numerical Recipes' linear congruential generator; its high bits as a number in ±0.02.
pub fn next(state: &mut u32) -> f32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*state >> 8) as f32 / 8_388_608.0 * 0.02 - 0.02
}
