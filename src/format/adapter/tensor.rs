//! A tensor's shape as what a formula asks for.

use super::fault::ModuleFault;
use crate::container::{Dtype, TensorEntry, TensorType, elements, quoted};

/// The first dimension, and the product of the others: the tensor as a matrix, row by row.
///
/// # Errors
/// It is empty, no matrix, or of a dtype that is not decoded.
pub fn matrix(tensor: &TensorEntry, factor: &'static str) -> Result<(u64, u64), ModuleFault> {
    decodable(tensor)?;
    let [rows, rest @ ..] = tensor.shape.as_slice() else { return Err(not_a_matrix(tensor, factor)) };
    if rest.is_empty() {
        return Err(not_a_matrix(tensor, factor));
    }
    Ok((*rows, product(rest, tensor)?))
}

/// Numbers of a tensor of any shape.
///
/// # Errors
/// As [`matrix`].
pub fn numbers(tensor: &TensorEntry) -> Result<u64, ModuleFault> {
    decodable(tensor)?;
    product(&tensor.shape, tensor)
}

/// The kernel `[k…]` of a tensor `[rows, cols, k…]`.
pub fn kernel(tensor: &TensorEntry) -> &[u64] {
    tensor.shape.get(2..).unwrap_or_default()
}

fn product(dims: &[u64], tensor: &TensorEntry) -> Result<u64, ModuleFault> {
    elements(dims).ok_or_else(|| ModuleFault::TooLarge { shape: format!("{:?}", tensor.shape) })
}

fn decodable(tensor: &TensorEntry) -> Result<(), ModuleFault> {
    if tensor.is_empty() {
        return Err(ModuleFault::Empty);
    }
    let blocks = tensor.dtype == TensorType::Q8_0;
    if blocks || is_decodable(&tensor.dtype) {
        Ok(())
    } else {
        Err(ModuleFault::Dtype { dtype: quoted(&tensor.dtype.name()) })
    }
}

pub fn not_a_matrix(tensor: &TensorEntry, factor: &'static str) -> ModuleFault {
    ModuleFault::NotAMatrix { factor, shape: format!("{:?}", tensor.shape) }
}

/// The floating-point dtypes that factors are decoded from.
pub fn is_decodable(dtype: &TensorType) -> bool {
    use Dtype::{BF16, F8_E4M3, F8_E5M2, F16, F32, F64};
    matches!(dtype, TensorType::Known(F32 | F16 | BF16 | F64 | F8_E4M3 | F8_E5M2))
}
