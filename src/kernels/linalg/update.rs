//! The largest singular triples of an update X that is too large to hold: the randomized SVD of Halko, Martinsson,
//! Tropp, "Finding structure with randomness" (SIAM Review 53, 2011), by passes over X.
//!
//! A basis Q of X·Ω, Ω random with about twice the columns that are wanted, is taken through power iterations
//! Q ← orth(X·orth(XᵀQ)); then X ≈ Q·QᵀX. The singular values of XᵀQ, which each iteration gives, say when it is
//! enough.

use std::future::Future;

use nalgebra::DMatrix;

use super::dense::{Thin, thin_svd};
use super::orthonormal::{gram, orthonormal};
use super::sketch::Gaussian;
use super::spectrum::NOISE;
use crate::Side;

/// Power iterations: at least, and at most where they keep improving σ.
const MIN_POWERS: usize = 2;
const MAX_POWERS: usize = 6;
/// σ are settled once they move by less than this part of σ₁.
const SETTLED: f64 = 1e-6;
/// Columns of the sketch beyond the wanted ones, at least.
const SPARE: usize = 8;
/// Triples that are looked for first where an energy is asked for.
const FIRST_GUESS: usize = 8;
/// Energies are good to this part of ‖X‖², as X is multiplied in f32.
const ENERGY_ERROR: f64 = 1e-6;

/// An update X (m × n) that can be multiplied as often as it takes. Each multiplication may be a pass over files.
/// Numbers of X that are not finite are for `multiply` and `norm_sq` to refuse.
pub trait Update {
    type Error;

    /// m and n.
    fn shape(&self) -> [usize; 2];

    /// X·W (`Side::Right`, W n × k) or Xᵀ·W (`Side::Left`, W m × k).
    fn multiply(
        &mut self,
        side: Side,
        weight: &DMatrix<f64>,
    ) -> impl Future<Output = Result<DMatrix<f64>, Self::Error>>;

    /// ‖X‖²_F.
    fn norm_sq(&mut self) -> impl Future<Output = Result<f64, Self::Error>>;
}

/// The largest `rank` singular triples, or fewer: those with σ ≤ 2e-6·σ₁ are noise and left out.
///
/// # Errors
/// Those of the update's own methods.
pub async fn truncated_svd<U: Update>(update: &mut U, rank: usize) -> Result<Thin, U::Error> {
    match Sketch::begin(update, rank).await? {
        Begun::Whole(thin) => Ok(thin.truncated(rank)),
        Begun::Sketch(sketch) => sketch.refine(update, rank).await,
    }
}

/// The fewest of the largest singular triples that have `share` of ‖X‖², at most `most`; σ as with
/// [`truncated_svd`]. Shares are told apart to 1e-6.
///
/// # Errors
/// Those of the update's own methods.
pub async fn svd_to_energy<U: Update>(update: &mut U, share: f64, most: usize) -> Result<Thin, U::Error> {
    let wanted = update.norm_sq().await? * (share - ENERGY_ERROR);
    let mut rank = FIRST_GUESS.min(most);
    let mut begun = Sketch::begin(update, rank).await?;
    let thin = loop {
        match begun {
            Begun::Whole(thin) => break thin,
            // The sketch knows less than all of the energy, never more.
            Begun::Sketch(sketch) if rank == most || energy(&sketch.sigma(), rank) >= wanted => {
                break sketch.refine(update, rank).await?;
            }
            Begun::Sketch(sketch) => {
                rank = (2 * rank).min(most);
                begun = sketch.widen(update, rank).await?;
            }
        }
    };
    let fewest = (0..thin.sigma.len()).find(|&k| energy(&thin.sigma, k) >= wanted);
    // What was decomposed whole has them all.
    Ok(thin.truncated(fewest.unwrap_or(most).min(most)))
}

/// Σσ² of the first `count`.
fn energy(sigma: &[f64], count: usize) -> f64 {
    sigma.iter().take(count).map(|s| s * s).sum()
}

/// An orthonormal basis Q (m × l) of what is known of X's range, and XᵀQ.
struct Sketch {
    q: DMatrix<f64>,
    z: DMatrix<f64>,
    random: Gaussian,
}

enum Begun {
    Sketch(Sketch),
    /// X is so small beside what is wanted that it was decomposed whole.
    Whole(Thin),
}

/// Columns of the sketch for `rank` triples.
fn width(rank: usize) -> usize {
    (2 * rank).max(rank + SPARE)
}

impl Sketch {
    async fn begin<U: Update>(update: &mut U, rank: usize) -> Result<Begun, U::Error> {
        let [m, n] = update.shape();
        if width(rank) >= m.min(n) {
            return Ok(Begun::Whole(whole(update).await?));
        }
        let mut random = Gaussian::new(0x10_7a_5c_09_e5_ee_d0_01);
        let q = orthonormal_or_none(&update.multiply(Side::Right, &random.matrix(n, width(rank))).await?).0;
        if q.ncols() == 0 {
            return Ok(Begun::Whole(none([m, n])));
        }
        let z = update.multiply(Side::Left, &q).await?;
        Ok(Begun::Sketch(Self { q, z, random }))
    }

