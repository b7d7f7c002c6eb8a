//! Blocks of an update X = after − before in f32, as the CPU twins of the update's kernels take it in.
//!
//! The loops are written so that a compiler turns them into SIMD of four lanes, which both x86-64 and wasm have:
//! fixed arrays of lanes, no branch on a value.

use std::ops::RangeInclusive;

use crate::decode::widen_f16;
use crate::{FactorType, RawTall};

/// Rows and columns of the largest block. Sums in f32 reach over no more than its columns.
pub(super) const ROWS: usize = 32;
pub(super) const COLS: usize = 512;
/// Numbers between two rows of a block; no power of two, or the rows would fight for the same cache lines.
const STRIDE: usize = COLS + 16;
const LANES: usize = 8;

/// Sums of squares in which f32 loses nothing: outside of them a block is taken in by f64.
pub(super) const SQUARES: RangeInclusive<f64> = 1e-26..=1e37;

/// The bits of an f64's exponent.
const EXPONENT: u64 = 0x7ff << 52;

/// The two states of a tile, of the same shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct States<'a> {
    pub before: &'a RawTall,
    pub after: &'a RawTall,
}

/// A part of a tile. `turned`: the block's rows are the tile's columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub row: usize,
    pub col: usize,
    pub rows: usize,
    pub cols: usize,
    pub turned: bool,
}

/// What goes by while a block is taken in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// ‖X‖² and ‖before‖² of the block.
    pub update_sq: f64,
    pub before_sq: f64,
    /// NaNs and infinities in either state.
    pub not_finite: u64,
    /// X has numbers that are not finite: the block is zero.
    pub lost: bool,
}

/// A block of X, divided by `unit`.
#[derive(Debug)]
pub(super) struct Block {
    /// Row by row, each with zeros up to a multiple of eight numbers.
    numbers: Vec<f32>,
    /// A power of two: 1, except where f32 could not hold the squares.
    pub unit: f64,
    /// Numbers in a row, zeros included.
    pub width: usize,
    old: Vec<f32>,
    new: Vec<f32>,
}

impl Block {
    pub fn new() -> Self {
        Self { numbers: vec![0.0; ROWS * STRIDE], unit: 1.0, width: 0, old: vec![0.0; COLS], new: vec![0.0; COLS] }
    }

    pub fn row(&self, row: usize) -> &[f32] {
        &self.numbers[row * STRIDE..][..self.width]
    }

    /// Takes in a part of the update of at most [`ROWS`] × [`COLS`], or the other way round if it is turned.
    pub fn load(&mut self, states: States<'_>, place: Place) -> Sums {
        let (height, width) = if place.turned { (place.cols, place.rows) } else { (place.rows, place.cols) };
        self.width = width.next_multiple_of(LANES);
        for row in 0..height {
            self.numbers[row * STRIDE..][width..self.width].fill(0.0);
        }
        let sums = if states.in_f32() { self.load_f32(states, place) } else { None };
        sums.unwrap_or_else(|| self.load_f64(states, place))
    }

    /// `None` where f32 might lose something: numbers that are not finite, very large, or very small.
    fn load_f32(&mut self, states: States<'_>, place: Place) -> Option<Sums> {
        let mut sums = Sums::default();
        let mut none = [true; 2];
        let cols = states.before.cols as usize;
        for i in 0..place.rows {
            let first = (place.row + i) * cols + place.col;
            let old = &mut self.old[..place.cols];
            decode(states.before, first, old);
            let x =
                if place.turned { &mut self.new[..place.cols] } else { &mut self.numbers[i * STRIDE..][..place.cols] };
            decode(states.after, first, x);
            let [update_sq, before_sq] = subtract(old, x);
            // An f32 sum of squares can vanish though its terms are not zero.
            none[0] &= update_sq == 0.0 && x.iter().all(|x| *x == 0.0);
            none[1] &= before_sq == 0.0 && old.iter().all(|x| *x == 0.0);
            sums.update_sq += update_sq;
            sums.before_sq += before_sq;
            if place.turned {
                for (j, x) in self.new[..place.cols].iter().enumerate() {
                    self.numbers[j * STRIDE + i] = *x;
                }
            }
        }
        self.unit = 1.0;
        // A sum of squares that is finite has no term that is not, and neither state can then have one.
        let kept = |sum: f64, none: bool| none || SQUARES.contains(&sum);
        (kept(sums.update_sq, none[0]) && kept(sums.before_sq, none[1])).then_some(sums)
    }

