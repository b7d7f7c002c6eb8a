//! Which of the kernels' dtypes a tensor's is.

use lorascope_kernels::FactorType;
use safetensors::Dtype;

use lorascope_format::container::TensorType;

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

const _: () = assert!(lorascope_format::adapter::MAX_RANK == lorascope_kernels::plan::MAX_RANK);

#[cfg(test)]
mod tests {
    use lorascope_format::adapter::scale::number;

    use super::*;

    #[test]
    fn a_stored_scale_and_a_factor_are_decoded_alike() {
        for dtype in [Dtype::F8_E4M3, Dtype::F8_E5M2, Dtype::F16, Dtype::BF16, Dtype::F32, Dtype::F64] {
            let float = of_dtype(dtype).unwrap();
            for bits in 0..=u16::MAX {
                // The high bytes hold the sign, the exponent and the first digits.
                let mut bytes = vec![0; float.size().max(2)];
                let top = bytes.len() - 2;
                bytes[top..].copy_from_slice(&bits.to_le_bytes());
                let (scale, factor) = (number(&TensorType::Known(dtype), &bytes).unwrap(), float.decode(&bytes, 0));
                let alike = scale.to_bits() == factor.to_bits() || scale.is_nan() && factor.is_nan();
                assert!(alike, "{dtype:?} {bits:#x}: {scale} and {factor}");
            }
        }
    }
}
