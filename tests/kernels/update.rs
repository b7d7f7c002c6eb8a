//! The randomized SVD of a dense update against its whole SVD in f64.

use std::convert::Infallible;
use std::rc::Rc;

use crate::cases::stored;
use crate::numbers::Numbers;
use lorascope_kernels::cpu::CpuBackend;
use lorascope_kernels::linalg::{Thin, Update, svd_to_energy, thin_svd, truncated_svd};
use lorascope_kernels::{Change, ComputeError, FactorType, Primitives, RawTall, Side, Sides, Steady};
use nalgebra::DMatrix;

/// An update in memory, in f64, that counts its passes and their columns.
struct Dense {
    x: DMatrix<f64>,
    passes: usize,
    columns: usize,
}

impl Update for Dense {
    type Error = Infallible;

    fn shape(&self) -> [usize; 2] {
        self.x.shape().into()
    }

    async fn multiply(&mut self, side: Side, weight: &DMatrix<f64>) -> Result<DMatrix<f64>, Infallible> {
        assert!(weight.ncols() > 0, "a pass for nothing");
        self.passes += 1;
        self.columns += weight.ncols();
        Ok(if side == Side::Right { &self.x * weight } else { self.x.transpose() * weight })
    }

    async fn norm_sq(&mut self) -> Result<f64, Infallible> {
        Ok(self.x.norm_squared())
    }
}

fn dense(x: &DMatrix<f64>) -> Dense {
    Dense { x: x.clone(), passes: 0, columns: 0 }
}

fn truncated(x: &DMatrix<f64>, rank: usize) -> Thin {
    let mut update = dense(x);
    let thin = pollster::block_on(truncated_svd(&mut update, rank)).unwrap();
    assert!(update.passes <= 14, "{} passes", update.passes);
    assert!(thin.sigma.len() <= rank);
    orthonormal(&thin);
    thin
}

fn orthonormal(thin: &Thin) {
    let k = thin.sigma.len();
    for side in [&thin.u, &thin.v] {
        assert_eq!(side.ncols(), k);
        if k > 0 {
            assert!((side.transpose() * side - DMatrix::identity(k, k)).amax() <= 1e-10);
        }
    }
    assert!(thin.sigma.is_sorted_by(|a, b| a >= b));
}

fn product(thin: &Thin) -> DMatrix<f64> {
    &thin.u * DMatrix::from_diagonal(&nalgebra::DVector::from_column_slice(&thin.sigma)) * thin.v.transpose()
}

/// m × n with these singular values.
fn with_sigma(numbers: &mut Numbers, (m, n): (usize, usize), sigma: &[f64]) -> DMatrix<f64> {
    let k = sigma.len();
    let (u, v) = (numbers.matrix(m, k).qr().q(), numbers.matrix(n, k).qr().q());
    u * DMatrix::from_diagonal(&nalgebra::DVector::from_column_slice(sigma)) * v.transpose()
}

const SHAPES: [(usize, usize); 3] = [(300, 200), (150, 400), (128, 128)];

/// σ to 1e-6·σ₁ and the error of the reconstruction to 1e-6·‖X‖, where the spectrum falls.
#[test]
fn a_falling_spectrum_comes_out_exactly() {
    let mut numbers = Numbers::new(41);
    let falls: [&dyn Fn(usize) -> f64; 4] = [
        &|i| 0.7f64.powi(i as i32),
        &|i| 1.0 / (1.0 + i as f64).powi(3),
        // A gap after the eighth.
        &|i| if i < 8 { 1.0 + 0.1 * i as f64 } else { 0.3 / (i as f64).sqrt() },
        &|i| 1e-12 * 0.8f64.powi(i as i32),
    ];
    for shape in SHAPES {
        for (n, fall) in falls.iter().enumerate() {
            let mut sigma: Vec<f64> = (0..100).map(fall).collect();
            let x = with_sigma(&mut numbers, shape, &sigma);
            sigma.sort_by(|a, b| b.total_cmp(a));
            for rank in [1, 4, 8, 16] {
                // The third falls nowhere else.
                if n == 2 && rank != 8 {
                    continue;
                }
                let thin = truncated(&x, rank);
                assert_eq!(thin.sigma.len(), rank);
                for (found, exact) in thin.sigma.iter().zip(&sigma) {
                    assert!(
                        (found - exact).abs() <= 1e-6 * sigma[0],
                        "{shape:?}, fall {n}, rank {rank}: {found} {exact}"
                    );
                }
                let best = sigma[rank..].iter().map(|s| s * s).sum::<f64>().sqrt();
                let error = (product(&thin) - &x).norm();
                assert!(error - best <= 1e-6 * x.norm(), "{shape:?}, fall {n}, rank {rank}: {error:e} {best:e}");
            }
        }
    }
}