    fn load_f64(&mut self, states: States<'_>, place: Place) -> Sums {
        let mut sums = Sums::default();
        let mut update = vec![0.0f64; place.rows * place.cols];
        let mut largest = 0.0f64;
        for (n, x) in update.iter_mut().enumerate() {
            let (i, j) = (place.row + n / place.cols, place.col + n % place.cols);
            let (old, new) = (states.before.get(i, j), states.after.get(i, j));
            sums.not_finite += u64::from(!old.is_finite()) + u64::from(!new.is_finite());
            *x = new - old;
            largest = largest.max(x.abs());
            sums.update_sq += *x * *x;
            sums.before_sq += old * old;
        }
        sums.lost = sums.not_finite > 0 || !largest.is_finite();
        let usable = largest > 0.0 && !sums.lost;
        self.unit = if usable { f64::from_bits(largest.max(1e-300).to_bits() & EXPONENT) } else { 1.0 };
        let inverse = if usable { 1.0 / self.unit } else { 0.0 };
        for (n, x) in update.iter().enumerate() {
            let (i, j) = (n / place.cols, n % place.cols);
            let at = if place.turned { j * STRIDE + i } else { i * STRIDE + j };
            self.numbers[at] = if usable { (x * inverse) as f32 } else { 0.0 };
        }
        sums
    }
}

impl States<'_> {
    fn in_f32(&self) -> bool {
        [self.before, self.after].iter().all(|raw| !raw.transposed && raw.dtype != FactorType::F64)
    }
}

/// new − old into `new`; the sums of squares of that and of `old`.
fn subtract(old: &[f32], new: &mut [f32]) -> [f64; 2] {
    let mut lanes = [[0.0f32; LANES]; 2];
    let (old, old_rest) = old.as_chunks::<LANES>();
    let (new, new_rest) = new.as_chunks_mut::<LANES>();
    subtract_lanes(old, new, &mut lanes);
    for (old, new) in old_rest.iter().zip(new_rest) {
        *new -= old;
        lanes[0][0] += *new * *new;
        lanes[1][0] += old * old;
    }
    lanes.map(|lanes| lanes.iter().map(|&x| f64::from(x)).sum())
}

/// Not inlined: beside the addition of the lanes a compiler would choose other numbers to put side by side.
#[inline(never)]
fn subtract_lanes(old: &[[f32; LANES]], new: &mut [[f32; LANES]], result: &mut [[f32; LANES]; 2]) {
    let mut sums = [[0.0f32; LANES]; 2];
    for (old, new) in old.iter().zip(new) {
        for lane in 0..LANES {
            let x = new[lane] - old[lane];
            new[lane] = x;
            sums[0][lane] += x * x;
            sums[1][lane] += old[lane] * old[lane];
        }
    }
    *result = sums;
}

/// Numbers from `first` on, each exactly.
fn decode(raw: &RawTall, first: usize, out: &mut [f32]) {
    let bytes = &raw.bytes[first * raw.dtype.size()..][..out.len() * raw.dtype.size()];
    match raw.dtype {
        FactorType::F32 => fill(bytes, out, f32::from_le_bytes),
        FactorType::F16 => fill(bytes, out, |b| widen_f16(u16::from_le_bytes(b))),
        FactorType::Bf16 => fill(bytes, out, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
        // Weights of 8 bits come widened to 16; of 64, they are taken in by f64.
        dtype => out.iter_mut().enumerate().for_each(|(n, x)| *x = dtype.decode(bytes, n) as f32),
    }
}

fn fill<const N: usize>(bytes: &[u8], out: &mut [f32], decode: impl Fn([u8; N]) -> f32) {
    for (x, &number) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *x = decode(number);
    }
}
