//! From modules to matrices in memory: tensors are read in few, large ranges.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::formula::{self, Array, Made, WHOLE, as_pair};
use crate::session::compute::schedule::{Bytes, Read};
use lorascope_format::adapter::scale::Resolved;
use lorascope_format::adapter::{Factor, Form, Module, Update};
use lorascope_format::bytes::{ByteSource, SourceError};
use lorascope_format::container::TensorEntry;
use lorascope_kernels::linalg::Pair;
use lorascope_kernels::plan::{Cost, MAX_NUMBERS, MAX_RANK};
use lorascope_kernels::{FactorType, RawTall};

/// Bytes read at once, at most, unless one tensor is larger.
const MAX_RANGE: u64 = 32 << 20;
/// A gap this small is cheaper read than skipped.
const MAX_GAP: u64 = 64 << 10;

/// How a module is computed, and what it asks of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As two tall factors, or as those of a Kronecker product's halves.
    Thin(Cost),
    /// As a whole matrix of this many numbers.
    Whole(u64),
    /// Not without the base model's weight.
    OfBase,
    TooLarge,
}

/// How the singular values of a module are had from the file alone.
pub fn way(module: &Module) -> Way {
    let Some(update) = module.update.alone() else { return Way::OfBase };
    let cost = match update {
        Update::Pair { left, right } => stored(left).zip(stored(right)).map(|(l, r)| Cost::module(l, r)),
        Update::Recipe(recipe) => match recipe.form {
            Form::Factors(width) => of_pair(module.shape, width),
            Form::Kron([a, b]) => of_pair(a.shape, a.width).zip(of_pair(b.shape, b.width)).map(|(a, b)| a.plus(b)),
            Form::Dense => return of_whole(module.shape),
            Form::OfBase => return Way::OfBase,
        },
    };
    cost.map_or(Way::TooLarge, Way::Thin)
}

/// A whole matrix: with a short side it is a pair of factors, one of them the identity.
pub fn of_whole([rows, cols]: [u64; 2]) -> Way {
    let short = rows.min(cols);
    match rows.checked_mul(cols) {
        Some(_) if short <= WHOLE => of_pair([rows, cols], short).map_or(Way::TooLarge, Way::Thin),
        Some(numbers) if numbers <= MAX_NUMBERS => Way::Whole(numbers),
        _ => Way::TooLarge,
    }
}

/// The cost of a module as one pair of factors, which is what alignment and projection take; `None` where it has none.
pub fn cost(module: &Module) -> Option<Cost> {
    match module.update.alone()? {
        Update::Pair { left, right } => Some(Cost::module(stored(left)?, stored(right)?)),
        update @ Update::Recipe(_) => match (update.width(), way(module)) {
            (Some(width), _) => of_pair(module.shape, width),
            (None, Way::Thin(cost)) => Some(cost),
            _ => None,
        },
    }
}

fn stored(factor: &Factor) -> Option<Cost> {
    let dtype = crate::factor_type::of_tensor(&factor.tensor.dtype)?;
    let numbers = factor.rows.checked_mul(factor.cols)?;
    let whole = numbers.checked_mul(dtype.size() as u64)? == factor.tensor.byte_len();
    (whole && numbers <= MAX_NUMBERS && factor.cols <= MAX_RANK)
        .then(|| Cost::of(factor.rows, factor.cols, dtype.size() as u64))
}

fn of_pair([rows, cols]: [u64; 2], width: u64) -> Option<Cost> {
    let of = |side: u64| {
        let numbers = side.checked_mul(width)?;
        (numbers <= MAX_NUMBERS && width <= MAX_RANK).then(|| Cost::of(side, width, 4))
    };
    Some(Cost::module(of(rows)?, of(cols)?))
}

/// Modules of one file, for a task: where the parts of the file that hold their tensors begin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OfFile {
    pub modules: Vec<Module>,
    begins: Vec<u64>,
}

impl OfFile {
    /// The modules, and what has to be read for them.
    pub(crate) fn new<'a, S>(source: &'a S, modules: impl IntoIterator<Item = &'a Module>) -> (Self, Vec<Read<'a, S>>) {
        let modules: Vec<Module> = modules.into_iter().cloned().collect();
        let ranges = ranges(&modules.iter().collect::<Vec<_>>());
        let begins = ranges.iter().map(|range| range.start).collect();
        (Self { modules, begins }, ranges.into_iter().map(|range| (source, range)).collect())
    }

    /// Takes its parts, which are the next ones.
    pub(crate) fn tensors(&self, parts: &mut impl Iterator<Item = Box<dyn Bytes>>) -> Tensors {
        Tensors { chunks: self.begins.iter().copied().zip(parts).collect() }
    }

    /// Every module as one pair of factors.
    pub(crate) fn pairs(&self, parts: &mut impl Iterator<Item = Box<dyn Bytes>>) -> Vec<Pair> {
        let tensors = self.tensors(parts);
        self.modules.iter().map(|module| tensors.pair(module)).collect()
    }
}

/// A module of one of several files: the file's number, and its own there.
pub(crate) type Node = (usize, usize);

