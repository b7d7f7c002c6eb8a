//! What the SVDs of a batch's small cores begin with, where the device is to find it for all of them at once.

use nalgebra::DMatrix;

use super::Want;
use super::spectrum::{Form, core};
use crate::compute::{ComputeError, MAX_JACOBI, Part, Primitives, timed};

/// A basis near the left singular vectors of the core of each pair; `None` for what the CPU does alone.
pub(super) async fn left_bases<P: Primitives>(
    backend: &P,
    pairs: &[[Form<P::Tall>; 2]],
    want: Want,
) -> Result<Vec<Option<DMatrix<f64>>>, ComputeError> {
    let mut bases = vec![None; pairs.len()];
    let Some(least) = backend.jacobi_from().filter(|_| want == Want::Vectors) else { return Ok(bases) };
    let is_wanted = |core: &DMatrix<f64>| {
        let n = core.ncols() as u32;
        core.is_square() && (least..=MAX_JACOBI).contains(&n) && core.iter().all(|x| x.is_finite())
    };
    let mut places = Vec::new();
    let mut matrices = Vec::new();
    for (n, forms) in pairs.iter().enumerate() {
        backend.pause().await?;
        // The right basis of the transposed core.
        if let Some(core) = core(forms).filter(is_wanted) {
            places.push(n);
            matrices.push(core.transpose());
        }
    }
    if !matrices.is_empty() {
        let found = timed(backend.pulse(), Part::Compute, backend.jacobi(&matrices)).await?;
        for (n, basis) in places.into_iter().zip(found) {
            bases[n] = Some(basis);
        }
    }
    Ok(bases)
}
