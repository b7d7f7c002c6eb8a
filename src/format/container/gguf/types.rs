//! The types of tensors (`enum ggml_type` of llama.cpp's `ggml.h`) and their sizes (its `ggml-common.h`).

use crate::container::{Dtype, TensorType};

/// A type whose numbers come in blocks along a row.
#[derive(Clone, Copy, Debug)]
pub struct GgmlType {
    number: u32,
    pub name: &'static str,
    /// Numbers in a block.
    pub block: u64,
    /// Bytes of a block.
    pub bytes: u64,
}

const fn ggml(number: u32, name: &'static str, block: u64, bytes: u64) -> GgmlType {
    GgmlType { number, name, block, bytes }
}

/// 4, 5, 31 to 33 and 36 to 38 were taken out of the format.
const TYPES: &[GgmlType] = &[
    ggml(0, "F32", 1, 4),
    ggml(1, "F16", 1, 2),
    ggml(2, "Q4_0", 32, 18),
    ggml(3, "Q4_1", 32, 20),
    ggml(6, "Q5_0", 32, 22),
    ggml(7, "Q5_1", 32, 24),
    ggml(8, "Q8_0", 32, 34),
    ggml(9, "Q8_1", 32, 36),
    ggml(10, "Q2_K", 256, 84),
    ggml(11, "Q3_K", 256, 110),
    ggml(12, "Q4_K", 256, 144),
    ggml(13, "Q5_K", 256, 176),
    ggml(14, "Q6_K", 256, 210),
    ggml(15, "Q8_K", 256, 292),
    ggml(16, "IQ2_XXS", 256, 66),
    ggml(17, "IQ2_XS", 256, 74),
    ggml(18, "IQ3_XXS", 256, 98),
    ggml(19, "IQ1_S", 256, 50),
    ggml(20, "IQ4_NL", 32, 18),
    ggml(21, "IQ3_S", 256, 110),
    ggml(22, "IQ2_S", 256, 82),
    ggml(23, "IQ4_XS", 256, 136),
    ggml(24, "I8", 1, 1),
    ggml(25, "I16", 1, 2),
    ggml(26, "I32", 1, 4),
    ggml(27, "I64", 1, 8),
    ggml(28, "F64", 1, 8),
    ggml(29, "IQ1_M", 256, 56),
    ggml(30, "BF16", 1, 2),
    ggml(34, "TQ1_0", 256, 54),
    ggml(35, "TQ2_0", 256, 66),
    ggml(39, "MXFP4", 32, 17),
    ggml(40, "NVFP4", 64, 36),
    ggml(41, "Q1_0", 128, 18),
];

/// The type of this number; `None` for one that is newer than the table.
pub fn of(number: u32) -> Option<GgmlType> {
    TYPES.iter().copied().find(|ty| ty.number == number)
}

/// The same as a header's entry gives it.
pub fn tensor_type(number: u32) -> TensorType {
    let Some(ty) = of(number) else { return TensorType::Unknown(format!("ggml type {number}")) };
    match ty.name {
        "F32" => TensorType::Known(Dtype::F32),
        "F16" => TensorType::Known(Dtype::F16),
        "BF16" => TensorType::Known(Dtype::BF16),
        "F64" => TensorType::Known(Dtype::F64),
        "I8" => TensorType::Known(Dtype::I8),
        "I16" => TensorType::Known(Dtype::I16),
        "I32" => TensorType::Known(Dtype::I32),
        "I64" => TensorType::Known(Dtype::I64),
        "Q8_0" => TensorType::Q8_0,
        name => TensorType::Unknown(name.to_owned()),
    }
}
