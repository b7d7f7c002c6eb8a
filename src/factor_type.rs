//! Which of the kernels' dtypes a tensor's is.

use lorascope_kernels::FactorType;
use safetensors::Dtype;

use crate::container::TensorType;

/// `None` for what is not a floating-point number that the kernels decode.
pub fn of_dtype(dtype: Dtype) -> Option<FactorType> {
    match dtype {
        Dtype::F32 => Some(FactorType::F32),
        Dtype::F16 => Some(FactorType::F16),
        Dtype::BF16 => Some(FactorType::Bf16),
        Dtype::F64 => Some(FactorType::F64),
        Dtype::F8_E4M3 => Some(FactorType::F8E4m3),
        Dtype::F8_E5M2 => Some(FactorType::F8E5m2),
        _ => None,
    }
}

/// The same of a tensor's type as its header names it.
pub fn of_tensor(tensor: &TensorType) -> Option<FactorType> {
    match tensor {
        TensorType::Known(dtype) => of_dtype(*dtype),
        TensorType::Q8_0 | TensorType::Unknown(_) => None,
    }
}
