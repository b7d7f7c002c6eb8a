//! Updates out of tensors that are no plain pair of factors: the formulas of [`lorascope_format::adapter::update`], in f64 on the CPU.
//!
//! Each gives the thinnest exact form there is: two tall factors, or the two products of a Kronecker product, or all
//! of ΔW where nothing thinner is exact. Formulas on the base model's weight are in [`based`].

use std::rc::Rc;

use nalgebra::DMatrix;

use lorascope_format::adapter::update::{Form, Formula, Recipe, Stored, Update};
use lorascope_kernels::linalg::Pair;
use lorascope_kernels::{FactorType, RawTall};

mod array;
pub mod based;
mod dense;
mod factors;
mod products;

pub use array::Array;
pub use dense::Dense;

/// The shorter side up to which a ΔW that is formed whole has its whole spectrum computed.
pub const WHOLE: u64 = 512;

/// An update without its scale.
#[derive(Clone, Debug)]
pub enum Made {
    /// L·Rᵀ.
    Pair(Pair),
    /// L₁·R₁ᵀ ⊗ L₂·R₂ᵀ.
    Kron([Pair; 2]),
    /// All numbers of ΔW, whose shorter side is over [`WHOLE`].
    Dense(Dense),
    /// The tensors hold this many NaNs and infinities.
    NotFinite { count: u64 },
}

/// Two tall f64 factors.
pub(crate) type Factors = [DMatrix<f64>; 2];

/// Evaluates a recipe over its tensors, which have the shapes that the recipe was made from; `shape` is that of ΔW.
/// `None` for a formula on the base model's weight.
pub fn make(recipe: &Recipe, shape: [u64; 2], tensors: &[Array<'_>]) -> Option<Made> {
    let count: u64 = own(&recipe.formula, tensors).iter().map(Array::not_finite).sum();
    if count > 0 {
        return Some(Made::NotFinite { count });
    }
    match (recipe.form, &recipe.formula) {
        (Form::Factors(_), formula) => Some(Made::Pair(pair(factors::of(formula, shape, tensors)?))),
        (Form::Kron(_), Formula::Kron(stored)) => {
            let halves = products::kron(*stored, tensors)?;
            Some(Made::Kron(halves.map(pair)))
        }
        (Form::Dense, Formula::Hadamard { tucker }) => Some(of_dense(products::whole_hadamard(*tucker, tensors)?)),
        (Form::Dense, Formula::Full | Formula::Norm) => Some(of_dense(Dense::of_array(tensors.first()?, shape))),
        _ => None,
    }
}

/// The tensors of one module alone. What many modules share is large, and each is judged by the part that it takes:
/// numbers there that are not finite stay so in its factors.
fn own<'t, 'a>(formula: &Formula, tensors: &'t [Array<'a>]) -> &'t [Array<'a>] {
    match (formula, tensors) {
        (Formula::Strided { .. }, [own @ .., _]) | (Formula::Vera, [_, _, own @ ..]) => own,
        _ => tensors,
    }
}

/// The update as two tall factors, whatever its form; `None` where it has none that are thin.
pub fn as_pair(made: Made) -> Option<Pair> {
    match made {
        Made::Pair(pair) => Some(pair),
        Made::Kron([a, b]) => Some(pair([products::kron_of(&a.left, &b.left), products::kron_of(&a.right, &b.right)])),
        Made::Dense(_) | Made::NotFinite { .. } => None,
    }
}

/// A ΔW that is known whole: with a short side, L·Rᵀ of which one factor is the identity.
pub fn of_dense(dense: Dense) -> Made {
    let (rows, cols) = (dense.rows, dense.cols);
    if rows.min(cols) as u64 > WHOLE {
        return Made::Dense(dense);
    }
    let (short, numbers) = if cols <= rows { (cols, dense.raw(false)) } else { (rows, dense.raw(true)) };
    let identity = tall(DMatrix::identity(short, short));
    Made::Pair(if cols <= rows {
        Pair { left: numbers, right: identity }
    } else {
        Pair { left: identity, right: numbers }
    })
}

fn pair([left, right]: Factors) -> Pair {
    Pair { left: tall(left), right: tall(right) }
}

/// A matrix as a backend takes it: in f32, or in f64 where f32 has no room for its numbers.
pub(crate) fn tall(matrix: DMatrix<f64>) -> Rc<RawTall> {
    let magnitudes = || matrix.iter().map(|x| x.abs()).filter(|&x| x > 0.0);
    let fits = magnitudes().all(|x| (1e-30..1e37).contains(&x));
    let (dtype, bytes) = if fits {
        (FactorType::F32, matrix.transpose().iter().flat_map(|&x| (x as f32).to_le_bytes()).collect())
    } else {
        (FactorType::F64, matrix.transpose().iter().flat_map(|&x| x.to_le_bytes()).collect())
    };
    Rc::new(RawTall { rows: matrix.nrows() as u32, cols: matrix.ncols() as u32, transposed: false, dtype, bytes })
}

/// The tensors of a Kronecker product's half, by how it is stored.
fn count(stored: Stored) -> usize {
    match stored {
        Stored::Whole => 1,
        Stored::Product => 2,
        Stored::Tucker => 3,
    }
}

/// Evaluates the direction of a DoRA, or any update that needs no base, whole: `m × n`, row by row in f64.
pub(crate) fn whole(update: &Update, shape: [u64; 2], tensors: &[Array<'_>]) -> Option<Dense> {
    let rows_of = |[left, right]: Factors| Dense::of_factors(&left, &right);
    match update {
        Update::Pair { left, right } => {
            let [l, r] = tensors else { return None };
            let side = |array: &Array<'_>, factor: &lorascope_format::adapter::Factor| {
                array.tall(factor.rows as usize, factor.cols as usize, factor.transposed)
            };
            Some(rows_of([side(l, left), side(r, right)]))
        }
        Update::Recipe(recipe) => match (recipe.form, &recipe.formula) {
            (Form::Factors(_), formula) => Some(rows_of(factors::of(formula, shape, tensors)?)),
            (Form::Kron(_), Formula::Kron(stored)) => {
                let [a, b] = products::kron(*stored, tensors)?;
                let [a, b] = [a, b].map(|[l, r]| l * r.transpose());
                Some(Dense::of_matrix(&a.kronecker(&b)))
            }
            (Form::Dense, Formula::Hadamard { tucker }) => products::whole_hadamard(*tucker, tensors),
            (Form::Dense, Formula::Full | Formula::Norm) => Some(Dense::of_array(tensors.first()?, shape)),
            _ => None,
        },
    }
}
