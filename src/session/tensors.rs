//! From modules to matrices in memory: tensors are read in few, large ranges.

use std::future::Future;
use std::ops::Range;
use std::rc::Rc;

use crate::adapter::{Factor, Module};
use crate::compute::plan::{Cost, MAX_NUMBERS, MAX_RANK};
use crate::compute::{FactorType, RawTall};
use crate::linalg::Pair;
use crate::source::{ByteSource, SourceError};

/// Bytes read at once, at most, unless one tensor is larger.
const MAX_RANGE: u64 = 32 << 20;
/// A gap this small is cheaper read than skipped.
const MAX_GAP: u64 = 64 << 10;

/// What a module asks of a batch; `None` if it cannot be computed here at all.
pub fn cost(module: &Module) -> Option<Cost> {
    let of = |factor: &Factor| {
        let dtype = FactorType::of(&factor.tensor.dtype)?;
        let bytes = factor.tensor.end - factor.tensor.begin;
        let numbers = factor.rows.checked_mul(factor.cols)?;
        let whole = numbers.checked_mul(dtype.size() as u64)? == bytes;
        (whole && numbers <= MAX_NUMBERS && factor.cols <= MAX_RANK)
            .then(|| Cost::of(factor.rows, factor.cols, dtype.size() as u64))
    };
    Some(Cost::module(of(&module.left)?, of(&module.right)?))
}

/// Begins to read the factors of modules that have a [`cost`]; what is done before the future is awaited overlaps with
/// it.
///
/// # Errors
/// The file could not be read.
pub fn read<'a, S: ByteSource>(
    source: &'a S,
    modules: &[&Module],
) -> impl Future<Output = Result<Vec<Pair>, SourceError>> + use<'a, S> {
    let factors: Vec<[Factor; 2]> = modules.iter().map(|m| [m.left.clone(), m.right.clone()]).collect();
    let mut wanted: Vec<Range<u64>> = factors.iter().flatten().map(|f| f.tensor.begin..f.tensor.end).collect();
    wanted.sort_by_key(|range| range.start);
    let started: Vec<_> = coalesce(&wanted).into_iter().map(|range| (range.start, source.read(range))).collect();
    async move {
        let mut chunks = Vec::with_capacity(started.len());
        for (begin, reading) in started {
            chunks.push((begin, reading.await?));
        }
        Ok(factors.iter().map(|[left, right]| Pair { left: raw(&chunks, left), right: raw(&chunks, right) }).collect())
    }
}

/// A factor out of the sorted chunks that were read, each with the offset at which it begins.
fn raw(chunks: &[(u64, Vec<u8>)], factor: &Factor) -> Rc<RawTall> {
    let at = chunks.partition_point(|(begin, _)| *begin <= factor.tensor.begin).saturating_sub(1);
    let (begin, bytes) = &chunks[at];
    let place = (factor.tensor.begin - begin) as usize;
    let len = (factor.tensor.end - factor.tensor.begin) as usize;
    Rc::new(RawTall {
        rows: factor.rows as u32,
        cols: factor.cols as u32,
        transposed: factor.transposed,
        dtype: FactorType::of(&factor.tensor.dtype).unwrap_or(FactorType::F32),
        bytes: bytes[place..place + len].to_vec(),
    })
}

/// Sorted ranges, joined where they nearly touch.
pub(super) fn coalesce(sorted: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match joined.last_mut() {
            Some(last) if range.start <= last.end + MAX_GAP && range.end.max(last.end) - last.start <= MAX_RANGE => {
                last.end = last.end.max(range.end);
            }
            _ => joined.push(range.clone()),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_read_together_and_large_tensors_alone() {
        let ranges =
            [0..10, 10..20, 30..40, MAX_RANGE - 5..MAX_RANGE, MAX_RANGE..MAX_RANGE + 1, 1 << 40..(1 << 40) + 7];
        let joined = coalesce(&ranges);
        assert_eq!(joined, [0..40, MAX_RANGE - 5..MAX_RANGE + 1, 1 << 40..(1 << 40) + 7]);
        assert_eq!(coalesce(&[0..2 * MAX_RANGE, 2 * MAX_RANGE..2 * MAX_RANGE + 1]).len(), 2);
    }
}