/// A few strong directions in noise, and noise alone: the error is within 1 % of the best.
#[test]
fn noise_costs_next_to_nothing() {
    let mut numbers = Numbers::new(43);
    for shape in SHAPES {
        for strength in [0.0, 100.0] {
            let strong = with_sigma(&mut numbers, shape, &[strength; 6]);
            let x = strong + numbers.matrix(shape.0, shape.1);
            let sigma = thin_svd(&x).unwrap().sigma;
            for rank in [1, 6, 16, 48] {
                let mut update = dense(&x);
                let thin = pollster::block_on(truncated_svd(&mut update, rank)).unwrap();
                orthonormal(&thin);
                let best = sigma[rank..].iter().map(|s| s * s).sum::<f64>().sqrt();
                let error = (product(&thin) - &x).norm();
                assert!(error <= 1.01 * best, "{shape:?}, {strength}, rank {rank}: {error} {best}");
                if strength == 100.0 && rank == 6 {
                    assert!(thin.sigma.iter().zip(&sigma).all(|(a, b)| (a - b).abs() <= 1e-6 * sigma[0]));
                }
                if strength == 0.0 {
                    assert!(update.passes <= 10, "{} passes over noise", update.passes);
                }
            }
        }
    }
}

/// Less rank than asked for; zeros; one row, one column, one number; more asked for than there is.
#[test]
fn degenerate_updates_have_no_more_than_they_have() {
    let mut numbers = Numbers::new(47);
    for shape in SHAPES {
        let x = with_sigma(&mut numbers, shape, &[3.0, 2.0, 1e-3]);
        for rank in [2, 3, 8, 20] {
            let thin = truncated(&x, rank);
            assert_eq!(thin.sigma.len(), rank.min(3));
            for (found, exact) in thin.sigma.iter().zip([3.0, 2.0, 1e-3]) {
                assert!((found - exact).abs() <= 1e-9, "{found} {exact}");
            }
        }
        let thin = truncated(&DMatrix::zeros(shape.0, shape.1), 8);
        assert_eq!((thin.u.shape(), thin.v.shape()), ((shape.0, 0), (shape.1, 0)));
    }
    for shape in [(1, 1), (1, 500), (500, 1), (2, 3), (40, 9), (9, 40)] {
        let x = numbers.matrix(shape.0, shape.1);
        let sigma = thin_svd(&x).unwrap().sigma;
        for rank in [0, 1, 5, 64] {
            let thin = truncated(&x, rank);
            assert_eq!(thin.sigma.len(), rank.min(sigma.len()));
            assert!(thin.sigma.iter().zip(&sigma).all(|(a, b)| (a - b).abs() <= 1e-12 * sigma[0]));
        }
        let mut zero = dense(&DMatrix::zeros(shape.0, shape.1));
        assert_eq!(pollster::block_on(svd_to_energy(&mut zero, 0.9, 4)).unwrap().sigma.len(), 0);
    }
}

/// The fewest triples with a share of the energy, at most so many, and no column of the sketch multiplied twice
/// before the power iterations.
#[test]
fn the_fewest_triples_with_an_energy() {
    let mut numbers = Numbers::new(53);
    for shape in SHAPES {
        let sigma: Vec<f64> = (0..100).map(|i| 0.9f64.powi(i)).collect();
        let x = with_sigma(&mut numbers, shape, &sigma);
        let all: f64 = sigma.iter().map(|s| s * s).sum();
        for share in [0.1, 0.5, 0.9, 0.99, 0.999] {
            let mut sum = 0.0;
            let fewest = sigma.iter().take_while(|s| (sum < share * all, sum += *s * *s).0).count();
            for most in [3, 12, 40] {
                let mut update = dense(&x);
                let thin = pollster::block_on(svd_to_energy(&mut update, share, most)).unwrap();
                orthonormal(&thin);
                assert_eq!(thin.sigma.len(), fewest.min(most), "{shape:?}, {share}, at most {most}");
                assert!(thin.sigma.iter().zip(&sigma).all(|(a, b)| (a - b).abs() <= 1e-6));
                assert!(update.columns <= 14 * (2 * most + 8), "{} columns", update.columns);
            }
        }
        let low = with_sigma(&mut numbers, shape, &[2.0, 1.0, 0.5]);
        assert_eq!(pollster::block_on(svd_to_energy(&mut dense(&low), 1.0, 40)).unwrap().sigma.len(), 3);
        assert_eq!(pollster::block_on(svd_to_energy(&mut dense(&low), 0.0, 40)).unwrap().sigma.len(), 0);
    }
}

/// Where the sketch has grown to all of X, there are more triples than are asked for.
#[test]
fn an_energy_takes_no_more_triples_than_it_may() {
    let mut numbers = Numbers::new(61);
    for shape in [(64, 200), (200, 64), (64, 64)] {
        let x = with_sigma(&mut numbers, shape, &[1.0; 64]);
        for (share, fewest) in [(0.9, 58), (0.99, 64)] {
            for most in [32, 40, 64, 100] {
                let thin = pollster::block_on(svd_to_energy(&mut dense(&x), share, most)).unwrap();
                orthonormal(&thin);
                assert_eq!(thin.sigma.len(), fewest.min(most), "{shape:?}, {share}, at most {most}");
            }
        }
    }
}