    /// More columns, for `rank` triples; those that are known stay and are not multiplied again.
    async fn widen<U: Update>(mut self, update: &mut U, rank: usize) -> Result<Begun, U::Error> {
        let [m, n] = update.shape();
        if width(rank) >= m.min(n) {
            return Ok(Begun::Whole(whole(update).await?));
        }
        let missing = width(rank).saturating_sub(self.q.ncols());
        let y = update.multiply(Side::Right, &self.random.matrix(n, missing)).await?;
        // Twice: what the first time leaves of the known directions is no longer small beside the rest.
        let rest = &y - &self.q * self.q.tr_mul(&y);
        let (rest, _) = orthonormal_or_none(&rest);
        let (new, _) = orthonormal_or_none(&(&rest - &self.q * self.q.tr_mul(&rest)));
        if new.ncols() == 0 {
            return Ok(Begun::Sketch(self));
        }
        let z = update.multiply(Side::Left, &new).await?;
        Ok(Begun::Sketch(Self { q: beside(self.q, &new), z: beside(self.z, &z), random: self.random }))
    }

    /// The singular values of XᵀQ, none above X's own; good to 1e-8·σ₁.
    fn sigma(&self) -> Vec<f64> {
        let gram = gram(&self.z);
        if gram.is_empty() || !gram.iter().all(|x| x.is_finite()) {
            return Vec::new();
        }
        let mut sigma: Vec<f64> = gram.symmetric_eigenvalues().iter().map(|l| l.max(0.0).sqrt()).collect();
        sigma.sort_by(|a, b| b.total_cmp(a));
        sigma
    }

    /// Power iterations until the first `rank` σ are settled, or will not be.
    async fn refine<U: Update>(mut self, update: &mut U, rank: usize) -> Result<Thin, U::Error> {
        let mut sigma = self.sigma();
        let mut moves = Moves::default();
        for power in 1..=MAX_POWERS {
            let (p, _) = orthonormal_or_none(&self.z);
            if p.ncols() == 0 {
                break;
            }
            let (q, _) = orthonormal_or_none(&update.multiply(Side::Right, &p).await?);
            self.z = update.multiply(Side::Left, &q).await?;
            self.q = q;
            let before = std::mem::replace(&mut sigma, self.sigma());
            if moves.enough(power, &before, &sigma, rank) {
                break;
            }
        }
        let (p, r) = orthonormal_or_none(&self.z);
        Ok(decomposed(&self.q, &r, &p).truncated(rank))
    }
}

/// How far σ moved from one power iteration to the next.
#[derive(Debug, Default)]
struct Moves {
    last: Option<f64>,
}

impl Moves {
    /// Whether `power` iterations are enough: σ are settled, or at the rate at which they do they will not be in
    /// time, as those of noise, where more iterations would gain next to nothing.
    fn enough(&mut self, power: usize, before: &[f64], after: &[f64], rank: usize) -> bool {
        let largest = after.first().copied().unwrap_or(0.0);
        let pairs = before.iter().chain(std::iter::repeat(&0.0)).zip(after.iter().take(rank));
        let moved = pairs.fold(0.0f64, |most, (a, b)| most.max((a - b).abs()));
        let last = self.last.replace(moved);
        if power < MIN_POWERS {
            return false;
        }
        let rate = last.map_or(1.0, |last| moved / last);
        let bound = SETTLED * largest;
        // Also where one of them is not a number.
        !(moved > bound && moved * rate.powi((MAX_POWERS - power) as i32) <= bound)
    }
}

/// X in one pass: its product with the identity of its smaller side.
async fn whole<U: Update>(update: &mut U) -> Result<Thin, U::Error> {
    let [m, n] = update.shape();
    if m <= n {
        let q = DMatrix::identity(m, m);
        let (p, r) = orthonormal_or_none(&update.multiply(Side::Left, &q).await?);
        return Ok(decomposed(&q, &r, &p));
    }
    let p = DMatrix::identity(n, n);
    let (q, r) = orthonormal_or_none(&update.multiply(Side::Right, &p).await?);
    Ok(decomposed(&q, &r.transpose(), &p))
}

/// The SVD of Q·Rᵀ·Pᵀ with orthonormal Q and P.
fn decomposed(q: &DMatrix<f64>, r: &DMatrix<f64>, p: &DMatrix<f64>) -> Thin {
    let shape = [q.nrows(), p.nrows()];
    let Some(Thin { u, sigma, v }) = thin_svd(r) else { return none(shape) };
    let noise = NOISE * sigma.first().copied().unwrap_or(0.0);
    let k = sigma.iter().filter(|&&s| s > noise).count();
    if k == 0 {
        return none(shape);
    }
    Thin { u: q * v.columns(0, k), sigma: sigma[..k].to_vec(), v: p * u.columns(0, k) }
}

/// The SVD of an X (m × n) of zeros.
fn none([m, n]: [usize; 2]) -> Thin {
    Thin { u: DMatrix::zeros(m, 0), sigma: Vec::new(), v: DMatrix::zeros(n, 0) }
}

/// [`orthonormal`], and nothing of what is not finite.
fn orthonormal_or_none(matrix: &DMatrix<f64>) -> (DMatrix<f64>, DMatrix<f64>) {
    if matrix.iter().all(|x| x.is_finite()) {
        return orthonormal(matrix);
    }
    (DMatrix::zeros(matrix.nrows(), 0), DMatrix::zeros(0, matrix.ncols()))
}

fn beside(left: DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    let known = left.ncols();
    let mut both = left.resize_horizontally(known + right.ncols(), 0.0);
    both.columns_mut(known, right.ncols()).copy_from(right);
    both
}
