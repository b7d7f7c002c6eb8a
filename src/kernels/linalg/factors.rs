//! New factors B' and A'ᵀ for modules that are taken to another size or rank, ΔW never formed.
//!
//! `svd` after the reference projector: with ΔW = U·Σ·Vᵀ, B' = crop(U_k)·(γΣ_k)^½ and A'ᵀ = crop(V_k)·(γΣ_k)^½,
//! γ the gain for the change of size. U and V exist only as Q·(small matrix), so that one `apply` gives the factor.
//! `truncate` and `interpolate` take the stored factors row by row.

use std::rc::Rc;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::Pair;
use super::spectrum::{Decomposed, Form, Solved, Want, solve_all};
use crate::cpu::resize::resize;
use crate::{ComputeError, Primitives, RawTall, Resize};

/// What `svd` is to make of one pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Columns of the new factors; those beyond the pair's own rank are zero.
    pub rank: u32,
    /// Rows of B' and of A'ᵀ.
    pub rows: [u32; 2],
    /// γ, above 0.
    pub gain: f64,
}

/// What became of one pair.
#[derive(Clone, Debug)]
pub enum Made {
    Factors {
        /// B', out' × k, and A'ᵀ, in' × k.
        left: DMatrix<f32>,
        right: DMatrix<f32>,
        /// Whether the module went the f64 way because f32 would have lost digits.
        fallback: bool,
    },
    /// The factors hold this many NaNs and infinities.
    NotFinite { count: u64 },
    /// The product leaves the range of f64.
    OutOfRange,
}

/// The `svd` of every pair, which the backend must be able to hold at once, results included.
///
/// # Errors
/// Only what concerns the whole batch: a lost or unwilling device, a cancel.
pub async fn svd_factors<P: Primitives>(
    backend: &P,
    pairs: &[Pair],
    orders: &[Order],
) -> Result<Vec<Made>, ComputeError> {
    let mut sides = Sides { ready: Vec::new(), talls: Vec::new(), weights: Vec::new(), to: Vec::new() };
    let mut outcomes = Vec::with_capacity(pairs.len());
    for (solved, order) in solve_all(backend, pairs, Want::Vectors).await?.into_iter().zip(orders) {
        outcomes.push(match solved {
            Solved::NotFinite { count } => Err(Made::NotFinite { count }),
            Solved::OutOfRange => Err(Made::OutOfRange),
            Solved::Svd(solved) => {
                let Decomposed { forms: [left, right], thin, fallback, .. } = *solved;
                backend.pause().await?;
                let roots: Vec<f64> = thin.sigma.iter().map(|s| (s * order.gain).sqrt()).collect();
                sides.add(left, turned(&thin.u, &roots, order.rank), order.rows[0]);
                sides.add(right, turned(&thin.v, &roots, order.rank), order.rows[1]);
                Ok(fallback)
            }
        });
    }
    let mut factors = sides.read(backend).await?.into_iter();
    let missing = || ComputeError::Gpu("a result is missing".into());
    let mut made = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        made.push(match outcome {
            Ok(fallback) => Made::Factors {
                left: factors.next().ok_or_else(missing)?,
                right: factors.next().ok_or_else(missing)?,
                fallback,
            },
            Err(made) => made,
        });
    }
    Ok(made)
}

/// The stored factors with other rows.
///
/// # Errors
/// As [`svd_factors`].
pub async fn resized_factors<P: Primitives>(
    backend: &P,
    pairs: &[Pair],
    to: &[[Resize; 2]],
) -> Result<Vec<Made>, ComputeError> {
    let factors: Vec<(&Rc<RawTall>, Resize)> =
        pairs.iter().zip(to).flat_map(|(pair, to)| [(&pair.left, to[0]), (&pair.right, to[1])]).collect();
    let (on_device, sizes): (Vec<Rc<RawTall>>, Vec<Resize>) =
        factors.iter().filter(|(raw, _)| raw.dtype.on_gpu()).map(|(raw, to)| (Rc::clone(raw), *to)).unzip();
    let mut read = Vec::new();
    if !on_device.is_empty() {
        let talls = backend.upload(&on_device).await?;
        let resized = backend.resize(&talls.iter().collect::<Vec<_>>(), &sizes).await?;
        read = backend.read(&resized.iter().collect::<Vec<_>>()).await?;
    }
    let mut read = read.into_iter();
    let mut all = Vec::with_capacity(factors.len());
    for (raw, to) in factors {
        all.push(if raw.dtype.on_gpu() {
            read.next().ok_or_else(|| ComputeError::Gpu("a result is missing".into()))?
        } else {
            backend.pause().await?;
            resize(raw, to).to_f64().map(|x| x as f32)
        });
    }
    let mut all = all.into_iter();
    let mut made = Vec::with_capacity(pairs.len());
    while let (Some(left), Some(right)) = (all.next(), all.next()) {
        made.push(Made::Factors { left, right, fallback: false });
    }
    Ok(made)
}

/// The first `rank` columns of `vectors`, times `roots`; zero columns where there are fewer.
fn turned(vectors: &DMatrix<f64>, roots: &[f64], rank: u32) -> DMatrix<f64> {
    let known = vectors.ncols().min(roots.len());
    DMatrix::from_fn(vectors.nrows(), rank as usize, |i, j| if j < known { vectors[(i, j)] * roots[j] } else { 0.0 })
}

/// The sides of all pairs of a batch: those that the CPU holds, and those that are still to be applied.
struct Sides<T> {
    /// In order; `None` is the next of those on the device.
    ready: Vec<Option<DMatrix<f32>>>,
    talls: Vec<T>,
    weights: Vec<DMatrix<f64>>,
    to: Vec<Resize>,
}

impl<T> Sides<T> {
    /// Q·turn with `rows` rows. Solved pairs have no other forms.
    fn add(&mut self, form: Form<T>, turn: DMatrix<f64>, rows: u32) {
        match form {
            Form::Device { tall, weight, .. } => {
                self.ready.push(None);
                self.talls.push(tall);
                self.weights.push(weight * turn);
                self.to.push(Resize::Crop(rows));
            }
            Form::Host { q, .. } => {
                let product = (q * turn).resize_vertically(rows as usize, 0.0);
                self.ready.push(Some(product.map(|x| x as f32)));
            }
            Form::Gram { .. } | Form::NotFinite(_) | Form::Unsettled => {
                self.ready.push(Some(DMatrix::zeros(rows as usize, turn.ncols())));
            }
        }
    }

    /// All of them, in order.
    async fn read<P: Primitives<Tall = T>>(self, backend: &P) -> Result<Vec<DMatrix<f32>>, ComputeError> {
        let mut read = Vec::new();
        if !self.talls.is_empty() {
            let applied = backend.apply(&self.talls.iter().collect::<Vec<_>>(), &self.weights).await?;
            let resized = backend.resize(&applied.iter().collect::<Vec<_>>(), &self.to).await?;
            read = backend.read(&resized.iter().collect::<Vec<_>>()).await?;
        }
        let mut read = read.into_iter();
        let missing = || ComputeError::Gpu("a result is missing".into());
        self.ready.into_iter().map(|ready| ready.or_else(|| read.next()).ok_or_else(missing)).collect()
    }
}
