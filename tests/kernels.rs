//! Every kernel and its CPU twin against f64, by one table of cases: natively with `cargo test --test kernels`,
//! in a browser through wasm-bindgen-test. A machine without a GPU adapter (a software one will do) fails.

mod cases;

use std::rc::Rc;

use cases::{FAMILIES, Family, Numbers, RANKS, SHAPES, pair, reference_sigma, stored};
use lorascope::compute::cpu::CpuBackend;
use lorascope::compute::gpu::GpuBackend;
#[cfg(not(target_arch = "wasm32"))]
use lorascope::compute::{Change, ComputeError, Pulse, Side, Sides};
use lorascope::compute::{FactorType, Primitives, RawTall, Resize, Steady};
use lorascope::linalg::{Made, Order, Pair, Spectrum, Want, resized_factors, spectra, svd_factors};
use nalgebra::DMatrix;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// One test per case and backend, native or in the browser.
macro_rules! on_both_backends {
    ($($case:ident)*) => { $(
        mod $case {
            #[cfg(not(target_arch = "wasm32"))]
            #[test]
            fn cpu() {
                pollster::block_on(super::cases_of::$case(&super::cpu()));
            }

            #[cfg(not(target_arch = "wasm32"))]
            #[test]
            fn gpu() {
                pollster::block_on(async { super::cases_of::$case(&super::gpu().await).await });
            }

            #[cfg(target_arch = "wasm32")]
            #[wasm_bindgen_test::wasm_bindgen_test]
            async fn cpu() {
                super::cases_of::$case(&super::cpu()).await;
            }

            #[cfg(target_arch = "wasm32")]
            #[wasm_bindgen_test::wasm_bindgen_test]
            async fn gpu() {
                super::cases_of::$case(&super::gpu().await).await;
            }
        }
    )* };
}

on_both_backends!(scan_finds gram_agrees apply_agrees resize_agrees align_agrees align_of_long_tiles align_of_tiny_updates align_counts align_knows_its_range multiply_agrees residual_agrees new_factors ranks_to_16 rank_31 rank_64 rank_128 rank_256 one_batch_of_many);

fn cpu() -> CpuBackend<Steady> {
    CpuBackend::new(Steady)
}

async fn gpu() -> GpuBackend<Steady> {
    match GpuBackend::open(Steady, true).await {
        Ok(gpu) => gpu,
        Err(why) => panic!("the GPU tests need a GPU adapter, a software one will do (Mesa's lavapipe): {why}"),
    }
}

/// A pulse that says stop at its n-th beat.
#[cfg(not(target_arch = "wasm32"))]
struct Stop(std::cell::Cell<u32>);

#[cfg(not(target_arch = "wasm32"))]
impl Pulse for Stop {
    async fn beat(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() == 0
    }
}

/// A tile may be 32 MiB, on which a CPU works for a while.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn a_cancel_is_heard_in_the_midst_of_a_tile() {
    let tile = Rc::new(stored(&DMatrix::from_element(3000, 2000, 1.0), FactorType::Bf16, false));
    let ones = vec![1.0; 3000 * 16];
    let change = Change { before: &tile, after: &tile };
    let sides = Sides { k: 16, left: &ones, right: &ones[..2000 * 16] };
    let stop = || CpuBackend::new(Stop(3.into()));
    assert_eq!(pollster::block_on(stop().align(&[change], &[sides])).unwrap_err(), ComputeError::Cancelled);
    assert_eq!(pollster::block_on(stop().residual(&[change], &[sides])).unwrap_err(), ComputeError::Cancelled);
    for side in [Side::Left, Side::Right] {
        let weight = if side == Side::Left { sides.left } else { sides.right };
        let cancelled = pollster::block_on(stop().multiply(&[change], side, &[weight], 16)).unwrap_err();
        assert_eq!(cancelled, ComputeError::Cancelled);
    }
}

/// Many changes, whose states lie in one buffer and whose bases are the same, are one dispatch and one readback.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn one_call_over_many_changes_is_one_dispatch() {
    pollster::block_on(async {
        let gpu = gpu().await;
        let mut numbers = Numbers::new(3);
        let tiles: Vec<Rc<RawTall>> =
            (0..12).map(|_| Rc::new(stored(&numbers.matrix(100, 80), FactorType::Bf16, false))).collect();
        let talls = gpu.upload(&tiles).await.unwrap();
        let changes: Vec<_> = talls.windows(2).map(|pair| Change { before: &pair[0], after: &pair[1] }).collect();
        let (left, right) = (vec![0.1; 100 * 8], vec![0.1; 80 * 8]);
        let sides = vec![Sides { k: 8, left: &left, right: &right }; changes.len()];
        let before = gpu.counts();
        gpu.align(&changes, &sides).await.unwrap();
        let counts = gpu.counts();
        assert_eq!((counts.dispatches - before.dispatches, counts.readbacks - before.readbacks), (1, 1));
        // The bases once, and a few numbers per change and workgroup.
        assert!(counts.bytes_uploaded - before.bytes_uploaded < 4 * 180 * 8 + 1000 * 11);
    });
}

