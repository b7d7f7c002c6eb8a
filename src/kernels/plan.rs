//! How modules are grouped into batches: as many as fit one buffer binding at WebGPU's default limits, and as
//! much work as one dispatch may hold without a watchdog taking notice.
//!
//! What a batch holds in memory follows from its cost, whatever the adapter's size: on the GPU at most
//! [`Cost::on_gpu`], 496 MiB for a full batch of [`Aim::GPU`] and 118 MiB for one of [`Aim::SOFTWARE`]; beside it the
//! tensors of this batch and of those that are read ahead. On the CPU it is a batch of [`Aim::CPU`] and one module at a time in
//! f64. A module over the aim is alone in its batch, and a binding's 128 MiB are the most that a GPU is given of it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{SLAB, TILE};
use crate::Counts;

/// WebGPU's default limit of one binding, in bytes: no batch can hold more.
const BINDING: u64 = 128 << 20;
/// Numbers of the largest factor: the f64 fall-back of one takes 512 MiB, twice over, which a browser tab still gives.
pub const MAX_NUMBERS: u64 = 64 << 20;
/// The largest rank: the r×r algebra takes r³, seconds there and hours beyond, and no cancel is heard meanwhile.
pub const MAX_RANK: u64 = 1024;

/// How much work a batch should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim {
    /// Bytes of factors.
    pub bytes: u64,
    /// 32-bit words of any one result.
    pub words: u64,
    /// Multiplications of one `gram`.
    pub products: u64,
}

impl Aim {
    /// Half of a binding for results, so that two fit in flight; a tenth of a second on a GPU of 100 GFLOP/s.
    pub const GPU: Self = Self { bytes: 48 << 20, words: 16 << 20, products: 4_000_000_000 };
    /// A GPU that is the CPU in disguise: a tenth of a second there is little.
    pub const SOFTWARE: Self = Self { bytes: 6 << 20, words: 4 << 20, products: 100_000_000 };
    /// What one worker of several takes at a time: enough for a read at full speed, and a fraction of an adapter, so
    /// that all workers end together.
    pub const WORKER: Self = Self { bytes: 8 << 20, words: u64::MAX, products: 1_000_000_000 };
    /// Small batches: progress shows and a cancel is soon heard.
    pub const CPU: Self = Self { bytes: 4 << 20, words: u64::MAX, products: 200_000_000 };
}

/// What a module asks of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Bytes of both factors.
    pub bytes: u64,
    /// Words of the larger of the results of `gram` and `apply`.
    pub words: u64,
    /// Multiplications of one `gram`.
    pub products: u64,
}

impl Cost {
    /// The cost of a tall factor, `rows × cols` of `size` bytes each.
    pub fn of(rows: u64, cols: u64, size: u64) -> Self {
        let (slab, tile) = (u64::from(SLAB), u64::from(TILE));
        let tiles = cols.div_ceil(tile);
        let pairs = tiles.saturating_mul(tiles + 1) / 2;
        let gram = rows.div_ceil(slab).saturating_mul(pairs).saturating_mul(tile * tile);
        let numbers = rows.saturating_mul(cols);
        Self {
            bytes: numbers.saturating_mul(size).checked_next_multiple_of(4).unwrap_or(u64::MAX),
            words: gram.max(numbers),
            products: numbers.saturating_mul(cols),
        }
    }