/// Two bf16 states in tiles of rows, as a session multiplies them.
struct Tiled {
    backend: CpuBackend<Steady>,
    tiles: Vec<[Rc<RawTall>; 2]>,
}

impl Tiled {
    fn rows(&self) -> usize {
        self.tiles.iter().map(|[before, _]| before.rows as usize).sum()
    }

    async fn residual(&self, left: &[f32], right: &[f32], k: usize) -> f64 {
        let mut first = 0;
        let mut rest_sq = 0.0;
        for [before, after] in &self.tiles {
            let rows = before.rows as usize;
            let sides = Sides { k: k as u32, left: &left[first * k..(first + rows) * k], right };
            rest_sq += self.backend.residual(&[Change { before, after }], &[sides]).await.unwrap()[0].rest_sq;
            first += rows;
        }
        rest_sq.sqrt()
    }
}

fn by_row(matrix: &DMatrix<f64>) -> Vec<f32> {
    matrix.transpose().iter().map(|&x| x as f32).collect()
}

impl Update for Tiled {
    type Error = ComputeError;

    fn shape(&self) -> [usize; 2] {
        [self.rows(), self.tiles[0][0].cols as usize]
    }

    async fn multiply(&mut self, side: Side, weight: &DMatrix<f64>) -> Result<DMatrix<f64>, ComputeError> {
        let (k, [m, n]) = (weight.ncols(), self.shape());
        let mut result = DMatrix::zeros(if side == Side::Right { m } else { n }, k);
        let mut first = 0;
        for [before, after] in &self.tiles {
            let rows = before.rows as usize;
            let own = if side == Side::Right { weight.clone() } else { weight.rows(first, rows).into_owned() };
            let change = Change { before, after };
            let product = self.backend.multiply(&[change], side, &[&by_row(&own)], k as u32).await?.remove(0);
            match side {
                Side::Right => result.rows_mut(first, rows).copy_from(&product),
                Side::Left => result += product,
            }
            first += rows;
        }
        Ok(result)
    }

    async fn norm_sq(&mut self) -> Result<f64, ComputeError> {
        Ok(self.residual(&[], &[], 0).await.powi(2))
    }
}

/// Weights with a low-rank update merged into them in bf16: the triples found are nearer to it than the rounding
/// is, and the error that `residual` reports is the true one.
#[test]
fn a_merged_update_is_found_again() {
    let mut numbers = Numbers::new(59);
    let (m, n, rank) = (500, 300, 8);
    let weight = numbers.matrix(m, n) * 0.02;
    let update = numbers.matrix(m, rank) * numbers.matrix(rank, n) * 1e-4;
    let merged = &weight + &update;
    let tile = |matrix: &DMatrix<f64>, first: usize| {
        let rows = matrix.rows(first, 120.min(m - first)).into_owned();
        Rc::new(stored(&rows, FactorType::Bf16, false))
    };
    let tiles: Vec<_> = (0..m).step_by(120).map(|first| [tile(&weight, first), tile(&merged, first)]).collect();
    let whole = |n: usize| {
        let rows: Vec<_> =
            tiles.iter().flat_map(|t| t[n].to_f64().row_iter().map(|r| r.into_owned()).collect::<Vec<_>>()).collect();
        DMatrix::from_rows(&rows)
    };
    let x = whole(1) - whole(0);
    let mut tiled = Tiled { backend: CpuBackend::new(Steady), tiles };
    let norm_sq = pollster::block_on(tiled.norm_sq()).unwrap();
    assert!((norm_sq - x.norm_squared()).abs() <= 1e-6 * norm_sq);
    let thin = pollster::block_on(truncated_svd(&mut tiled, rank)).unwrap();
    let exact = thin_svd(&x).unwrap();
    assert!(thin.sigma.iter().zip(&exact.sigma).all(|(a, b)| (a - b).abs() <= 1e-6 * exact.sigma[0]));
    assert!((product(&thin) - &update).norm() <= 2.0 * (&x - &update).norm());
    let mut left = thin.u.clone();
    for (j, s) in thin.sigma.iter().enumerate() {
        left.column_mut(j).scale_mut(*s);
    }
    let reported = pollster::block_on(tiled.residual(&by_row(&left), &by_row(&thin.v), rank));
    let error = (product(&thin) - &x).norm();
    assert!((reported - error).abs() <= 1e-6 * x.norm(), "{reported} {error}");
    let half = pollster::block_on(svd_to_energy(&mut tiled, 0.5, 8)).unwrap();
    let fewest = (1..).find(|&k| exact.sigma[..k].iter().map(|s| s * s).sum::<f64>() >= 0.5 * norm_sq).unwrap();
    assert_eq!(half.sigma.len(), fewest.min(8));
}
