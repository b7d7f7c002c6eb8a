//! Singular values and vectors of L·Rᵀ for two tall factors, without ever forming the product.
//!
//! Each factor becomes Q·R by at most [`MAX_PASSES`] passes of clipped CholeskyQR ([`super::gram_pass`]), the tall
//! work on the backend; then R_L·R_Rᵀ = U·Σ·Vᵀ in f64, and the singular vectors are Q_L·U and Q_R·V. What f32
//! could spoil goes the f64 way instead: Householder QR of both factors on the CPU.

use std::rc::Rc;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::dense::{Thin, exponent, spectral_norm, thin_qr, thin_svd};
use super::gram_pass::{Clip, Pass, clipped_pass};
use super::values::{values_of, values_of_grams};
use crate::{ComputeError, Difference, Kernel, Part, Primitives, RawTall, Scan, timed};

/// Gram passes before a factor is left to the f64 way.
const MAX_PASSES: usize = 4;
/// Where ‖L‖₂·‖R‖₂ is this many times σ₁, cancellation in the product ate f32's digits.
const MAX_CANCELLATION: f64 = 16.0;
/// Column maxima outside of 2^±this could meet f32's flushed subnormals or its overflow.
const MAX_EXPONENT: i32 = 100;
/// σ at or below this part of σ₁ is noise of f32 factors.
pub const NOISE: f64 = 2e-6;

/// What a Gram matrix comes from.
const FIRST_PASS: &[Kernel] = &[Kernel::Gram];
const LATER_PASS: &[Kernel] = &[Kernel::Apply, Kernel::Gram];

/// The two factors of an update L·Rᵀ: out × r and in × r.
#[derive(Clone, Debug)]
pub struct Pair {
    pub left: Rc<RawTall>,
    pub right: Rc<RawTall>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Values,
    /// Singular vectors too, as many as the numerical rank.
    Vectors,
}

/// What became of one pair.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Spectrum {
    Found {
        /// Descending, min(out, in, r) of them.
        sigma: Vec<f64>,
        /// U (out × k) and V (in × k), k the count of σ > 2e-6·σ₁; only with [`Want::Vectors`], and not serialised.
        #[serde(skip)]
        vectors: Option<(DMatrix<f32>, DMatrix<f32>)>,
        /// Whether the module went the f64 way because f32 would have lost digits.
        fallback: bool,
    },
    /// The factors hold this many NaNs and infinities.
    NotFinite { count: u64 },
    /// The product leaves the range of f64.
    OutOfRange,
}

/// A factor as Q·R.
pub(super) enum Form<T> {
    /// Q = tall·weight, on the backend.
    Device {
        tall: T,
        weight: DMatrix<f64>,
        r: DMatrix<f64>,
    },
    /// Q in f64, on the CPU.
    Host {
        q: DMatrix<f64>,
        r: DMatrix<f64>,
    },
    /// Only its Gram matrix, in f64: enough for singular values.
    Gram {
        tall: T,
        gram: DMatrix<f64>,
    },
    NotFinite(u64),
    /// f32 will not do: the whole module goes the f64 way.
    Unsettled,
}

impl<T> Form<T> {
    fn r(&self) -> Option<&DMatrix<f64>> {
        match self {
            Self::Device { r, .. } | Self::Host { r, .. } => Some(r),
            Self::Gram { .. } | Self::NotFinite(_) | Self::Unsettled => None,
        }
    }

    /// Of a Gram matrix in f64 one pass gives R, and so σ, to 1e-8.
    fn decomposed(self) -> Self {
        let Self::Gram { tall, gram } = self else { return self };
        match clipped_pass(&gram, Clip::AtZero) {
            Some(Pass { weight, r, .. }) => Self::Device { tall, weight, r },
            None => Self::Unsettled,
        }
    }

    fn not_finite(&self) -> u64 {
        if let Self::NotFinite(count) = self { *count } else { 0 }
    }
}

/// The spectra of all pairs, which the backend must be able to hold at once.
///
/// # Errors
/// Only what concerns the whole batch: a lost or unwilling device, a cancel.
pub async fn spectra<P: Primitives>(backend: &P, pairs: &[Pair], want: Want) -> Result<Vec<Spectrum>, ComputeError> {
    let solved = solve_all(backend, pairs, want).await?;
    finish(backend, solved, want).await
}

