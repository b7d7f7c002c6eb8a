//! The directions of several updates beside each other: UₐᵀU_b and VₐᵀV_b of pairs of thin SVDs, from which follow
//! ⟨ΔWₐ, ΔW_b⟩ = Σᵢⱼ σₐᵢ·σ_bⱼ·(UₐᵀU_b)ᵢⱼ·(VₐᵀV_b)ᵢⱼ and how far their subspaces overlap. No product is formed, and the tall
//! U and V stay on the backend.
//!
//! U and V are orthonormal to some 1e-7 only, but U·Σ·Vᵀ is the update all the same, to the digits of f32: a cosine's
//! norms are therefore taken with the Gram matrices that U and V really have, ‖ΔW‖² = Σᵢⱼ σᵢ·σⱼ·(UᵀU)ᵢⱼ·(VᵀV)ᵢⱼ, so that
//! an update has a cosine of 1 with itself. For subspaces, U·G^-½ is the orthonormal basis nearest to a U with the
//! Gram matrix G (Löwdin, J. Chem. Phys. 18, 1950).

use std::rc::Rc;

use nalgebra::DMatrix;

use super::Pair;
use super::spectrum::{Decomposed, Form, NOISE, Solved, solve_all};
use super::{Want, dense::Thin};
use crate::{ComputeError, FactorType, Primitives, RawTall};

/// Directions whose σ is at or below this part of σ₁ are left out: together they are below every figure's error.
const KEPT: f64 = 1e-9;

/// What is known of one update by itself.
#[derive(Clone, Debug)]
pub enum Directed {
    Found {
        /// Descending, one for each direction that `Crossed` has.
        sigma: Vec<f64>,
        /// The numerical rank: the count of σ > 2e-6·σ₁.
        rank: usize,
        /// Whether the module went the f64 way because f32 would have lost digits.
        fallback: bool,
    },
    /// The factors hold this many NaNs and infinities.
    NotFinite { count: u64 },
    /// The product leaves the range of f64.
    OutOfRange,
}

/// Two updates' directions, p of a and q of b.
#[derive(Clone, Debug)]
pub struct Crossed {
    /// ⟨ΔWₐ, ΔW_b⟩ / (‖ΔWₐ‖·‖ΔW_b‖), −1 to 1.
    pub cosine: f64,
    /// UₐᵀU_b, p × q.
    pub left: DMatrix<f64>,
    /// VₐᵀV_b, p × q.
    pub right: DMatrix<f64>,
}

/// The updates by themselves, and the products of those `wanted`, by their numbers; none where one of the two has no
/// directions. The backend must be able to hold all of it at once, and updates that meet have the same shape.
///
/// # Errors
/// Only what concerns the whole batch: a lost or unwilling device, a cancel.
pub async fn cross_all<P: Primitives>(
    backend: &P,
    updates: &[Pair],
    wanted: &[[usize; 2]],
) -> Result<(Vec<Directed>, Vec<Option<Crossed>>), ComputeError> {
    let mut directed = Vec::with_capacity(updates.len());
    let mut bases = Unread::default();
    for solved in solve_all(backend, updates, Want::Vectors).await? {
        backend.pause().await?;
        directed.push(match solved {
            Solved::NotFinite { count } => Directed::NotFinite { count },
            Solved::OutOfRange => Directed::OutOfRange,
            Solved::Svd(solved) => {
                let Decomposed { forms: [left, right], thin, fallback, .. } = *solved;
                let kept = count(&thin.sigma, KEPT);
                let rank = count(&thin.sigma, NOISE);
                let Thin { u, sigma, v } = thin.truncated(kept);
                if kept > 0 {
                    bases.add([directed.len(), 0], left, u)?;
                    bases.add([directed.len(), 1], right, v)?;
                }
                Directed::Found { sigma, rank, fallback }
            }
        });
    }
    let sides = bases.applied(backend, updates.len()).await?;
    let mut pairs = Vec::with_capacity(2 * wanted.len());
    for &[a, b] in wanted {
        let both = sides[a].iter().zip(&sides[b]);
        pairs.extend(both.filter_map(|(a, b)| a.as_ref().zip(b.as_ref())));
    }
    let talls: Vec<[&P::Tall; 2]> = pairs.iter().map(|(a, b)| [&a.tall, &b.tall]).collect();
    let products = if talls.is_empty() { Vec::new() } else { backend.cross(&talls).await? };
    let mut products = products.into_iter();
    let mut crossed = Vec::with_capacity(wanted.len());
    for &[a, b] in wanted {
        backend.pause().await?;
        let ([Some(ua), Some(va)], [Some(ub), Some(vb)]) = (&sides[a], &sides[b]) else {
            crossed.push(None);
            continue;
        };
        let missing = || ComputeError::Gpu("a result is missing".into());
        let (left, right) = products.next().zip(products.next()).ok_or_else(missing)?;
        let (x, y) = (parts(&directed[a]), parts(&directed[b]));
        let norms = inner(&x, &ua.gram, &va.gram, &x) * inner(&y, &ub.gram, &vb.gram, &y);
        let cosine = (inner(&x, &left, &right, &y) / norms.sqrt()).clamp(-1.0, 1.0);
        let [left, right] = [(ua, left, ub), (va, right, vb)].map(|(a, product, b)| &a.unskew * product * &b.unskew);
        crossed.push(Some(Crossed { cosine, left, right }));
    }
    Ok((directed, crossed))
}