/// Results that do not fit one binding come back in groups.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn results_over_a_binding_come_back_in_groups() {
    pollster::block_on(async {
        let gpu = gpu().await;
        let (rows, k) = (60_000, 128);
        let one = DMatrix::from_fn(rows, 2, |i, j| (i % 7 + j) as f64);
        let tiles = [DMatrix::zeros(rows, 2), one].map(|m| Rc::new(stored(&m, FactorType::Bf16, false)));
        let talls = gpu.upload(&tiles).await.unwrap();
        let changes = [Change { before: &talls[0], after: &talls[1] }; 5];
        let weight: Vec<f32> = (0..2 * k).map(|n| n as f32).collect();
        let before = gpu.counts();
        let products = gpu.multiply(&changes, Side::Right, &[weight.as_slice(); 5], k as u32).await.unwrap();
        // 31 MB each.
        assert_eq!(gpu.counts().readbacks - before.readbacks, 2);
        for product in products {
            for (i, j) in [(0, 0), (rows - 1, k - 1), (12_345, 67)] {
                let exact = (i % 7 * j + (i % 7 + 1) * (k + j)) as f64;
                assert_eq!(product[(i, j)], exact);
            }
        }
    });
}

/// Random matrices of awkward rows, both orders and every dtype of the kernels.
fn matrices() -> Vec<(DMatrix<f64>, Rc<RawTall>)> {
    let mut numbers = Numbers::new(7);
    let mut all = Vec::new();
    for rows in [1, 63, 255, 256, 257, 4097] {
        for cols in [1, 3, 16, 17, 40] {
            for dtype in [FactorType::F32, FactorType::F16, FactorType::Bf16] {
                for transposed in [false, true] {
                    let raw = stored(&numbers.matrix(rows, cols), dtype, transposed);
                    all.push((raw.to_f64(), Rc::new(raw)));
                }
            }
        }
    }
    all
}

fn raws(matrices: &[(DMatrix<f64>, Rc<RawTall>)]) -> Vec<Rc<RawTall>> {
    matrices.iter().map(|(_, raw)| Rc::clone(raw)).collect()
}

mod cases_of {
    pub use super::cases::updates::*;
    use super::*;

    /// Maxima and counts are exact, whatever the bits: subnormals, infinities and NaNs of every dtype.
    pub async fn scan_finds(backend: &impl Primitives) {
        let mut matrices = matrices();
        // Every f16, and the bf16 of the same bits: all subnormals, infinities and NaNs are among them.
        let every: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        for dtype in [FactorType::F16, FactorType::Bf16] {
            let raw = RawTall { rows: 8192, cols: 8, transposed: true, dtype, bytes: every.clone() };
            matrices.push((raw.to_f64(), Rc::new(raw)));
        }
        let wild = [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e-45, -0.0, f32::MIN_POSITIVE];
        let raw = RawTall {
            rows: 8,
            cols: 1,
            transposed: false,
            dtype: FactorType::F32,
            bytes: wild.iter().flat_map(|x| x.to_le_bytes()).collect(),
        };
        matrices.push((raw.to_f64(), Rc::new(raw)));
        let talls = backend.upload(&raws(&matrices)).await.unwrap();
        let scans = backend.scan(&talls.iter().collect::<Vec<_>>()).await.unwrap();
        assert_eq!(scans.len(), matrices.len());
        for ((matrix, raw), scan) in matrices.iter().zip(scans) {
            let not_finite = matrix.iter().filter(|x| !x.is_finite()).count() as u64;
            assert_eq!(scan.not_finite, not_finite, "{raw:?}");
            for (j, column) in matrix.column_iter().enumerate() {
                let max = column.iter().filter(|x| x.is_finite()).fold(0.0f64, |m, x| m.max(x.abs()));
                assert_eq!(f64::from(scan.max(j)), max, "{raw:?} column {j}");
            }
        }
    }