/// Everything of all pairs but the tall singular vectors.
pub(super) async fn solve_all<P: Primitives>(
    backend: &P,
    pairs: &[Pair],
    want: Want,
) -> Result<Vec<Solved<P::Tall>>, ComputeError> {
    let factors: Vec<&Rc<RawTall>> = pairs.iter().flat_map(|p| [&p.left, &p.right]).collect();
    let forms = factorise(backend, &factors, want).await?;
    let mut forms = forms.into_iter();
    let both: Vec<[Form<P::Tall>; 2]> =
        std::iter::from_fn(|| forms.next().zip(forms.next()).map(|(left, right)| [left, right])).collect();
    let mut solved = Vec::with_capacity(pairs.len());
    for (pair, forms) in pairs.iter().zip(both) {
        backend.pause().await?;
        let work = async { solve(pair, forms, want) };
        solved.push(timed(backend.pulse(), Part::Algebra, work).await);
    }
    Ok(solved)
}

/// Q·R of every factor.
async fn factorise<P: Primitives>(
    backend: &P,
    factors: &[&Rc<RawTall>],
    want: Want,
) -> Result<Vec<Form<P::Tall>>, ComputeError> {
    let mut forms = Vec::with_capacity(factors.len());
    for factor in factors {
        // A factor that is hardly tall gains nothing from a Gram matrix, which would square its condition.
        let on_host = factor.rows <= 2 * factor.cols || !factor.dtype.on_gpu();
        forms.push(if on_host {
            backend.pause().await?;
            on_cpu(factor)
        } else {
            Form::Unsettled
        });
    }
    let tall: Vec<usize> = (0..factors.len()).filter(|&n| matches!(forms[n], Form::Unsettled)).collect();
    if tall.is_empty() {
        return Ok(forms);
    }
    let raw: Vec<Rc<RawTall>> = tall.iter().map(|&n| Rc::clone(factors[n])).collect();
    let uploaded = timed(backend.pulse(), Part::Upload, backend.upload(&raw)).await?;
    if P::GRAM_IN_F64 && want == Want::Values {
        for (n, form) in tall.into_iter().zip(gram_forms(backend, &raw, uploaded).await?) {
            forms[n] = form;
        }
        return Ok(forms);
    }
    let all: Vec<&P::Tall> = uploaded.iter().collect();
    let scans = timed(backend.pulse(), Part::Compute, backend.scan(&all)).await?;

    let mut active = Vec::new();
    for ((n, tall), scan) in tall.into_iter().zip(uploaded).zip(scans) {
        if scan.not_finite > 0 {
            forms[n] = Form::NotFinite(scan.not_finite);
        } else if let Some(scales) = column_scales(&scan) {
            active.push(Active { n, tall, scales, r: None });
        }
    }
    for pass in 1..=MAX_PASSES {
        if active.is_empty() {
            break;
        }
        let talls: Vec<&P::Tall> = active.iter().map(|a| &a.tall).collect();
        let scales: Vec<Vec<f32>> = active.iter().map(|a| a.scales.clone()).collect();
        let grams = timed(backend.pulse(), Part::Compute, backend.gram(&talls, &scales)).await?;
        let (mut next, mut weights) = (Vec::new(), Vec::new());
        for (a, gram) in active.into_iter().zip(grams) {
            backend.pause().await?;
            // Of columns that are finite and were scaled to numbers near 1, no product can be too large.
            if !gram.iter().all(|x| x.is_finite()) {
                return Err(ComputeError::Wrong(Difference::of(
                    if pass == 1 { FIRST_PASS } else { LATER_PASS },
                    f64::NAN,
                )));
            }
            // Left Unsettled if the eigenvalues do not come.
            let done = timed(backend.pulse(), Part::Algebra, async { a.advance(&gram) }).await;
            let Some((weight, r, settled)) = done else { continue };
            if settled {
                forms[a.n] = Form::Device { tall: a.tall, weight, r };
            } else if pass < MAX_PASSES {
                next.push((a, r));
                weights.push(weight);
            }
        }
        let talls: Vec<&P::Tall> = next.iter().map(|(a, _)| &a.tall).collect();
        let applied = if talls.is_empty() {
            Vec::new()
        } else {
            timed(backend.pulse(), Part::Compute, backend.apply(&talls, &weights)).await?
        };
        active = next
            .into_iter()
            .zip(applied)
            .map(|((a, r), tall)| Active { n: a.n, tall, scales: vec![1.0; r.nrows()], r: Some(r) })
            .collect();
    }
    Ok(forms)
}

