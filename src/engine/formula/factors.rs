//! Formulas that give two tall factors.

use nalgebra::DMatrix;

use super::products::{cored, khatri_rao};
use super::{Array, Factors};
use lorascope_format::adapter::update::Formula;

/// L (out × r) and R (in·k… × r); `None` where the formula gives none or its tensors are not all there.
pub fn of(formula: &Formula, shape: [u64; 2], tensors: &[Array<'_>]) -> Option<Factors> {
    match (formula, tensors) {
        (Formula::Product { turned }, [left, right]) => {
            let side =
                |array: &Array<'_>, turned: bool| if turned { array.matrix().transpose() } else { array.matrix() };
            Some([side(left, turned[0]), side(right, turned[1])])
        }
        (Formula::Scaled, [a, e, b]) => Some(scaled(a, e, b)),
        (Formula::Tucker, [down, mid, up]) => Some([up.matrix(), cored(mid, &down.matrix())]),
        (Formula::Strided { expert, experts }, [a, b]) => Some(strided(a, b, *expert as usize, *experts as usize)),
        (Formula::Pooled { group }, [a, b]) => Some(pooled(a, b, *group as usize)),
        (Formula::Blocks { a: of_a, b: of_b }, [a, b]) => {
            let a = on_diagonal(&a.matrix(), *of_a as usize);
            Some([on_diagonal(&b.matrix(), *of_b as usize), a.transpose()])
        }
        (Formula::Vera, [a, b, out_scale, in_scale]) => Some(vera(a, b, out_scale, in_scale, shape)),
        (Formula::Delora, [a, b, lambda, norms]) => Some(delora(a, b, lambda, norms)),
        (Formula::Hadamard { tucker }, tensors) => khatri_rao(*tucker, tensors),
        _ => None,
    }
}

/// Columns of B times E, and Aᵀ.
fn scaled(a: &Array<'_>, e: &Array<'_>, b: &Array<'_>) -> Factors {
    let mut left = b.matrix();
    for (mut column, e) in left.column_iter_mut().zip(e.numbers()) {
        column *= e;
    }
    [left, a.matrix().transpose()]
}

fn strided(a: &Array<'_>, b: &Array<'_>, expert: usize, experts: usize) -> Factors {
    let (rank, width) = (a.rows(), b.cols());
    let left = DMatrix::from_fn(b.rows(), rank, |o, j| b.get(o * width + expert + j * experts));
    [left, a.matrix().transpose()]
}

/// Every column of A serves `group` inputs, times pools / group: inputs are averaged over a group, then multiplied by
/// the number of pools (PEFT, `tuners/lora/variants.py`, QALoraLinearVariant).
fn pooled(a: &Array<'_>, b: &Array<'_>, group: usize) -> Factors {
    let (rank, pools) = (a.rows(), a.cols());
    let gain = pools as f64 / group as f64;
    let right = DMatrix::from_fn(pools * group, rank, |i, j| a.get(j * pools + i / group) * gain);
    [b.matrix(), right]
}

/// The rows of a matrix in `blocks` chunks, each in columns of its own.
fn on_diagonal(stored: &DMatrix<f64>, blocks: usize) -> DMatrix<f64> {
    let (rows, cols) = stored.shape();
    let high = rows / blocks.max(1);
    let mut whole = DMatrix::zeros(rows, cols * blocks);
    for row in 0..rows {
        let block = row.checked_div(high).unwrap_or(0);
        for col in 0..cols {
            whole[(row, block * cols + col)] = stored[(row, col)];
        }
    }
    whole
}

fn vera(a: &Array<'_>, b: &Array<'_>, out_scale: &Array<'_>, in_scale: &Array<'_>, shape: [u64; 2]) -> Factors {
    let (rank, [out, inputs]) = (a.rows(), shape.map(|d| d as usize));
    let left = DMatrix::from_fn(out, rank, |o, j| out_scale.get(o) * b.get(o * rank + j) * in_scale.get(j));
    let width = a.cols();
    [left, DMatrix::from_fn(inputs, rank, |i, j| a.get(j * width + i))]
}

/// B·diag(λ/(r·‖A_j‖·‖B_j‖)), and Aᵀ with row i times the norm of W's column i (PEFT, `tuners/delora/layer.py`).
fn delora(a: &Array<'_>, b: &Array<'_>, lambda: &Array<'_>, norms: &Array<'_>) -> Factors {
    let (a, mut left) = (a.matrix(), b.matrix());
    let rank = a.nrows();
    for j in 0..rank {
        // PEFT clamps the norms so that a zero direction stays zero.
        let size = a.row(j).norm().max(CLAMP) * left.column(j).norm().max(CLAMP);
        left.column_mut(j).scale_mut(lambda.get(0) / (rank as f64 * size));
    }
    let mut right = a.transpose();
    for (mut row, norm) in right.row_iter_mut().zip(norms.numbers()) {
        row *= norm;
    }
    [left, right]
}

const CLAMP: f64 = 1e-4;
