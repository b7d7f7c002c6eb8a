//! `jacobi` of small matrices, and whole spectra that begin with it, against f64.

use lorascope::compute::gpu::GpuBackend;
use lorascope::compute::{Primitives, Pulse};
use nalgebra::DMatrix;

use super::spectra::every_family;
use crate::cases::Numbers;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Gaussian,
    /// Singular values down to 1e-6·σ₁, between random bases.
    Graded,
    HalfRank,
    /// Every column twice.
    Duplicates,
    /// All singular values are the same.
    Orthogonal,
    ZeroColumn,
    Zero,
    Tiny,
    Huge,
}

const KINDS: [Kind; 9] = [
    Kind::Gaussian,
    Kind::Graded,
    Kind::HalfRank,
    Kind::Duplicates,
    Kind::Orthogonal,
    Kind::ZeroColumn,
    Kind::Zero,
    Kind::Tiny,
    Kind::Huge,
];

fn matrix(kind: Kind, n: usize) -> DMatrix<f64> {
    let mut numbers = Numbers::new(n as u64);
    let mut random = numbers.matrix(n, n);
    match kind {
        Kind::Gaussian => random,
        Kind::Graded => {
            let mut left = random.qr().q();
            for (j, mut column) in left.column_iter_mut().enumerate() {
                column.scale_mut(1e-6f64.powf(j as f64 / n as f64));
            }
            left * numbers.matrix(n, n).qr().q()
        }
        Kind::HalfRank => {
            let half = n.div_ceil(2);
            random.columns(0, half) * numbers.matrix(half, n)
        }
        Kind::Duplicates => DMatrix::from_fn(n, n, |i, j| random[(i, j / 2)]),
        Kind::Orthogonal => random.qr().q(),
        Kind::ZeroColumn => {
            random.column_mut(n / 2).fill(0.0);
            random
        }
        Kind::Zero => DMatrix::zeros(n, n),
        Kind::Tiny => random * 1e-250,
        Kind::Huge => random * 1e250,
    }
}

/// V orthogonal within 2e-6, and the shorter of two columns of M·V goes along the other one by at most 1e-6·‖M‖_F.
async fn judge(backend: &impl Primitives, cases: &[(Kind, usize)]) {
    let matrices: Vec<DMatrix<f64>> = cases.iter().map(|&(kind, n)| matrix(kind, n)).collect();
    let found = backend.jacobi(&matrices).await.unwrap();
    assert_eq!(found.len(), cases.len());
    for ((case, m), v) in cases.iter().zip(&matrices).zip(found) {
        let n = m.ncols();
        assert_eq!(v.shape(), (n, n), "{case:?}");
        let skew = (v.tr_mul(&v) - DMatrix::identity(n, n)).amax();
        assert!(skew <= 2e-6, "{case:?}: V is off orthogonal by {skew:e}");
        let m = m / m.amax().max(f64::MIN_POSITIVE);
        let (columns, norm) = (&m * v, m.norm());
        let gram = columns.tr_mul(&columns);
        for i in 0..n {
            for j in 0..i {
                let longer = gram[(i, i)].max(gram[(j, j)]).sqrt();
                let along = gram[(i, j)].abs();
                assert!(along <= 1e-6 * norm * longer, "{case:?} ({i}, {j}): {:e}·‖M‖", along / longer / norm);
            }
        }
    }
}

/// Odd and even sizes, and those beside the sixteen lanes and the sixteen pairs, in one batch.
pub async fn jacobi_of_small(backend: &impl Primitives) {
    let cases: Vec<_> =
        [1, 2, 3, 4, 15, 16, 31, 32, 33, 65].iter().flat_map(|&n| KINDS.map(|kind| (kind, n))).collect();
    judge(backend, &cases).await;
}

pub async fn jacobi_of_large(backend: &impl Primitives) {
    judge(backend, &KINDS.map(|kind| (kind, 128))).await;
    let kinds = if cfg!(target_arch = "wasm32") { &KINDS[..1] } else { &KINDS };
    let cases: Vec<_> = kinds.iter().flat_map(|&kind| [(kind, 255), (kind, 256)]).collect();
    judge(backend, &cases).await;
    assert!(backend.jacobi(&[]).await.unwrap().is_empty());
}

/// Every family to the accuracy that is promised, its small SVD begun by the device.
pub async fn spectra_by_jacobi(gpu: &GpuBackend<impl Pulse>) {
    for rank in if cfg!(target_arch = "wasm32") { [2, 128] } else { [31, 128] } {
        gpu.begin_svds_from(rank);
        let before = gpu.counts().dispatches;
        every_family(gpu, rank as usize).await;
        assert!(gpu.counts().dispatches > before + 12 && gpu.compiled().contains(&"jacobi"));
    }
}