/// The Gram matrices of factors, in f64. A number that is not finite shows on their diagonals.
async fn gram_forms<P: Primitives>(
    backend: &P,
    factors: &[Rc<RawTall>],
    talls: Vec<P::Tall>,
) -> Result<Vec<Form<P::Tall>>, ComputeError> {
    let scales: Vec<Vec<f32>> = factors.iter().map(|factor| vec![1.0; factor.cols as usize]).collect();
    let all: Vec<&P::Tall> = talls.iter().collect();
    let grams = timed(backend.pulse(), Part::Compute, backend.gram(&all, &scales)).await?;
    let mut forms = Vec::with_capacity(talls.len());
    for (tall, gram) in talls.into_iter().zip(grams) {
        forms.push(if gram.diagonal().iter().all(|square| square.is_finite()) {
            Form::Gram { tall, gram }
        } else {
            let count = backend.scan(&[&tall]).await?.first().map_or(0, |scan| scan.not_finite);
            if count > 0 { Form::NotFinite(count) } else { Form::Unsettled }
        });
    }
    Ok(forms)
}

/// A factor between two passes.
struct Active<T> {
    /// Its number among the factors.
    n: usize,
    tall: T,
    scales: Vec<f32>,
    /// The product of the passes' R so far.
    r: Option<DMatrix<f64>>,
}

impl<T> Active<T> {
    /// One pass: W for the next `apply`, the R so far, and whether it is the last.
    fn advance(&self, gram: &DMatrix<f64>) -> Option<(DMatrix<f64>, DMatrix<f64>, bool)> {
        let mut pass = clipped_pass(gram, Clip::ForAnotherPass)?;
        // `gram` was that of X·S: the scales go into W and out of R. They are powers of two, so this is exact.
        for (j, &scale) in self.scales.iter().enumerate().filter(|&(_, &scale)| scale != 0.0) {
            pass.weight.row_mut(j).scale_mut(f64::from(scale));
            pass.r.column_mut(j).scale_mut(1.0 / f64::from(scale));
        }
        let r = match &self.r {
            Some(r) => &pass.r * r,
            None => pass.r,
        };
        Some((pass.weight, r, pass.settled))
    }
}

/// Powers of two that bring every column's largest number into [1, 2); 0 for a column of zeros. `None` where f32
/// on a GPU could flush or overflow.
fn column_scales(scan: &Scan) -> Option<Vec<f32>> {
    (0..scan.max_bits.len())
        .map(|col| match f64::from(scan.max(col)) {
            0.0 => Some(0.0),
            max => Some(exponent(max)).filter(|e| e.abs() <= MAX_EXPONENT).map(|e| 2f32.powi(-e)),
        })
        .collect()
}

/// Q·R in f64.
fn on_cpu<T>(factor: &RawTall) -> Form<T> {
    let matrix = factor.to_f64();
    let not_finite = matrix.iter().filter(|x| !x.is_finite()).count() as u64;
    if not_finite > 0 {
        return Form::NotFinite(not_finite);
    }
    let (q, r) = thin_qr(matrix);
    Form::Host { q, r }
}

/// A pair once its small SVD is known.
pub(super) enum Solved<T> {
    Svd(Box<Decomposed<T>>),
    NotFinite { count: u64 },
    OutOfRange,
}

/// Q·R of both factors and the SVD between them.
pub(super) struct Decomposed<T> {
    pub forms: [Form<T>; 2],
    pub thin: Thin,
    /// Of the thin SVD, padded with zeros to min(out, in, r).
    sigma: Vec<f64>,
    pub fallback: bool,
}

