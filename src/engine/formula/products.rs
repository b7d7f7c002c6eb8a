//! LoHa and LoKr, and the Tucker cores that they may have.

use nalgebra::DMatrix;

use super::{Array, Dense, Factors, count};
use lorascope_format::adapter::update::Stored;
use lorascope_kernels::RawTall;

/// The factors of each half of a LoHa: out × r and in·k… × r.
fn halves(tucker: bool, tensors: &[Array<'_>]) -> Option<[Factors; 2]> {
    match (tucker, tensors) {
        (false, [a1, b1, a2, b2]) => Some([[a1, b1], [a2, b2]].map(|[a, b]| [a.matrix(), b.matrix().transpose()])),
        (true, [a1, b1, a2, b2, t1, t2]) => {
            Some([[a1, b1, t1], [a2, b2, t2]].map(|[a, b, t]| [a.matrix().transpose(), cored(t, &b.matrix())]))
        }
        _ => None,
    }
}

/// (L₁·R₁ᵀ) ⊙ (L₂·R₂ᵀ) = L·Rᵀ, where every row of L is the Kronecker product of the rows of L₁ and L₂, and of R
/// likewise: the row-wise Khatri-Rao (face-splitting) product, Slyusar 1999.
pub fn khatri_rao(tucker: bool, tensors: &[Array<'_>]) -> Option<Factors> {
    let [[l1, r1], [l2, r2]] = halves(tucker, tensors)?;
    let by_row = |x: &DMatrix<f64>, y: &DMatrix<f64>| {
        let width = y.ncols();
        DMatrix::from_fn(x.nrows(), x.ncols() * width, |row, col| x[(row, col / width)] * y[(row, col % width)])
    };
    Some([by_row(&l1, &l2), by_row(&r1, &r2)])
}

/// (L₁·R₁ᵀ) ⊙ (L₂·R₂ᵀ), formed.
pub fn whole_hadamard(tucker: bool, tensors: &[Array<'_>]) -> Option<Dense> {
    let [[l1, r1], [l2, r2]] = halves(tucker, tensors)?;
    let [r1, r2] = [r1.transpose(), r2.transpose()];
    Some(Dense::by_rows(l1.nrows(), r1.ncols(), |first, count| {
        (l1.rows(first, count) * &r1).component_mul(&(l2.rows(first, count) * &r2))
    }))
}

/// Both halves of a Kronecker product as tall factors; one that is stored whole has the identity as one of them.
pub fn kron(stored: [Stored; 2], tensors: &[Array<'_>]) -> Option<[Factors; 2]> {
    let (first, rest) = tensors.split_at_checked(count(stored[0]))?;
    Some([half(stored[0], first)?, half(stored[1], rest)?])
}

fn half(stored: Stored, tensors: &[Array<'_>]) -> Option<Factors> {
    match (stored, tensors) {
        (Stored::Whole, [whole]) => {
            let whole = whole.matrix();
            let (rows, cols) = whole.shape();
            Some(if cols <= rows {
                [whole, DMatrix::identity(cols, cols)]
            } else {
                [DMatrix::identity(rows, rows), whole.transpose()]
            })
        }
        (Stored::Product, [a, b]) => Some([a.matrix(), b.matrix().transpose()]),
        (Stored::Tucker, [a, b, core]) => Some([a.matrix().transpose(), cored(core, &b.matrix())]),
        _ => None,
    }
}

/// The Kronecker product of two tall matrices.
pub fn kron_of(x: &RawTall, y: &RawTall) -> DMatrix<f64> {
    x.to_f64().kronecker(&y.to_f64())
}

/// R[(q, k), i] = Σ_j t[i, j, k]·b[j, q]: a Tucker core `[r, s, k…]` and b `[s, in]` as the right factor, in·k… × r.
pub fn cored(core: &Array<'_>, b: &DMatrix<f64>) -> DMatrix<f64> {
    let (r, s) = (core.dim(0), core.dim(1));
    let taps = core.size() / (r * s);
    let inputs = b.ncols();
    let mut right = DMatrix::zeros(inputs * taps, r);
    for i in 0..r {
        for k in 0..taps {
            // Σ_j over the core's fibre at (i, ·, k).
            let fibre = DMatrix::from_fn(1, s, |_, j| core.get((i * s + j) * taps + k));
            let line = fibre * b;
            for q in 0..inputs {
                right[(q * taps + k, i)] = line[(0, q)];
            }
        }
    }
    right
}