    /// The cost of both in one batch.
    pub fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            words: self.words.saturating_add(other.words),
            products: self.products.saturating_add(other.products),
        }
    }

    /// What the products of two updates' directions add: UₐᵀU_b and VₐᵀV_b, p and q columns over these rows.
    pub fn cross([out, inn]: [u64; 2], [p, q]: [u64; 2]) -> Self {
        let products = out.saturating_add(inn).saturating_mul(p).saturating_mul(q);
        Self { bytes: 0, words: cross_words(out, p, q).saturating_add(cross_words(inn, p, q)), products }
    }

    /// The cost where a result of this many numbers, in f32, is held beside.
    pub fn with_result(self, numbers: u64) -> Self {
        let bytes = self.bytes.saturating_add(numbers.saturating_mul(4));
        Self { bytes, words: self.words.max(numbers), ..self }
    }

    /// The cost of a module with these two factors.
    pub fn module(left: Self, right: Self) -> Self {
        left.plus(right)
    }

    /// Bytes of GPU buffers that a job of this cost has alive at once, at most: the factors; the bases of three passes
    /// and two more results, one of which is a result's copy for the readback; and the same again for all that tells
    /// the kernels what to do.
    pub fn on_gpu(self) -> u64 {
        let results = 7u64.saturating_mul(4).saturating_mul(self.words);
        self.bytes.saturating_add(results)
    }

    /// Whether a GPU batch can hold it at all.
    pub fn fits(self) -> bool {
        self.bytes <= BINDING && self.words.saturating_mul(4) <= BINDING
    }

    fn is_within(self, aim: Aim) -> bool {
        self.bytes <= aim.bytes && self.words <= aim.words && self.products <= aim.products
    }
}

/// Words that `cross` writes for XᵀY, m × p and m × q: one tile per pair of tiles and slab.
pub fn cross_words(rows: u64, p: u64, q: u64) -> u64 {
    let (slab, tile) = (u64::from(SLAB), u64::from(TILE));
    let tiles = p.div_ceil(tile).saturating_mul(q.div_ceil(tile));
    rows.div_ceil(slab).saturating_mul(tiles).saturating_mul(tile * tile)
}

/// Modules `0..costs.len()`, in order, cut into batches. A module over the aim is alone in one.
pub fn batches(costs: &[Cost], aim: Aim) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let mut begin = 0;
    let mut sum = Cost::default();
    for (n, &cost) in costs.iter().enumerate() {
        let grown = sum.plus(cost);
        if n > begin && !grown.is_within(aim) {
            batches.push(begin..n);
            begin = n;
            sum = cost;
        } else {
            sum = grown;
        }
    }
    if begin < costs.len() {
        batches.push(begin..costs.len());
    }
    batches
}

/// What the GPU does for the singular values of one batch that takes `passes` Gram passes: one scan, a Gram
/// matrix per pass, an apply between two passes; the scan and every Gram matrix are read back.
pub fn work(passes: u64) -> Counts {
    Counts { dispatches: 1 + passes + passes.saturating_sub(1), readbacks: 1 + passes, ..Counts::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_is_in_one_batch_and_every_batch_fits() {
        // The shapes of Llama 3.1 8B, rank 16, bf16.
        let shapes =
            [(4096, 4096), (1024, 4096), (1024, 4096), (4096, 4096), (14336, 4096), (14336, 4096), (4096, 14336)];
        let costs: Vec<Cost> = (0..224)
            .map(|n| shapes[n % 7])
            .map(|(out, inn)| Cost::module(Cost::of(out, 16, 2), Cost::of(inn, 16, 2)))
            .collect();
        let batches = batches(&costs, Aim::GPU);
        assert_eq!(batches.iter().flat_map(Range::clone).collect::<Vec<_>>(), (0..224).collect::<Vec<_>>());
        assert!(batches.len() > 1 && batches.len() < 8, "{batches:?}");
        for batch in &batches {
            let sum = costs[batch.clone()].iter().copied().fold(Cost::default(), Cost::plus);
            assert!(sum.is_within(Aim::GPU) && sum.fits());
        }
    }

    #[test]
    fn a_module_over_the_aim_is_alone() {
        let small = Cost::module(Cost::of(64, 4, 4), Cost::of(64, 4, 4));
        let large = Cost::module(Cost::of(64_000, 256, 4), Cost::of(4096, 256, 4));
        let larger = Cost::module(Cost::of(256_000, 256, 4), Cost::of(4096, 256, 4));
        assert!(large.fits() && !larger.fits());
        assert!(!Cost::of(u64::MAX, u64::MAX, 8).fits());
        assert_eq!(batches(&[small, large, small, larger], Aim::GPU), [0..1, 1..2, 2..3, 3..4]);
    }
}