/// Modules of several files, for a task: by file, with what has to be read for them and each one's place there.
pub(crate) fn gathered<'a, S: 'a>(
    nodes: impl IntoIterator<Item = Node>,
    of_file: impl Fn(usize) -> (&'a S, &'a [Module]),
) -> (Vec<OfFile>, Vec<Read<'a, S>>, HashMap<Node, Node>) {
    let nodes: Vec<Node> = nodes.into_iter().collect::<BTreeSet<Node>>().into_iter().collect();
    let (mut files, mut reads, mut places) = (Vec::new(), Vec::new(), HashMap::new());
    for of_one in nodes.chunk_by(|a, b| a.0 == b.0) {
        let (source, modules) = of_file(of_one[0].0);
        places.extend(of_one.iter().enumerate().map(|(place, &node)| (node, (files.len(), place))));
        let (of, own) = OfFile::new(source, of_one.iter().map(|&(_, n)| &modules[n]));
        files.push(of);
        reads.extend(own);
    }
    (files, reads, places)
}

/// The bytes of some modules' tensors, and of the numbers that give their scales.
pub struct Tensors {
    chunks: Vec<(u64, Box<dyn Bytes>)>,
}

/// The ranges of the file that hold all tensors of modules, in order.
pub(crate) fn ranges(modules: &[&Module]) -> Vec<Range<u64>> {
    let stored = modules.iter().filter_map(|m| m.stored_scale.as_ref()).map(|scale| &scale.tensor);
    let tensors = modules.iter().flat_map(|m| m.update.tensors()).chain(stored);
    let mut wanted: Vec<Range<u64>> = tensors.map(|tensor| tensor.begin..tensor.end).collect();
    wanted.sort_by_key(|range| range.start);
    coalesce(&wanted)
}

/// Reads the scale that the file stores for a module, and nothing else.
///
/// # Errors
/// The file could not be read.
pub async fn read_scale<S: ByteSource>(source: &S, module: &Module) -> Result<Option<Resolved>, SourceError> {
    let Some(stored) = &module.stored_scale else { return Ok(None) };
    let bytes = source.read(stored.tensor.begin..stored.tensor.end).await?;
    Ok(Some(stored.resolve(&bytes)))
}

/// A pair of no update at all.
fn nothing() -> Pair {
    let none = || Rc::new(RawTall { rows: 0, cols: 0, transposed: false, dtype: FactorType::F32, bytes: Vec::new() });
    Pair { left: none(), right: none() }
}

impl Tensors {
    /// The bytes of a tensor that was asked for.
    pub fn bytes(&self, tensor: &TensorEntry) -> Vec<u8> {
        // Chunks are sorted, each with the offset at which it begins.
        let at = self.chunks.partition_point(|(begin, _)| *begin <= tensor.begin).saturating_sub(1);
        let copied = |(begin, bytes): &(u64, Box<dyn Bytes>)| {
            let place = usize::try_from(tensor.begin.checked_sub(*begin)?).ok()?;
            bytes.copy(place, usize::try_from(tensor.byte_len()).ok()?)
        };
        self.chunks.get(at).and_then(copied).unwrap_or_default()
    }

    /// The tensors of an update.
    pub fn arrays<'a>(&self, update: &'a Update) -> Vec<Array<'a>> {
        update.tensors().into_iter().map(|tensor| Array::new(tensor, self.bytes(tensor))).collect()
    }

    /// A module as one pair of factors; of those that have a [`cost`] there is one.
    pub fn pair(&self, module: &Module) -> Pair {
        self.made(module).and_then(as_pair).unwrap_or_else(nothing)
    }

    /// What of a module can be had without the base model.
    pub fn made(&self, module: &Module) -> Option<Made> {
        match module.update.alone()? {
            Update::Pair { left, right } => Some(Made::Pair(Pair { left: self.raw(left), right: self.raw(right) })),
            update @ Update::Recipe(recipe) => formula::make(recipe, module.shape, &self.arrays(update)),
        }
    }

    /// The scale that the file stores for a module.
    pub fn stored(&self, module: &Module) -> Option<Vec<u8>> {
        module.stored_scale.as_ref().map(|stored| self.bytes(&stored.tensor))
    }

    fn raw(&self, factor: &Factor) -> Rc<RawTall> {
        Rc::new(RawTall {
            rows: factor.rows as u32,
            cols: factor.cols as u32,
            transposed: factor.transposed,
            dtype: crate::factor_type::of_tensor(&factor.tensor.dtype).unwrap_or(FactorType::F32),
            bytes: self.bytes(&factor.tensor),
        })
    }
}

/// Sorted ranges, joined where they nearly touch.
pub(crate) fn coalesce(sorted: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match joined.last_mut() {
            // Modules may share a tensor: VeRA's projections, or the lora_B of a mixture's experts.
            Some(last) if last.start <= range.start && range.end <= last.end => {}
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
        let shared = 8..8 + 2 * MAX_RANGE;
        assert_eq!(
            coalesce(&[shared.clone(), shared.clone(), 8..8]),
            [shared],
            "a tensor that modules share is read once"
        );
        assert_eq!(coalesce(&[0..2 * MAX_RANGE, 2 * MAX_RANGE..2 * MAX_RANGE + 1]).len(), 2);
    }
}
