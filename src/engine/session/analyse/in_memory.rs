//! An update that is formed whole in memory: its largest singular values, by products with thin matrices on the CPU.
//! A GPU would get the whole matrix again for every one of them.

use std::rc::Rc;

use crate::analysis::Sigma;
use crate::formula::Dense;
use crate::session::analyse::Stopped;
use crate::session::compute::backend::Chosen;
use crate::session::tiles::streamed::Streamed;
use crate::session::tiles::{Place, Tile, Weight};
use lorascope_format::bytes::ByteSource;
use lorascope_kernels::linalg::largest_values;
use lorascope_kernels::{FactorType, Pulse, RawTall};

/// Numbers of a tile: 32 MiB in f32, below every binding.
const TILE: u64 = 8 << 20;
/// Singular values that are computed of an update of full rank.
const VALUES: usize = 32;
/// Part of ‖ΔW‖² that is rounding: the thin matrices of the products are in f32, their sums in f64.
const ROUNDING: f64 = 1e-9;

/// The largest singular values of a matrix, and the energy of the others. Nothing is read of an `S`: with that of all
/// other updates, it is the same code.
///
/// # Errors
/// The person cancelled.
pub(crate) async fn largest<S: ByteSource, P: Pulse + Clone>(pulse: P, dense: Dense) -> Result<Sigma, Stopped> {
    let norm_sq = dense.norm_sq();
    if norm_sq == 0.0 {
        return Ok(Sigma::whole(vec![0.0; VALUES]));
    }
    // In units of its norm: squares neither vanish nor overflow.
    let unit = norm_sq.sqrt();
    // As the difference between zero and itself.
    let place = |dtype| Some(Place { file: 0, begin: 0, dtype });
    let places = vec![place(FactorType::Bf16), place(FactorType::F32)];
    let weight = Weight { rows: dense.rows as u64, cols: dense.cols as u64, places, most: TILE };
    let (mut chosen, cols) = (Chosen::of_cpu(pulse), dense.cols);
    let tile = |Tile { rows, .. }: &Tile| {
        let numbers = &dense.numbers[rows.start as usize * cols..rows.end as usize * cols];
        let bytes = numbers.iter().flat_map(|&x| ((f64::from(x) / unit) as f32).to_le_bytes()).collect();
        let (rows, cols) = ((rows.end - rows.start) as u32, cols as u32);
        let tile = |dtype, bytes| Rc::new(RawTall { rows, cols, transposed: false, dtype, bytes });
        [tile(FactorType::Bf16, vec![0; 2 * numbers.len()]), tile(FactorType::F32, bytes)]
    };
    let mut matrix = Streamed::<S, P>::in_memory(&mut chosen, weight, tile);
    drop(dense);
    let sigma = largest_values(&mut matrix, VALUES).await?;
    let known: f64 = sigma.iter().map(|s| s * s).sum();
    // A rest within the rounding of f32 is none.
    let rest_sq = if 1.0 - known > ROUNDING { (1.0 - known) * norm_sq } else { 0.0 };
    Ok(Sigma { values: sigma.iter().map(|s| s * unit).collect(), rest_sq, scaled: false })
}
