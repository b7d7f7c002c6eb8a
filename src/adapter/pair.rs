//! A pair of factor tensors as two tall matrices.

use super::Factor;
use super::config::PeftConfig;
use super::fault::ModuleFault;
use crate::container::{Dtype, TensorEntry, TensorType, elements, quoted};

/// ΔW without its scale: left·rightᵀ, both `rows × rank`.
pub struct Pair {
    pub left: Factor,
    pub right: Factor,
    pub rank: u32,
}

impl Pair {
    /// `lora_A` `[r, in, k…]` and `lora_B` `[out, r, 1…]`: ΔW = B·A, a convolution's as `[out, in·k…]`.
    /// With `transposed` the base stores the weight as `[in, out]` (GPT-2's Conv1D), so ΔW is AᵀBᵀ.
    pub fn linear(a: &TensorEntry, b: &TensorEntry, transposed: bool) -> Result<Self, ModuleFault> {
        let (rank, inputs) = matrix(a, "lora_A")?;
        let (outputs, b_rank) = matrix(b, "lora_B")?;
        let convolution = a.shape.len() > 2;
        match b.shape.get(1) {
            Some(&group) if convolution && group < rank && rank % group == 0 => {
                return Err(ModuleFault::Grouped { a: rank, b: group });
            }
            Some(&b_rank) if b_rank != rank => return Err(ModuleFault::RankMismatch { a: rank, b: b_rank }),
            _ if b_rank != rank => return Err(ModuleFault::WideUp { shape: format!("{:?}", b.shape) }),
            _ => {}
        }
        let down = Factor { tensor: a.clone(), rows: inputs, cols: rank, transposed: true };
        let up = Factor { tensor: b.clone(), rows: outputs, cols: rank, transposed: false };
        if transposed && !convolution { Self::new(down, up) } else { Self::new(up, down) }
    }

    /// `lora_embedding_A` `[r, vocab]` and `lora_embedding_B` `[dim, r]`: ΔW = (B·A)ᵀ, `[vocab, dim]`.
    pub fn embedding(a: &TensorEntry, b: &TensorEntry) -> Result<Self, ModuleFault> {
        let (rank, vocab) = matrix(a, "lora_embedding_A")?;
        let (dim, b_rank) = matrix(b, "lora_embedding_B")?;
        if rank != b_rank {
            return Err(ModuleFault::RankMismatch { a: rank, b: b_rank });
        }
        let left = Factor { tensor: a.clone(), rows: vocab, cols: rank, transposed: true };
        let right = Factor { tensor: b.clone(), rows: dim, cols: rank, transposed: false };
        Self::new(left, right)
    }

    fn new(left: Factor, right: Factor) -> Result<Self, ModuleFault> {
        let too_large = || ModuleFault::TooLarge { shape: format!("{} × {} × {}", left.rows, left.cols, right.rows) };
        let rank = u32::try_from(left.cols).map_err(|_| too_large())?;
        left.rows.checked_mul(right.rows).ok_or_else(too_large)?;
        Ok(Self { left, right, rank })
    }
}

/// The first dimension, and the product of the others: the tensor as a matrix, row by row.
fn matrix(tensor: &TensorEntry, factor: &'static str) -> Result<(u64, u64), ModuleFault> {
    if tensor.is_empty() {
        return Err(ModuleFault::Empty);
    }
    let [rows, rest @ ..] = tensor.shape.as_slice() else { return Err(not_a_matrix(tensor, factor)) };
    if rest.is_empty() {
        return Err(not_a_matrix(tensor, factor));
    }
    if !is_decodable(&tensor.dtype) {
        return Err(ModuleFault::Dtype { dtype: quoted(&tensor.dtype.name()) });
    }
    let columns = elements(rest).ok_or_else(|| ModuleFault::TooLarge { shape: format!("{:?}", tensor.shape) })?;
    Ok((*rows, columns))
}

fn not_a_matrix(tensor: &TensorEntry, factor: &'static str) -> ModuleFault {
    ModuleFault::NotAMatrix { factor, shape: format!("{:?}", tensor.shape) }
}

/// The floating-point dtypes that factors are decoded from.
pub fn is_decodable(dtype: &TensorType) -> bool {
    use Dtype::{BF16, F8_E4M3, F8_E5M2, F16, F32, F64};
    matches!(dtype, TensorType::Known(F32 | F16 | BF16 | F64 | F8_E4M3 | F8_E5M2))
}

/// Whether the module owns a 3-D parameter of experts that PEFT adapts as a whole (`target_parameters`): its
/// factors hold the pairs of all experts, so their rank is a multiple of the configured one.
pub fn adapts_experts(module: &str, rank: u32, config: Option<&PeftConfig>) -> bool {
    if module.rsplit('.').next() == Some("experts") {
        return true;
    }
    let Some(config) = config else { return false };
    let targeted = config.target_parameters.iter().any(|parameter| {
        let owner = parameter.rsplit_once('.').map_or(parameter.as_str(), |(owner, _)| owner);
        module.strip_suffix(owner).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    });
    let multiple = config.rank_of(module).is_some_and(|r| u64::from(rank) > r && u64::from(rank) % r == 0);
    targeted && multiple
}