fn solve<T>(pair: &Pair, forms: [Form<T>; 2], want: Want) -> Solved<T> {
    let count = forms[0].not_finite() + forms[1].not_finite();
    if count > 0 {
        return Solved::NotFinite { count };
    }
    if let [Form::Gram { gram: left, .. }, Form::Gram { gram: right, .. }] = &forms
        && let Some(sigma) = values_of_grams(left, right)
    {
        return with_padding(pair, forms, Some(Thin::values(sigma)), false);
    }
    let forms = forms.map(Form::decomposed);
    let all_f64 = matches!(forms, [Form::Host { .. }, Form::Host { .. }]);
    let thin = thin_core(&forms, want);
    if all_f64 || thin.as_ref().is_some_and(|thin| keeps_digits(&forms, thin)) {
        return with_padding(pair, forms, thin, false);
    }
    let forms = [on_cpu(&pair.left), on_cpu(&pair.right)];
    let count = forms[0].not_finite() + forms[1].not_finite();
    if count > 0 {
        return Solved::NotFinite { count };
    }
    let thin = thin_core(&forms, want);
    with_padding(pair, forms, thin, true)
}

/// The SVD of R_L·R_Rᵀ, without vectors where none are wanted and the values are good without.
fn thin_core<T>(forms: &[Form<T>; 2], want: Want) -> Option<Thin> {
    let core = forms[0].r()? * forms[1].r()?.transpose();
    let values = if want == Want::Values { values_of(&core) } else { None };
    values.map(Thin::values).or_else(|| thin_svd(&core))
}

fn keeps_digits<T>(forms: &[Form<T>; 2], thin: &Thin) -> bool {
    let largest = thin.sigma.first().copied().unwrap_or(0.0);
    let norm = |form: &Form<T>| form.r().map_or(0.0, spectral_norm);
    norm(&forms[0]) * norm(&forms[1]) <= MAX_CANCELLATION * largest
}

fn with_padding<T>(pair: &Pair, forms: [Form<T>; 2], thin: Option<Thin>, fallback: bool) -> Solved<T> {
    let Some(thin) = thin.filter(|thin| thin.sigma.iter().all(|s| s.is_finite())) else {
        return Solved::OutOfRange;
    };
    let mut sigma = thin.sigma.clone();
    sigma.resize(pair.left.rows.min(pair.right.rows).min(pair.left.cols) as usize, 0.0);
    Solved::Svd(Box::new(Decomposed { forms, thin, sigma, fallback }))
}

/// Reads out what is wanted.
async fn finish<P: Primitives>(
    backend: &P,
    solved: Vec<Solved<P::Tall>>,
    want: Want,
) -> Result<Vec<Spectrum>, ComputeError> {
    let mut spectra = Vec::with_capacity(solved.len());
    for solved in solved {
        spectra.push(match solved {
            Solved::NotFinite { count } => Spectrum::NotFinite { count },
            Solved::OutOfRange => Spectrum::OutOfRange,
            Solved::Svd(solved) => {
                let Decomposed { forms: [left, right], thin, sigma, fallback } = *solved;
                if want == Want::Values {
                    spectra.push(Spectrum::Found { sigma, vectors: None, fallback });
                    continue;
                }
                let k = sigma.iter().filter(|&&s| s > NOISE * sigma[0]).count();
                let u = basis(backend, left, thin.u.columns(0, k).into_owned()).await?;
                let v = basis(backend, right, thin.v.columns(0, k).into_owned()).await?;
                Spectrum::Found { sigma, vectors: Some((u, v)), fallback }
            }
        });
    }
    Ok(spectra)
}

/// Q·turn (rows × k), read back.
async fn basis<P: Primitives>(
    backend: &P,
    form: Form<P::Tall>,
    turn: DMatrix<f64>,
) -> Result<DMatrix<f32>, ComputeError> {
    match form {
        Form::Host { q, .. } => Ok((q * turn).map(|x| x as f32)),
        Form::Device { tall, weight, .. } => {
            let applied = backend.apply(&[&tall], &[weight * turn]).await?;
            let mut read = backend.read(&applied.iter().collect::<Vec<_>>()).await?;
            read.pop().ok_or_else(|| ComputeError::Gpu("a result is missing".into()))
        }
        Form::Gram { .. } | Form::NotFinite(_) | Form::Unsettled => {
            Err(ComputeError::Gpu("a factor was left without a basis".into()))
        }
    }
}