    /// Within 2e-6 of the product of the columns' norms, scales and left-out columns included.
    pub async fn gram_agrees(backend: &impl Primitives) {
        let matrices = matrices();
        let talls = backend.upload(&raws(&matrices)).await.unwrap();
        let scales: Vec<Vec<f32>> = matrices
            .iter()
            .map(|(m, _)| (0..m.ncols()).map(|j| if j == 2 { 0.0 } else { 2f32.powi(j as i32 % 5 - 2) }).collect())
            .collect();
        let grams = backend.gram(&talls.iter().collect::<Vec<_>>(), &scales).await.unwrap();
        for (((matrix, raw), scales), gram) in matrices.iter().zip(&scales).zip(grams) {
            let scaled = DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)] * f64::from(scales[j]));
            let reference = scaled.tr_mul(&scaled);
            for i in 0..matrix.ncols() {
                for j in 0..matrix.ncols() {
                    let bound = 2e-6 * (reference[(i, i)] * reference[(j, j)]).sqrt();
                    let error = (gram[(i, j)] - reference[(i, j)]).abs();
                    assert!(error <= bound, "{raw:?} ({i}, {j}): {error:e} > {bound:e}");
                }
            }
        }
    }

    /// Each number within 1e-6 of ‖row of X‖·‖column of W‖.
    pub async fn apply_agrees(backend: &impl Primitives) {
        let matrices = matrices();
        let mut numbers = Numbers::new(11);
        let talls = backend.upload(&raws(&matrices)).await.unwrap();
        let weights: Vec<DMatrix<f64>> =
            matrices.iter().enumerate().map(|(n, (m, _))| numbers.matrix(m.ncols(), [1, 5, 16, 33][n % 4])).collect();
        let applied = backend.apply(&talls.iter().collect::<Vec<_>>(), &weights).await.unwrap();
        let read = backend.read(&applied.iter().collect::<Vec<_>>()).await.unwrap();
        for (((matrix, raw), weight), y) in matrices.iter().zip(&weights).zip(read) {
            let reference = matrix * weight;
            assert_eq!(y.shape(), reference.shape());
            for i in 0..y.nrows() {
                for j in 0..y.ncols() {
                    let bound = 1e-6 * matrix.row(i).norm() * weight.column(j).norm();
                    let error = (f64::from(y[(i, j)]) - reference[(i, j)]).abs();
                    assert!(error <= bound, "{raw:?} ({i}, {j}): {error:e} > {bound:e}");
                }
            }
        }
    }

    /// Cropped and padded numbers are those of the file; interpolated ones are within 1e-6 of the larger neighbour.
    pub async fn resize_agrees(backend: &impl Primitives) {
        let matrices = matrices();
        let talls = backend.upload(&raws(&matrices)).await.unwrap();
        for (n, rows) in [1, 17, 255, 256, 1000, 5000].into_iter().enumerate() {
            let to: Vec<Resize> = (0..matrices.len())
                .map(|m| if (n + m).is_multiple_of(2) { Resize::Crop(rows) } else { Resize::Linear(rows) })
                .collect();
            let resized = backend.resize(&talls.iter().collect::<Vec<_>>(), &to).await.unwrap();
            let read = backend.read(&resized.iter().collect::<Vec<_>>()).await.unwrap();
            for (((matrix, raw), to), y) in matrices.iter().zip(&to).zip(read) {
                let case = format!("{raw:?} {to:?}");
                assert_eq!(y.shape(), (rows as usize, matrix.ncols()), "{case}");
                for i in 0..y.nrows() {
                    let (above, below, t) = neighbours(*to, i, matrix.nrows());
                    for j in 0..y.ncols() {
                        let at = |row: Option<usize>| row.map_or(0.0, |row| matrix[(row, j)]);
                        let (a, b) = (at(above), at(below));
                        let reference = a + t * (b - a);
                        let bound = if matches!(to, Resize::Crop(_)) { 0.0 } else { 1e-6 * a.abs().max(b.abs()) };
                        let error = (f64::from(y[(i, j)]) - reference).abs();
                        assert!(error <= bound, "{case} ({i}, {j}): {error:e} > {bound:e}");
                    }
                }
            }
        }
    }

    /// `svd` of every family: cropped, padded and at a smaller rank, within 2e-6·‖ΔW‖; `interpolate` of a pair.
    pub async fn new_factors(backend: &impl Primitives) {
        let ranks: &[usize] = if cfg!(target_arch = "wasm32") { &[1, 16] } else { &[1, 4, 16, 31] };
        for &rank in ranks {
            for (n, family) in FAMILIES.into_iter().enumerate() {
                let shape = SHAPES[n % SHAPES.len()];
                projected_factors(backend, &format!("{family:?}, rank {rank}, {shape:?}"), &pair(family, rank, shape))
                    .await;
            }
        }
        let pair = pair(Family::Bfloat, 5, (100, 30));
        let to = [[Resize::Linear(77), Resize::Linear(90)]];
        let made = resized_factors(backend, std::slice::from_ref(&pair), &to).await.unwrap();
        let Made::Factors { left, right, .. } = &made[0] else { panic!("{made:?}") };
        for (factor, raw, to) in [(left, &pair.left, to[0][0]), (right, &pair.right, to[0][1])] {
            let stored = raw.to_f64();
            for i in 0..to.rows() as usize {
                let (above, below, t) = neighbours(to, i, stored.nrows());
                for j in 0..5 {
                    let (a, b) = (stored[(above.unwrap(), j)], stored[(below.unwrap(), j)]);
                    assert!((f64::from(factor[(i, j)]) - (a + t * (b - a))).abs() <= 1e-6 * a.abs().max(b.abs()));
                }
            }
        }
    }

    pub async fn ranks_to_16(backend: &impl Primitives) {
        for rank in RANKS.into_iter().filter(|&r| r <= 16) {
            every_family(backend, rank).await;
        }
    }

    pub async fn rank_31(backend: &impl Primitives) {
        every_family(backend, 31).await;
    }

    pub async fn rank_64(backend: &impl Primitives) {
        every_family(backend, 64).await;
    }

    pub async fn rank_128(backend: &impl Primitives) {
        every_family(backend, 128).await;
    }

    pub async fn rank_256(backend: &impl Primitives) {
        every_family(backend, 256).await;
    }

    /// Ranks and shapes mixed in one batch: more workgroups than one dimension of a dispatch may have.
    pub async fn one_batch_of_many(backend: &impl Primitives) {
        let pairs: Vec<Pair> = (0..40_000).map(|n| pair(Family::Gaussian, 1 + n % 2, (9 + n % 3, 7 + n % 5))).collect();
        let found = spectra(backend, &pairs, Want::Values).await.unwrap();
        assert_eq!(found.len(), pairs.len());
        for (pair, spectrum) in pairs.iter().zip(&found).step_by(997) {
            let Spectrum::Found { sigma, .. } = spectrum else { panic!("{pair:?}: {spectrum:?}") };
            judge_sigma(&format!("{pair:?}"), &reference_sigma(pair), sigma);
        }
    }
}

