//! The subspaces of an adapter's modules: U, Σ and V of L·Rᵀ, for as long as their weights are being read.

use std::collections::HashMap;

use crate::session::analyse::Stopped;
use crate::session::compute::backend::Chosen;
use crate::session::compute::jobs::Spectra;
use crate::session::factors::tensors;
use lorascope_format::adapter::Module;
use lorascope_kernels::linalg::{Pair, Spectrum, Want};
use lorascope_kernels::plan::{self, Cost};
use lorascope_kernels::{Pulse, Sides};
use lorascope_protocol::ItemId;
use nalgebra::DMatrix;

/// The singular triples of L·Rᵀ, without the scale: k = the numerical rank.
#[derive(Clone, Debug)]
pub(crate) struct Basis {
    pub sigma: Vec<f64>,
    pub k: usize,
    /// U, out × k, and V, in × k, row by row.
    pub left: Vec<f32>,
    pub right: Vec<f32>,
}

/// A module: the adapter's item, and its number there.
pub(crate) type ModuleId = (ItemId, usize);
pub(crate) type Bases = HashMap<ModuleId, Basis>;

impl Basis {
    /// The rows of U and of V that lie beside a tile; exchanged where the weight is stored the other way round.
    pub fn beside(&self, rows: std::ops::Range<u64>, cols: std::ops::Range<u64>, swapped: bool) -> Sides<'_> {
        let (left, right) = if swapped { (&self.right, &self.left) } else { (&self.left, &self.right) };
        let part = |whole, range: std::ops::Range<u64>| -> &[f32] {
            let whole: &Vec<f32> = whole;
            &whole[range.start as usize * self.k..range.end as usize * self.k]
        };
        Sides { k: self.k as u32, left: part(left, rows), right: part(right, cols) }
    }
}

/// The bases of modules that have spectra, out of their factors.
pub(crate) async fn bases<P: Pulse + Clone>(
    chosen: &mut Chosen<P>,
    modules: &[Module],
    pairs: &[Pair],
) -> Result<Vec<Option<Basis>>, Stopped> {
    let cost = |module: &Module| {
        let numbers = (module.shape[0] + module.shape[1]).saturating_mul(u64::from(module.rank));
        tensors::cost(module).unwrap_or_default().with_result(numbers)
    };
    let costs: Vec<Cost> = modules.iter().map(cost).collect();
    let mut bases = Vec::with_capacity(modules.len());
    for batch in plan::batches(&costs, chosen.aim()) {
        let cost = costs[batch.clone()].iter().copied().fold(Cost::default(), Cost::plus);
        let job = Spectra { pairs: &pairs[batch], want: Want::Vectors };
        for spectrum in chosen.run(&job, cost).await? {
            let Spectrum::Found { sigma, vectors: Some((u, v)), fallback } = spectrum else {
                bases.push(None);
                continue;
            };
            chosen.count_fallbacks(u64::from(fallback));
            bases.push(Some(Basis { sigma, k: u.ncols(), left: by_rows(&u), right: by_rows(&v) }));
        }
    }
    Ok(bases)
}

/// The numbers of a matrix, row by row.
pub(crate) fn by_rows(matrix: &DMatrix<f32>) -> Vec<f32> {
    matrix.transpose().as_slice().to_vec()
}