fn count(sigma: &[f64], part: f64) -> usize {
    let largest = sigma.first().copied().unwrap_or(0.0);
    sigma.iter().filter(|&&s| s > part * largest).count()
}

/// σ in units of ‖σ‖, which is above 0 where there are directions.
fn parts(directed: &Directed) -> Vec<f64> {
    let Directed::Found { sigma, .. } = directed else { return Vec::new() };
    let first = sigma.first().copied().unwrap_or(1.0);
    let length = sigma.iter().map(|s| (s / first).powi(2)).sum::<f64>().sqrt();
    sigma.iter().map(|s| s / first / length).collect()
}

/// Σᵢⱼ xᵢ·Lᵢⱼ·Rᵢⱼ·yⱼ
fn inner(x: &[f64], left: &DMatrix<f64>, right: &DMatrix<f64>, y: &[f64]) -> f64 {
    let of_column = |(j, y): (usize, &f64)| {
        let column = left.column(j).into_iter().zip(right.column(j)).zip(x);
        y * column.map(|((l, r), x)| x * l * r).sum::<f64>()
    };
    y.iter().enumerate().map(of_column).sum()
}

/// One side of one update: Q·turn where the backend keeps it.
struct Basis<T> {
    tall: T,
    /// Its own Gram matrix G, near the identity, and G^-½.
    gram: DMatrix<f64>,
    unskew: DMatrix<f64>,
}

/// Every update's U and V, where there are any.
type Sides<T> = Vec<[Option<Basis<T>>; 2]>;

/// The number of an update, and 0 for its U, 1 for its V.
type Place = [usize; 2];

/// Sides that are still to be applied, or to be uploaded.
struct Unread<T> {
    device: Vec<(Place, T, DMatrix<f64>)>,
    host: Vec<(Place, Rc<RawTall>)>,
}

impl<T> Default for Unread<T> {
    fn default() -> Self {
        Self { device: Vec::new(), host: Vec::new() }
    }
}

impl<T> Unread<T> {
    fn add(&mut self, place: Place, form: Form<T>, turn: DMatrix<f64>) -> Result<(), ComputeError> {
        match form {
            Form::Device { tall, weight, .. } => self.device.push((place, tall, weight * turn)),
            Form::Host { q, .. } => self.host.push((place, in_f32(&(q * turn)))),
            Form::Gram { .. } | Form::NotFinite(_) | Form::Unsettled => {
                return Err(ComputeError::Gpu("a factor was left without a basis".into()));
            }
        }
        Ok(())
    }

    async fn applied<P: Primitives<Tall = T>>(self, backend: &P, updates: usize) -> Result<Sides<T>, ComputeError> {
        let mut sides: Sides<T> = (0..updates).map(|_| [None, None]).collect();
        let (mut places, mut talls) = (Vec::new(), Vec::new());
        if !self.device.is_empty() {
            let mut weights = Vec::with_capacity(self.device.len());
            let mut sources = Vec::with_capacity(self.device.len());
            for (place, tall, weight) in self.device {
                places.push(place);
                sources.push(tall);
                weights.push(weight);
            }
            talls = backend.apply(&sources.iter().collect::<Vec<_>>(), &weights).await?;
        }
        if !self.host.is_empty() {
            let (of_host, raws): (Vec<Place>, Vec<Rc<RawTall>>) = self.host.into_iter().unzip();
            places.extend(of_host);
            talls.extend(backend.upload(&raws).await?);
        }
        if talls.is_empty() {
            return Ok(sides);
        }
        // By the kernel of the pairs, so that an update beside its copy meets the very same roundings.
        let grams = backend.cross(&talls.iter().map(|tall| [tall, tall]).collect::<Vec<_>>()).await?;
        for (([update, side], tall), gram) in places.into_iter().zip(talls).zip(grams) {
            sides[update][side] = Some(Basis { tall, unskew: inverse_root(&gram), gram });
        }
        Ok(sides)
    }
}

/// G^-½ for a G near the identity, by the series of (1 + E)^-½ to E²: an E of 1e-5 leaves an error of 1e-15.
fn inverse_root(gram: &DMatrix<f64>) -> DMatrix<f64> {
    let one = DMatrix::identity(gram.nrows(), gram.ncols());
    let e = gram - &one;
    let square = &e * &e * 0.375;
    one - e * 0.5 + square
}

fn in_f32(matrix: &DMatrix<f64>) -> Rc<RawTall> {
    let bytes = matrix.transpose().iter().flat_map(|&x| (x as f32).to_le_bytes()).collect();
    let (rows, cols) = (matrix.nrows() as u32, matrix.ncols() as u32);
    Rc::new(RawTall { rows, cols, transposed: false, dtype: FactorType::F32, bytes })
}