/// All families of one rank, to the promised accuracy: with every shape for the small ranks; for the large ones,
/// whose references take seconds, with two shapes each (in a browser, where a software GPU is slower still, one),
/// so chosen that every shape meets every rank.
async fn every_family(backend: &impl Primitives, rank: usize) {
    let per_family = match rank {
        ..=16 => SHAPES.len(),
        _ if cfg!(target_arch = "wasm32") => 1,
        17..64 => SHAPES.len(),
        _ => 2,
    };
    for (n, family) in FAMILIES.into_iter().enumerate() {
        for shape in (0..per_family).map(|m| SHAPES[(n + m * SHAPES.len() / per_family) % SHAPES.len()]) {
            let pair = pair(family, rank, shape);
            let reference = reference_sigma(&pair);
            let case = format!("{family:?}, rank {rank}, {shape:?}");
            let values = spectra(backend, std::slice::from_ref(&pair), Want::Values).await.unwrap();
            let Spectrum::Found { sigma, .. } = &values[0] else { panic!("{case}: {values:?}") };
            judge_sigma(&format!("{case}, values only"), &reference, sigma);
            let vectors = spectra(backend, std::slice::from_ref(&pair), Want::Vectors).await.unwrap();
            let Spectrum::Found { sigma, vectors: Some((u, v)), .. } = &vectors[0] else {
                panic!("{case}: {vectors:?}")
            };
            judge_sigma(&case, &reference, sigma);
            judge_vectors(&case, &pair, &reference, sigma, &u.map(f64::from), &v.map(f64::from));
        }
    }
}

