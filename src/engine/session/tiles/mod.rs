//! Weight matrices that are larger than memory: cut into tiles, the tiles into batches, each batch read in few large
//! ranges from every checkpoint of the series.

pub(crate) mod jobs;
pub(crate) mod streamed;

use std::ops::Range;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::session::compute::schedule::Bytes;
use crate::session::factors::tensors::coalesce;
use lorascope_kernels::{FactorType, RawTall};

/// Bytes of one batch of tiles over all checkpoints. Two more are being read while one is computed, each of them twice
/// for a moment, and a GPU holds a copy: an alignment takes about six times this.
pub(crate) const BUDGET: u64 = 32 << 20;

/// A weight matrix (rows × cols, stored row by row) in every state of a series that has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Weight {
    pub rows: u64,
    pub cols: u64,
    /// By the states of the series.
    pub places: Vec<Option<Place>>,
    /// Numbers of one tile, at most: the work on one is one dispatch.
    pub most: u64,
}

/// Where a state keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Place {
    pub file: usize,
    pub begin: u64,
    pub dtype: FactorType,
}

/// Neighbouring bytes of a weight: whole rows, or a part of one row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tile {
    /// Index of the weight.
    pub weight: usize,
    pub rows: Range<u64>,
    pub cols: Range<u64>,
}

impl Weight {
    /// Bytes of one element in all states together.
    fn size(&self) -> u64 {
        self.places.iter().flatten().map(|place| place.dtype.size() as u64).sum()
    }
}

impl Tile {
    fn numbers(&self) -> u64 {
        (self.rows.end - self.rows.start) * (self.cols.end - self.cols.start)
    }

    /// Bytes of the tile in all states together.
    pub fn bytes(&self, weights: &[Weight]) -> u64 {
        self.numbers() * weights[self.weight].size()
    }

    /// Its bytes in the file of one state.
    fn range(&self, weight: &Weight, place: &Place) -> Range<u64> {
        let size = place.dtype.size() as u64;
        let begin = place.begin + (self.rows.start * weight.cols + self.cols.start) * size;
        begin..begin + self.numbers() * size
    }
}

/// All weights, in order, cut into tiles; each batch takes at most `budget` bytes in memory.
pub(crate) fn batches(weights: &[Weight], budget: u64) -> Vec<Vec<Tile>> {
    let mut batches: Vec<Vec<Tile>> = Vec::new();
    let mut room = 0;
    for (n, weight) in weights.iter().enumerate() {
        let most = (budget / weight.size().max(1)).min(weight.most).max(1);
        for tile in cut(n, weight, most) {
            let bytes = tile.bytes(weights);
            match batches.last_mut() {
                Some(batch) if bytes <= room => batch.push(tile),
                _ => {
                    batches.push(vec![tile]);
                    room = budget;
                }
            }
            room = room.saturating_sub(bytes);
        }
    }
    batches
}

fn cut(weight: usize, Weight { rows, cols, .. }: &Weight, most: u64) -> Vec<Tile> {
    let pieces = |len: u64, step: u64| (0..len).step_by(step as usize).map(move |at| at..(at + step).min(len));
    if *cols <= most {
        // A tall matrix is numbered in 32 bits.
        let step = (most / (*cols).max(1)).min(u64::from(u32::MAX / 2));
        return pieces(*rows, step).map(|rows| Tile { weight, rows, cols: 0..*cols }).collect();
    }
    let parts = move |row| pieces(*cols, most).map(move |cols| Tile { weight, rows: row..row + 1, cols });
    (0..*rows).flat_map(parts).collect()
}

/// A range of a file that is read: one part of what a task is given.
pub(crate) struct Wanted {
    pub state: usize,
    pub file: usize,
    pub range: Range<u64>,
}

/// A tile of one state in the parts that were read.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct InPart {
    part: usize,
    begin: usize,
    rows: u32,
    cols: u32,
    dtype: FactorType,
    /// The part is this tile and nothing else.
    is_whole: bool,
}

/// What has to be read for a batch, in few large ranges.
pub(crate) fn wanted(states: usize, weights: &[Weight], batch: &[Tile]) -> Vec<Wanted> {
    let mut all = Vec::new();
    for state in 0..states {
        let mut ranges: Vec<(usize, Range<u64>)> = batch
            .iter()
            .filter_map(|tile| {
                let weight = &weights[tile.weight];
                let place = weight.places[state].as_ref()?;
                Some((place.file, tile.range(weight, place)))
            })
            .collect();
        ranges.sort_by_key(|(file, range)| (*file, range.start));
        for of_file in ranges.chunk_by(|a, b| a.0 == b.0) {
            let sorted: Vec<Range<u64>> = of_file.iter().map(|(_, range)| range.clone()).collect();
            all.extend(coalesce(&sorted).into_iter().map(|range| Wanted { state, file: of_file[0].0, range }));
        }
    }
    all
}

