//! GGUF's blocks of 32 numbers, decoded where the header says that they lie.

use crate::common::gguf::{Kind, adapter, tensor};
use crate::common::{fixture, header_of, json};
use lorascope_format::bytes::{ByteSource, MemorySource};
use lorascope_kernels::decode::q8_0;

fn decoded(file: &MemorySource, tensor: usize) -> Vec<f32> {
    let header = header_of(file).unwrap();
    let tensor = &header.tensors[tensor];
    q8_0(&pollster::block_on(file.read(tensor.begin..tensor.end)).unwrap()).unwrap()
}

#[test]
fn our_own_come_back() {
    let numbers: Vec<f32> = (0..128).map(|i| (i as f32 * 0.7).sin()).collect();
    let file = adapter(8.0, vec![tensor("d", Kind::Q8_0, &[2, 64], &numbers)]);
    let decoded = decoded(&MemorySource::new("adapter.gguf", file), 0);
    assert_eq!(decoded.len(), numbers.len());
    for (got, wanted) in decoded.iter().zip(numbers) {
        // Half a step of the largest block's scale, and the rounding of that scale to 11 bits.
        assert!((got - wanted).abs() <= 1.0 / 254.0 + 1.0 / 2048.0, "{got} for {wanted}");
    }
}

/// Written by the gguf package of llama.cpp (`tests/fixtures/gguf/write.py`).
#[test]
fn those_of_llama_cpps_own_writer() {
    let expected: Vec<f32> =
        serde_json::from_value(json("gguf/expected.json")["blk.0.ffn_up.weight.lora_a"].clone()).unwrap();
    assert_eq!(decoded(&fixture("gguf/adapter.gguf"), 2), expected, "as gguf.quants.dequantize gives them");
}
