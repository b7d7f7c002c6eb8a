//! Products of blocks of an update with thin matrices: the inner loops of the update's CPU twins.

use std::ops::Range;

use super::block::{Block, COLS, ROWS, SQUARES};

const LANES: usize = 4;
type Lanes = [f32; LANES];
/// Rows of a block and columns of the thin matrix that one sweep takes: their sums fill half of the SIMD registers
/// that x86-64 and wasm have.
const TALL: usize = 4;
const WIDE: usize = 2;
/// Columns of the thin matrix that stay in the nearest cache while a block's rows go by.
const NEAR: usize = 8;

/// A thin matrix (rows × k) turned: each of its columns in one piece.
#[derive(Debug)]
pub(super) struct Turned {
    numbers: Vec<f32>,
    stride: usize,
    pub k: usize,
}

impl Turned {
    /// Of k columns, row by row.
    pub fn new(thin: &[f32], k: usize) -> Self {
        let rows = thin.len() / k.max(1);
        // Blocks end with zeros up to a multiple of eight.
        let stride = rows.next_multiple_of(8);
        let mut numbers = vec![0.0; stride * k.next_multiple_of(WIDE)];
        for (i, row) in thin.chunks_exact(k.max(1)).enumerate() {
            for (j, x) in row.iter().enumerate() {
                numbers[j * stride + i] = *x;
            }
        }
        Self { numbers, stride, k }
    }

    /// Rows `first .. first + count` of column `col`; beyond the last column zeros, of which there is one if k is odd.
    pub fn column(&self, col: usize, first: usize, count: usize) -> &[f32] {
        &self.numbers[col * self.stride + first..][..count]
    }
}

/// Adds block·thin to `sums` (height × k, column by column, `height` rows each): the block lies beside the thin
/// matrix's rows from `first` on.
pub(super) fn add_products(block: &Block, height: usize, thin: &Turned, first: usize, sums: &mut [f64]) {
    debug_assert!(height <= ROWS && block.width <= COLS);
    let mut products = [[[0.0; LANES]; TALL]; WIDE];
    for near in (0..thin.k).step_by(NEAR) {
        for row in (0..height).step_by(TALL) {
            // Rows beyond the height are whatever was there before; nobody looks at their sums.
            let rows: [&[f32]; TALL] = std::array::from_fn(|r| block.row((row + r).min(ROWS - 1)));
            for col in (near..thin.k.min(near + NEAR)).step_by(WIDE) {
                let columns: [&[f32]; WIDE] = std::array::from_fn(|c| thin.column(col + c, first, block.width));
                sweep(rows, columns, &mut products);
                for (c, products) in products.iter().enumerate().take(thin.k - col) {
                    for (r, lanes) in products.iter().enumerate().take(height - row) {
                        sums[(col + c) * height + row + r] += f64::from(total(lanes)) * block.unit;
                    }
                }
            }
        }
    }
}

/// Adds the scalar products of each row with each column, lane by lane, to `sums`.
///
/// Not inlined: beside the addition of the lanes a compiler would choose other numbers to put side by side.
#[inline(never)]
fn sweep(rows: [&[f32]; TALL], columns: [&[f32]; WIDE], result: &mut [[Lanes; TALL]; WIDE]) {
    let len = columns[0].len() / LANES;
    let rows = rows.map(|row| &row.as_chunks::<LANES>().0[..len]);
    let columns = columns.map(|column| &column.as_chunks::<LANES>().0[..len]);
    let mut sums = [[[0.0; LANES]; TALL]; WIDE];
    for n in 0..len {
        for c in 0..WIDE {
            for r in 0..TALL {
                for lane in 0..LANES {
                    sums[c][r][lane] += rows[r][n][lane] * columns[c][n][lane];
                }
            }
        }
    }
    *result = sums;
}

fn total([a, b, c, d]: &Lanes) -> f32 {
    (a + b) + (c + d)
}

/// Products of one piece of work: about 20 ms in wasm, after which a cancel should be heard.
const PIECE: usize = 40_000_000;

/// Rows `0..rows`, of `products` multiplications each, cut into pieces of work.
pub(super) fn pieces(rows: usize, products: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (PIECE / products.max(1)).clamp(TALL, rows.max(TALL));
    let step = if step > ROWS { step / ROWS * ROWS } else { step / TALL * TALL };
    (0..rows).step_by(step).map(move |first| first..rows.min(first + step))
}

/// ‖X − left·thinᵀ‖² over a block of X beside rows of `left` (row by row) and the thin matrix's rows from `first`
/// on. `None` where f32 does not hold the squares.
pub(super) fn rest_squares(block: &Block, height: usize, left: &[f32], thin: &Turned, first: usize) -> Option<f64> {
    if block.unit != 1.0 {
        return None;
    }
    let mut sum = 0.0;
    let mut none = true;
    let mut rest = [0.0; COLS];
    for row in 0..height {
        let rest = &mut rest[..block.width];
        rest.copy_from_slice(block.row(row));
        for col in (0..thin.k).step_by(TALL) {
            let weights = std::array::from_fn(|c| if col + c < thin.k { left[row * thin.k + col + c] } else { 0.0 });
            let columns = std::array::from_fn(|c| thin.column((col + c).min(thin.k - 1), first, block.width));
            subtract_columns(rest, weights, columns);
        }
        let mut squares = [0.0; LANES];
        add_squares(rest, &mut squares);
        let squares = f64::from(total(&squares));
        none &= squares == 0.0 && rest.iter().all(|x| *x == 0.0);
        sum += squares;
    }
    (none || SQUARES.contains(&sum)).then_some(sum)
}

fn subtract_columns(rest: &mut [f32], [a, b, c, d]: [f32; TALL], columns: [&[f32]; TALL]) {
    let [p, q, r, s] = columns.map(|column| &column[..rest.len()]);
    for (n, x) in rest.iter_mut().enumerate() {
        *x -= (a * p[n] + b * q[n]) + (c * r[n] + d * s[n]);
    }
}

#[inline(never)]
fn add_squares(numbers: &[f32], result: &mut Lanes) {
    let mut sums = [0.0; LANES];
    for lanes in numbers.as_chunks::<LANES>().0 {
        for (sum, x) in sums.iter_mut().zip(lanes) {
            *sum += x * x;
        }
    }
    *result = sums;
}
