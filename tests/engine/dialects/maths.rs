//! The formulas of the dialects, dense and in f64, as the writing libraries state them.

use nalgebra::DMatrix;

use crate::dialect::Tensor;

/// A Tucker core between two factors: ΔW[o, i, k] = Σ up[o, m]·core[m, n, k]·down[n, i], as out × in·k.
pub fn tucker(up: &DMatrix<f64>, core: &Tensor, down: &DMatrix<f64>) -> DMatrix<f64> {
    let (out, inn, kernel) = (up.nrows(), down.ncols(), core.kernel());
    let n_down = down.nrows();
    DMatrix::from_fn(out, inn * kernel, |o, column| {
        let (i, k) = (column / kernel, column % kernel);
        let mut sum = 0.0;
        for m in 0..up.ncols() {
            for n in 0..n_down {
                sum += up[(o, m)] * core.numbers[(m * n_down + n) * kernel + k] * down[(n, i)];
            }
        }
        sum
    })
}

/// kron(w1, w2) with w1 `[a, c]` and w2 `[b, d·k]`, as a·b × (c·d)·k: the kernel's positions stay innermost.
pub fn kron(w1: &DMatrix<f64>, w2: &DMatrix<f64>, kernel: usize) -> DMatrix<f64> {
    let (b, d) = (w2.nrows(), w2.ncols() / kernel);
    DMatrix::from_fn(w1.nrows() * b, w1.ncols() * d * kernel, |row, column| {
        let (channel, k) = (column / kernel, column % kernel);
        w1[(row / b, channel / d)] * w2[(row % b, channel % d * kernel + k)]
    })
}

/// DoRA along the outputs: each row of V = W + update becomes of length m; ΔW = W′ − W.
pub fn dora_rows(weight: &DMatrix<f64>, update: &DMatrix<f64>, magnitude: &[f64]) -> DMatrix<f64> {
    assert_eq!(magnitude.len(), weight.nrows());
    let mut v = weight + update;
    for (mut row, m) in v.row_iter_mut().zip(magnitude) {
        let norm = row.norm();
        row *= m / norm;
    }
    v - weight
}

/// DoRA along the inputs: each input channel of V, over all outputs and the kernel, becomes of length m.
pub fn dora_channels(weight: &DMatrix<f64>, update: &DMatrix<f64>, magnitude: &[f64], kernel: usize) -> DMatrix<f64> {
    assert_eq!(magnitude.len() * kernel, weight.ncols());
    let mut v = weight + update;
    for (n, m) in magnitude.iter().enumerate() {
        let mut channel = v.columns_mut(n * kernel, kernel);
        let norm = channel.norm();
        channel *= m / norm;
    }
    v - weight
}

/// The Cayley transform R = (I + Q)(I − Q)⁻¹ of a skew matrix.
pub fn cayley(q: &DMatrix<f64>) -> DMatrix<f64> {
    let one = DMatrix::identity(q.nrows(), q.nrows());
    let inverse = (&one - q).try_inverse().unwrap_or_else(|| panic!("I − Q is singular"));
    (one + q) * inverse
}

/// Matrices along the diagonal of a larger one.
pub fn block_diagonal(blocks: &[DMatrix<f64>]) -> DMatrix<f64> {
    let rows = blocks.iter().map(DMatrix::nrows).sum();
    let cols = blocks.iter().map(DMatrix::ncols).sum();
    let mut all = DMatrix::zeros(rows, cols);
    let (mut row, mut col) = (0, 0);
    for block in blocks {
        all.view_mut((row, col), block.shape()).copy_from(block);
        row += block.nrows();
        col += block.ncols();
    }
    all
}
