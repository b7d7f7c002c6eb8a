//! The one table of cases that runs every kernel and its CPU twin, natively and in the browser, and the f64
//! reference that judges them.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::rc::Rc;

use lorascope_kernels::linalg::Pair;
use lorascope_kernels::{FactorType, RawTall};
use nalgebra::DMatrix;

use crate::numbers::Numbers;

impl Numbers {
    pub fn matrix(&mut self, rows: usize, cols: usize) -> DMatrix<f64> {
        DMatrix::from_fn(rows, cols, |_, _| self.gaussian())
    }
}

/// A matrix as a file would hold it.
pub fn stored(matrix: &DMatrix<f64>, dtype: FactorType, transposed: bool) -> RawTall {
    let encode = |x: f64| match dtype {
        FactorType::F32 => (x as f32).to_le_bytes().to_vec(),
        FactorType::F16 => half::f16::from_f64(x).to_le_bytes().to_vec(),
        FactorType::Bf16 => half::bf16::from_f64(x).to_le_bytes().to_vec(),
        FactorType::F64 => x.to_le_bytes().to_vec(),
        other => unreachable!("no case is stored as {other:?}"),
    };
    let by_row = matrix.transpose();
    let numbers = if transposed { matrix.as_slice() } else { by_row.as_slice() };
    RawTall {
        rows: matrix.nrows() as u32,
        cols: matrix.ncols() as u32,
        transposed,
        dtype,
        bytes: numbers.iter().flat_map(|&x| encode(x)).collect(),
    }
}

/// The families of factors for which the accuracy is promised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Family {
    Gaussian,
    /// B of this condition number.
    Conditioned(f64),
    /// B of rank r/2 up to rounding.
    HalfRank,
    /// Columns of small integers, every other one a sum of two others.
    DependentIntegers,
    ZeroColumn,
    /// B ×1e4, A ×1e-4.
    Unbalanced,
    /// B ~ 1e-20.
    Tiny,
    Half,
    Bfloat,
    /// A = −A′ on the part of the product that dominates: B·A is far smaller than ‖B‖·‖A‖.
    Cancelling,
    Zero,
}

pub const FAMILIES: [Family; 13] = [
    Family::Gaussian,
    Family::Conditioned(1e2),
    Family::Conditioned(1e4),
    Family::Conditioned(1e6),
    Family::HalfRank,
    Family::DependentIntegers,
    Family::ZeroColumn,
    Family::Unbalanced,
    Family::Tiny,
    Family::Half,
    Family::Bfloat,
    Family::Cancelling,
    Family::Zero,
];

pub const RANKS: [usize; 9] = [1, 2, 4, 8, 16, 31, 64, 128, 256];

/// Rows of B and of Aᵀ: the awkward counts, each on both sides.
pub const SHAPES: [(usize, usize); 6] = [(1, 4097), (255, 257), (256, 4097), (257, 256), (4097, 255), (4097, 1)];

/// The factors of a case: out × r, row by row, and in × r, column by column, as PEFT stores them.
pub fn pair(family: Family, rank: usize, (out, inn): (usize, usize)) -> Pair {
    let mut numbers = Numbers::new((rank * 1_000_003 + out * 1009 + inn) as u64);
    let mut left = numbers.matrix(out, rank);
    let mut right = numbers.matrix(inn, rank);
    let mut dtype = FactorType::F32;
    match family {
        Family::Gaussian => {}
        Family::Conditioned(condition) => {
            // G·D·Qᵀ: the small directions are no columns, so scaling columns does not help.
            let turn = numbers.matrix(rank, rank).qr().q();
            let step = if rank > 1 { condition.ln() / (rank - 1) as f64 } else { 0.0 };
            for j in 0..rank {
                left.column_mut(j).scale_mut((-step * j as f64).exp());
            }
            left *= turn.transpose();
        }
        Family::HalfRank => {
            let half = rank.div_ceil(2);
            left = left.columns(0, half) * numbers.matrix(half, rank);
        }
        Family::DependentIntegers => {
            left = DMatrix::from_fn(out, rank, |_, _| numbers.integer(3));
            for j in (1..rank).step_by(2) {
                let sum = left.column(j - 1) + left.column((j + 1) % rank);
                left.set_column(j, &sum);
            }
        }
        Family::ZeroColumn => left.column_mut(rank / 2).fill(0.0),
        Family::Unbalanced => {
            left *= 1e4;
            right *= 1e-4;
        }
        Family::Tiny => left *= 1e-20,
        Family::Half => dtype = FactorType::F16,
        Family::Bfloat => dtype = FactorType::Bf16,
        Family::Cancelling => {
            for j in (1..rank).step_by(2) {
                let twin = left.column(j - 1) + left.column(j) * 1e-3;
                left.set_column(j, &twin);
                let twin = -right.column(j - 1) + right.column(j) * 1e-3;
                right.set_column(j, &twin);
            }
        }
        Family::Zero => left.fill(0.0),
    }
    Pair { left: Rc::new(stored(&left, dtype, false)), right: Rc::new(stored(&right, dtype, true)) }
}

/// σ of L·Rᵀ in f64 by nalgebra: QR of both factors, then the positive eigenvalues of [[0, M], [Mᵀ, 0]] for the
/// small product M. (nalgebra's SVD is wrong for some rank-deficient matrices; its symmetric eigensolver is not.)
pub fn reference_sigma(pair: &Pair) -> Vec<f64> {
    let triangle = |raw: &RawTall| raw.to_f64().qr().r();
    let core = triangle(&pair.left) * triangle(&pair.right).transpose();
    let scale = core.amax();
    let (m, n) = core.shape();
    if scale == 0.0 {
        return vec![0.0; m.min(n)];
    }
    let mut both = DMatrix::zeros(m + n, m + n);
    both.view_mut((0, m), (m, n)).copy_from(&core);
    both.view_mut((m, 0), (n, m)).copy_from(&core.transpose());
    let mut sigma: Vec<f64> = (both / scale).symmetric_eigenvalues().iter().map(|s| s * scale).collect();
    sigma.sort_by(|a, b| b.total_cmp(a));
    sigma.truncate(m.min(n));
    sigma
}
