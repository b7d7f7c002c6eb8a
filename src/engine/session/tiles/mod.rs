//! Weight matrices that are larger than memory: cut into tiles, the tiles into batches, each batch read in few large
//! ranges from every checkpoint of the series.

pub(crate) mod jobs;
pub(crate) mod streamed;

use std::future::Future;
use std::ops::Range;
use std::rc::Rc;

use crate::session::factors::tensors::coalesce;
use lorascope_format::bytes::{ByteSource, SourceError};
use lorascope_kernels::{FactorType, RawTall};

/// Bytes of one batch of tiles over all checkpoints. Two more are being read while one is computed, each of them twice
/// for a moment, and a GPU holds a copy: an alignment takes about six times this.
pub(crate) const BUDGET: u64 = 32 << 20;

/// A weight matrix (rows × cols, stored row by row) in every state of a series that has it.
#[derive(Clone, Debug)]
pub(crate) struct Weight {
    pub rows: u64,
    pub cols: u64,
    /// By the states of the series.
    pub places: Vec<Option<Place>>,
    /// Numbers of one tile, at most: the work on one is one dispatch.
    pub most: u64,
}

/// Where a state keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// A range of a file being read.
struct Wanted {
    state: usize,
    file: usize,
    range: Range<u64>,
}

/// The tiles of one batch in every state: `[tile][state]`.
pub(crate) type Pieces = Vec<Vec<Option<Rc<RawTall>>>>;

/// Begins to read a batch, from all files at once; what is done before the future is awaited overlaps with it.
/// `files[state]` are the files of a state.
pub(crate) fn read<'a, S: ByteSource>(
    files: &'a [Vec<S>],
    weights: &'a [Weight],
    batch: &'a [Tile],
) -> impl Future<Output = Result<Pieces, SourceError>> + use<'a, S> {
    let started: Vec<_> = wanted(files.len(), weights, batch)
        .into_iter()
        .map(|wanted| {
            let reading = files[wanted.state][wanted.file].read(wanted.range.clone());
            (wanted, reading)
        })
        .collect();
    async move {
        let mut chunks = Vec::with_capacity(started.len());
        for (wanted, reading) in started {
            chunks.push((wanted, reading.await?));
        }
        Ok(pieces(weights, batch, chunks))
    }
}

fn wanted(states: usize, weights: &[Weight], batch: &[Tile]) -> Vec<Wanted> {
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

/// Cuts what was read into tiles. A chunk that is one tile is handed on as it is.
fn pieces(weights: &[Weight], batch: &[Tile], chunks: Vec<(Wanted, Vec<u8>)>) -> Pieces {
    let mut uses = vec![0usize; chunks.len()];
    let mut found = Vec::with_capacity(batch.len());
    for tile in batch {
        let weight = &weights[tile.weight];
        let of_state = |(state, place): (usize, &Option<Place>)| {
            let place = place.as_ref()?;
            let range = tile.range(weight, place);
            let holds = |(wanted, _): &(Wanted, Vec<u8>)| {
                (wanted.state, wanted.file) == (state, place.file)
                    && wanted.range.start <= range.start
                    && range.end <= wanted.range.end
            };
            let chunk = chunks.iter().position(holds)?;
            uses[chunk] += 1;
            Some((chunk, range, place.dtype))
        };
        found.push(weight.places.iter().enumerate().map(of_state).collect::<Vec<_>>());
    }
    let mut chunks: Vec<(u64, Vec<u8>)> =
        chunks.into_iter().map(|(wanted, bytes)| (wanted.range.start, bytes)).collect();
    let mut all = Vec::with_capacity(batch.len());
    for (tile, of_states) in batch.iter().zip(found) {
        let mut states = Vec::with_capacity(of_states.len());
        for place in of_states {
            states.push(place.map(|(chunk, range, dtype)| {
                let (start, bytes) = &mut chunks[chunk];
                let len = (range.end - range.start) as usize;
                let whole = *start == range.start && bytes.len() == len && uses[chunk] == 1;
                let bytes = if whole {
                    std::mem::take(bytes)
                } else {
                    let at = (range.start - *start) as usize;
                    bytes[at..at + len].to_vec()
                };
                let (dtype, bytes) = widened(dtype, bytes);
                let (rows, cols) = (tile.rows.end - tile.rows.start, tile.cols.end - tile.cols.start);
                Rc::new(RawTall { rows: rows as u32, cols: cols as u32, transposed: false, dtype, bytes })
            }));
        }
        all.push(states);
    }
    all
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
            let pieces = pollster::block_on(read(&files, &weights, batch)).unwrap();
            for (tile, states) in batch.iter().zip(pieces) {
                for (state, raw) in states.iter().enumerate() {
                    assert_eq!(raw.is_some(), weights[tile.weight].places[state].is_some());
                    if let Some(raw) = raw {
                        assert!(raw.is_whole() && !raw.transposed);
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