/// Where the tiles of a batch lie in what is wanted: `[tile][state]`.
pub(crate) fn laid(weights: &[Weight], batch: &[Tile], wanted: &[Wanted]) -> Vec<Vec<Option<InPart>>> {
    let mut uses = vec![0usize; wanted.len()];
    let mut of_tile = |tile: &Tile| {
        let weight = &weights[tile.weight];
        let of_state = |(state, place): (usize, &Option<Place>)| {
            let place = place.as_ref()?;
            let range = tile.range(weight, place);
            let holds = |wanted: &Wanted| {
                (wanted.state, wanted.file) == (state, place.file)
                    && wanted.range.start <= range.start
                    && range.end <= wanted.range.end
            };
            let part = wanted.iter().position(holds)?;
            uses[part] += 1;
            let begin = (range.start - wanted[part].range.start) as usize;
            let (rows, cols) = ((tile.rows.end - tile.rows.start) as u32, (tile.cols.end - tile.cols.start) as u32);
            Some(InPart { part, begin, rows, cols, dtype: place.dtype, is_whole: range == wanted[part].range })
        };
        weight.places.iter().enumerate().map(of_state).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = batch.iter().map(&mut of_tile).collect();
    all.iter_mut().flatten().flatten().for_each(|tile| tile.is_whole &= uses[tile.part] == 1);
    all
}

/// Cuts a tile out of the parts, one that is a whole part without a copy. `None` where they do not have it.
pub(crate) fn cut_out(tile: &InPart, parts: &mut [Box<dyn Bytes>]) -> Option<Rc<RawTall>> {
    let &InPart { part, begin, rows, cols, dtype, is_whole } = tile;
    let len = (rows as usize).checked_mul(cols as usize)?.checked_mul(dtype.size())?;
    let part = parts.get_mut(part)?;
    let bytes = if is_whole { part.take() } else { part.copy(begin, len)? };
    let (dtype, bytes) = widened(dtype, bytes);
    let raw = RawTall { rows, cols, transposed: false, dtype, bytes };
    raw.is_whole().then(|| Rc::new(raw))
}

/// F8 as F16, exactly: one byte a number does not pay for kernels of its own.
fn widened(dtype: FactorType, bytes: Vec<u8>) -> (FactorType, Vec<u8>) {
    if !matches!(dtype, FactorType::F8E4m3 | FactorType::F8E5m2) {
        return (dtype, bytes);
    }
    let table: Vec<[u8; 2]> =
        (0..=u8::MAX).map(|byte| half::f16::from_f64(dtype.decode(&[byte], 0)).to_le_bytes()).collect();
    (FactorType::F16, bytes.iter().flat_map(|&byte| table[usize::from(byte)]).collect())
}

#[cfg(all(test, not(target_arch = "wasm32")))] // the futures are run by pollster, which is native
mod tests {
    use super::*;
    use crate::session::compute::schedule::read;
    use lorascope_format::bytes::MemorySource;

    fn weight(rows: u64, cols: u64, begins: &[u64]) -> Weight {
        let place = |&begin: &u64| Some(Place { file: 0, begin, dtype: FactorType::Bf16 });
        Weight { rows, cols, places: begins.iter().map(place).collect(), most: u64::MAX }
    }

    #[test]
    fn tiles_cover_every_number_once_and_batches_keep_the_budget() {
        let mut weights = vec![weight(5, 8, &[0, 0]), weight(1000, 30, &[80, 80]), weight(2, 5000, &[60_080, 60_080])];
        weights[1].most = 299;
        for budget in [64, 1000, 4096, 1 << 20] {
            let batches = batches(&weights, budget);
            let mut seen = vec![0u32; 5 * 8 + 1000 * 30 + 2 * 5000];
            let first = [0, 40, 30_040];
            for batch in &batches {
                assert!(batch.iter().map(|tile| tile.bytes(&weights)).sum::<u64>() <= budget);
                for tile in batch {
                    assert!(tile.numbers() <= weights[tile.weight].most);
                    for row in tile.rows.clone() {
                        for col in tile.cols.clone() {
                            seen[first[tile.weight] + (row * weights[tile.weight].cols + col) as usize] += 1;
                        }
                    }
                }
            }
            assert!(seen.iter().all(|&times| times == 1), "budget {budget}");
        }
    }

    #[test]
    fn tiles_hold_the_bytes_of_their_place_in_every_state() {
        let files: Vec<Vec<MemorySource>> = [0u8, 100]
            .iter()
            .map(|&add| vec![MemorySource::new("w", (0..80).map(|n| n + add).collect::<Vec<u8>>())])
            .collect();
        let mut weights = vec![weight(3, 4, &[2, 6]), weight(2, 2, &[40, 60])];
        weights[1].places[0] = None;
        let batches = batches(&weights, 64);
        let mut bytes = vec![vec![Vec::new(); 2]; 2];
        for batch in &batches {
            let wanted = wanted(2, &weights, batch);
            let reads: Vec<_> = wanted.iter().map(|w| (&files[w.state][w.file], w.range.clone())).collect();
            let mut parts = pollster::block_on(read(&reads)).unwrap();
            for (tile, states) in batch.iter().zip(laid(&weights, batch, &wanted)) {
                for (state, laid) in states.iter().enumerate() {
                    assert_eq!(laid.is_some(), weights[tile.weight].places[state].is_some());
                    if let Some(laid) = laid {
                        let raw = cut_out(laid, &mut parts).unwrap();
                        assert!(!raw.transposed);
                        bytes[tile.weight][state].extend_from_slice(&raw.bytes);
                    }
                }
            }
        }
        assert_eq!(bytes[0][0], (2..26).collect::<Vec<u8>>());
        assert_eq!(bytes[0][1], (106..130).collect::<Vec<u8>>());
        assert_eq!((bytes[1][0].len(), &bytes[1][1]), (0, &(160..168).collect::<Vec<u8>>()));
    }

    #[test]
    fn eight_bits_become_sixteen_exactly() {
        for dtype in [FactorType::F8E4m3, FactorType::F8E5m2] {
            let (wide, bytes) = widened(dtype, (0..=255).collect());
            for n in 0..256 {
                let byte = [n as u8];
                let (a, b) = (dtype.decode(&byte, 0), wide.decode(&bytes, n));
                assert!(a == b || a.is_nan() && b.is_nan(), "{dtype:?} {n}: {a} {b}");
            }
        }
    }
}