/// The product of the factors that `svd` makes of a pair is the cropped and padded ΔW times the gain; at a smaller
/// rank its error is the tail of the spectrum, which only the best approximation reaches (Eckart and Young).
async fn projected_factors(backend: &impl Primitives, case: &str, pair: &Pair) {
    let dense = pair.left.to_f64() * pair.right.to_f64().transpose();
    let (norm, rank) = (dense.norm(), pair.left.cols);
    let sigma = reference_sigma(pair);
    let orders = [
        Order { rank, rows: [pair.left.rows, pair.right.rows], gain: 1.0 },
        Order { rank, rows: [pair.left.rows.div_ceil(2), pair.right.rows + 40], gain: 0.75 },
        Order { rank: rank.div_ceil(2), rows: [pair.left.rows, pair.right.rows], gain: 1.0 },
    ];
    let made = svd_factors(backend, &[pair.clone(), pair.clone(), pair.clone()], &orders).await.unwrap();
    for (order, made) in orders.iter().zip(&made) {
        let Made::Factors { left, right, .. } = made else { panic!("{case}: {made:?}") };
        let rows = order.rows.map(|r| r as usize);
        let k = order.rank as usize;
        assert_eq!((left.shape(), right.shape()), ((rows[0], k), (rows[1], k)), "{case}");
        let wanted = dense.clone().resize(rows[0], rows[1], 0.0) * order.gain;
        let error = (left.map(f64::from) * right.map(f64::from).transpose() - wanted).norm();
        let tail = sigma.iter().skip(k).map(|s| s * s).sum::<f64>().sqrt();
        assert!((error - tail).abs() <= 2e-6 * norm, "{case} {order:?}: off by {:e}·‖ΔW‖", (error - tail) / norm);
    }
}

/// The rows of an X of `rows` rows that row `i` lies between, and how far below the first: torch's formula in f64.
fn neighbours(to: Resize, i: usize, rows: usize) -> (Option<usize>, Option<usize>, f64) {
    match to {
        Resize::Crop(_) => (Some(i).filter(|&i| i < rows), None, 0.0),
        Resize::Linear(out) => {
            let place = ((i as f64 + 0.5) * rows as f64 / f64::from(out) - 0.5).max(0.0);
            let above = (place.floor() as usize).min(rows - 1);
            (Some(above), Some((above + 1).min(rows - 1)), place - above as f64)
        }
    }
}

/// σ within 1e-6·σ₁.
fn judge_sigma(case: &str, reference: &[f64], sigma: &[f64]) {
    assert_eq!(sigma.len(), reference.len(), "{case}");
    for (n, (s, r)) in sigma.iter().zip(reference).enumerate() {
        let error = (s - r).abs();
        assert!(error <= 1e-6 * reference[0], "{case}: σ{n} is off by {:e}·σ₁", error / reference[0]);
    }
}

/// U and V orthonormal within 2e-6; U·Σ·Vᵀ within 2e-6·‖ΔW‖.
fn judge_vectors(case: &str, pair: &Pair, reference: &[f64], sigma: &[f64], u: &DMatrix<f64>, v: &DMatrix<f64>) {
    let largest = reference[0];
    let rank = reference.iter().filter(|&&s| s > 2e-6 * largest).count();
    // A σ within the error of the threshold may be on either side of it.
    let doubtful = reference.iter().filter(|&&s| (s - 2e-6 * largest).abs() <= 1e-6 * largest && s > 0.0).count();
    assert!(u.ncols().abs_diff(rank) <= doubtful, "{case}: {} columns for rank {rank}", u.ncols());
    assert_eq!(u.ncols(), v.ncols(), "{case}");
    for (name, q) in [("U", u), ("V", v)] {
        let error = (q.tr_mul(q) - DMatrix::identity(q.ncols(), q.ncols())).amax();
        assert!(error <= 2e-6, "{case}: {name} is off orthonormal by {error:e}");
    }
    // The error is ‖P·Qᵀ‖ for P = [UΣ, −L] and Q = [V, R], scaled so that max |L| is 1.
    let (left, right) = (pair.left.to_f64(), pair.right.to_f64());
    let unit = if largest > 0.0 { 1.0 / left.amax() } else { 1.0 };
    let scaled = DMatrix::from_fn(u.nrows(), u.ncols(), |i, j| u[(i, j)] * sigma[j] * unit);
    let cancellation = left.norm() * right.norm() / largest;
    let p = joined(&scaled, &(left * -unit));
    let q = joined(v, &right);
    let error = if cancellation < 100.0 {
        // tr(PᵀP·QᵀQ), good to 1e-8·‖P‖·‖Q‖.
        p.tr_mul(&p).component_mul(&q.tr_mul(&q)).sum().max(0.0).sqrt()
    } else {
        (p.qr().r() * q.qr().r().transpose()).norm()
    };
    let norm = reference.iter().map(|s| (s * unit).powi(2)).sum::<f64>().sqrt();
    assert!(error <= 2e-6 * norm, "{case}: U·Σ·Vᵀ is off by {:e}·‖ΔW‖", error / norm);
}

fn joined(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    let mut joined = a.clone().resize_horizontally(a.ncols() + b.ncols(), 0.0);
    joined.columns_mut(a.ncols(), b.ncols()).copy_from(b);
    joined
}
