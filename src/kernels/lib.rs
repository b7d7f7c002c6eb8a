//! The primitives, each a WGSL kernel and its CPU twin of the same name, over batches of tall matrices.
//!
//! | primitive | computes | result |
//! |---|---|---|
//! | `scan`  | per column: the largest \|x\| by its bits, the count of not-finite values | to the CPU |
//! | `gram`  | (X·S)ᵀ(X·S), S diagonal, by slabs of [`SLAB`] rows | to the CPU, in f64 |
//! | `apply` | X·W | stays on the device, in f32 |
//! | `cross` | XᵀY of two matrices of the same rows, by slabs of [`SLAB`] rows | to the CPU, in f64 |
//! | `resize` | other rows: cropped, padded with zeros, or linear between neighbours | stays on the device, in f32 |
//! | `align` | UᵀXV, ‖X‖² and ‖W‖² of an update X = W' − W, in one pass over both states | to the CPU, summed in f64 |
//! | `multiply` | X·W or Xᵀ·W of such an update | to the CPU, in f64 |
//! | `residual` | ‖X − L·Rᵀ‖² | to the CPU, summed in f64 |
//!
//! A kernel looks at nothing but [`TallView`]s and tasks, so one dispatch serves matrices of any mixture of
//! shapes, orders and dtypes. The r×r algebra between the primitives is [`linalg`]'s.
//!
//! Nothing here knows of adapters or files.

use std::fmt;
use std::future::Future;
use std::rc::Rc;

use nalgebra::DMatrix;

mod change;
pub mod check;
mod counts;
pub mod cpu;
pub mod decode;
pub mod gpu;
mod kernel;
pub mod linalg;
pub mod plan;
mod pulse;
mod resize;
mod view;

pub use change::{Aligned, Change, Residual, Side, Sides};
pub use check::Difference;
pub use counts::Counts;
pub use decode::FactorType;
pub use kernel::Kernel;
pub use pulse::{Part, Pulse, Spent, Steady, timed};
pub use resize::Resize;
pub use view::TallView;

/// Rows that one workgroup of `gram`, `cross` and `scan` sums before the CPU takes over in f64.
pub const SLAB: u32 = 256;
/// Width of the square tiles in which kernels compute their results.
pub const TILE: u32 = 16;

/// A tall matrix as a file stores it: `rows × cols` numbers, row by row, or column by column if `transposed`.
#[derive(Clone)]
pub struct RawTall {
    pub rows: u32,
    pub cols: u32,
    pub transposed: bool,
    pub dtype: FactorType,
    /// rows·cols numbers, little-endian, of any alignment.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for RawTall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawTall({}×{} {:?}, transposed: {})", self.rows, self.cols, self.dtype, self.transposed)
    }
}

/// What `scan` saw in one matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Per column: the bits of the largest finite \|x\|, as f32.
    pub max_bits: Vec<u32>,
    /// NaNs and infinities in the whole matrix.
    pub not_finite: u64,
}

impl Scan {
    /// The largest finite \|x\| of column `col`.
    pub fn max(&self, col: usize) -> f32 {
        f32::from_bits(self.max_bits[col])
    }
}

/// Why a batch could not be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ComputeError {
    #[error("the GPU device was lost ({0})")]
    DeviceLost(String),
    #[error("the GPU refused the work ({0})")]
    Gpu(String),
    #[error("the kernels do not compile ({0})")]
    Kernel(String),
    /// Less work at once may pass.
    #[error("the GPU has too little memory ({0})")]
    OutOfMemory(String),
    /// The GPU cannot be believed: what it has given so far may be wrong too.
    #[error("the GPU computes wrongly: {0}")]
    Wrong(Difference),
    #[error("cancelled")]
    Cancelled,
}

/// A backend. Every method answers for all matrices of the call, in order.
pub trait Primitives {
    /// A tall matrix where the backend keeps it.
    type Tall;

    /// Whether `gram` is good to f64 precision, so that singular values need one pass only.
    const GRAM_IN_F64: bool;

    fn upload(&self, matrices: &[Rc<RawTall>]) -> impl Future<Output = Result<Vec<Self::Tall>, ComputeError>>;

    fn scan(&self, matrices: &[&Self::Tall]) -> impl Future<Output = Result<Vec<Scan>, ComputeError>>;

    /// `scales[i]` has one factor per column of `matrices[i]`; a 0 leaves the column out (a zero row and column).
    fn gram(
        &self,
        matrices: &[&Self::Tall],
        scales: &[Vec<f32>],
    ) -> impl Future<Output = Result<Vec<DMatrix<f64>>, ComputeError>>;

    /// `weights[i]` is cols × k for `matrices[i]`; the results are rows × k.
    fn apply(
        &self,
        matrices: &[&Self::Tall],
        weights: &[DMatrix<f64>],
    ) -> impl Future<Output = Result<Vec<Self::Tall>, ComputeError>>;

    /// XᵀY (p × q) of each \[X, Y\], m × p and m × q. A GPU takes products below 1e-38 for zeros: columns of a length
    /// near 1 lose nothing.
    fn cross(&self, pairs: &[[&Self::Tall; 2]]) -> impl Future<Output = Result<Vec<DMatrix<f64>>, ComputeError>>;

    /// `to[i]` says which rows `matrices[i]` gets; columns stay.
    fn resize(
        &self,
        matrices: &[&Self::Tall],
        to: &[Resize],
    ) -> impl Future<Output = Result<Vec<Self::Tall>, ComputeError>>;

    /// `sides[i]` are the bases beside `changes[i]`, of orthonormal columns. See [`Aligned::is_in_range`].
    fn align(
        &self,
        changes: &[Change<'_, Self::Tall>],
        sides: &[Sides<'_>],
    ) -> impl Future<Output = Result<Vec<Aligned>, ComputeError>>;

    /// `weights[i]` is the thin matrix W for `changes[i]`, row by row, `k` columns. Whether the states are finite is
    /// for `align` to say; a result is not finite where a GPU's range is left, and on the CPU where a state is not.
    fn multiply(
        &self,
        changes: &[Change<'_, Self::Tall>],
        side: Side,
        weights: &[&[f32]],
        k: u32,
    ) -> impl Future<Output = Result<Vec<DMatrix<f64>>, ComputeError>>;

    /// `sides[i]` are the factors L and R of the approximation of `changes[i]`; not finite as with `multiply`.
    fn residual(
        &self,
        changes: &[Change<'_, Self::Tall>],
        sides: &[Sides<'_>],
    ) -> impl Future<Output = Result<Vec<Residual>, ComputeError>>;

    fn read(&self, matrices: &[&Self::Tall]) -> impl Future<Output = Result<Vec<DMatrix<f32>>, ComputeError>>;

    /// Lets the caller's event loop run and asks it whether to go on. Called between pieces of CPU work.
    fn pause(&self) -> impl Future<Output = Result<(), ComputeError>>;

    /// The caller's event loop and clock.
    fn pulse(&self) -> &impl Pulse;

    /// What has been dispatched, uploaded and read back so far.
    fn counts(&self) -> Counts;
}
