//! Slabs of tall matrices in f64, laid out for products of their columns: the loop under the Gram matrices.
//!
//! Four columns lie side by side in a panel, so that one step of [`add_products`] multiplies four numbers
//! with four others; its sixteen sums stay in the SIMD registers that x86-64 and wasm have. (Goto, van de Geijn,
//! "Anatomy of high-performance matrix multiplication", ACM Trans. Math. Softw. 34, 2008.)

use crate::decode::{f8_e4m3, f8_e5m2, widen_f16};
use crate::{FactorType, RawTall, SLAB};

/// Columns of a panel.
pub(super) const WIDE: usize = 4;

type Row = [f64; WIDE];
/// The products of the columns of two panels.
pub(super) type Sums = [Row; WIDE];

/// At most [`SLAB`] rows of a matrix.
#[derive(Debug)]
pub(super) struct Panels {
    /// Panel by panel, in each `high` rows of four columns; zeros beyond the matrix's last column.
    numbers: Vec<Row>,
    high: usize,
    count: usize,
    cols: usize,
}

impl Panels {
    /// Room for the slabs of `matrix`.
    pub fn of(matrix: &RawTall) -> Self {
        let (high, cols) = (matrix.rows.min(SLAB) as usize, matrix.cols as usize);
        Self { numbers: vec![[0.0; WIDE]; high * cols.div_ceil(WIDE)], high, count: 0, cols }
    }

    /// How many panels there are.
    pub fn len(&self) -> usize {
        self.cols.div_ceil(WIDE)
    }

    /// Panel `n`, row by row.
    pub fn get(&self, n: usize) -> &[Row] {
        &self.numbers[n * self.high..][..self.count]
    }

    /// Takes in rows `first .. first + count` of the matrix.
    pub fn load(&mut self, matrix: &RawTall, first: usize, count: usize) {
        self.count = count;
        match matrix.dtype {
            FactorType::F32 => self.fill(matrix, first, |b: [u8; 4]| f64::from(f32::from_le_bytes(b))),
            FactorType::F16 => self.fill(matrix, first, |b: [u8; 2]| f64::from(widen_f16(u16::from_le_bytes(b)))),
            FactorType::Bf16 => {
                self.fill(matrix, first, |b: [u8; 2]| {
                    f64::from(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16))
                });
            }
            FactorType::F64 => self.fill(matrix, first, f64::from_le_bytes),
            FactorType::F8E4m3 => self.fill(matrix, first, |[b]| f8_e4m3(b)),
            FactorType::F8E5m2 => self.fill(matrix, first, |[b]| f8_e5m2(b)),
        }
    }

    fn fill<const N: usize>(&mut self, matrix: &RawTall, first: usize, decode: impl Fn([u8; N]) -> f64 + Copy) {
        let (numbers, _) = matrix.bytes.as_chunks::<N>();
        if matrix.transposed {
            self.fill_by_column(numbers, matrix.rows as usize, first, decode);
        } else {
            self.fill_by_row(&numbers[first * self.cols..(first + self.count) * self.cols], decode);
        }
    }

    /// Not inlined, nor the other: a browser soon compiles what is hot for speed, the sooner the less there is of it.
    #[inline(never)]
    fn fill_by_column<const N: usize>(
        &mut self,
        numbers: &[[u8; N]],
        rows: usize,
        first: usize,
        decode: impl Fn([u8; N]) -> f64 + Copy,
    ) {
        let whole = self.cols / WIDE;
        let column = |col: usize| &numbers[col * rows + first..][..self.count];
        for p in 0..whole {
            // All of one length: no bound is looked at inside of the loop.
            let columns: [&[[u8; N]]; WIDE] = std::array::from_fn(|j| column(p * WIDE + j));
            for (k, row) in self.numbers[p * self.high..][..self.count].iter_mut().enumerate() {
                for (x, column) in row.iter_mut().zip(&columns) {
                    *x = decode(column[k]);
                }
            }
        }
        for col in whole * WIDE..self.cols {
            for (row, &bytes) in self.numbers[whole * self.high..].iter_mut().zip(column(col)) {
                row[col - whole * WIDE] = decode(bytes);
            }
        }
    }

    #[inline(never)]
    fn fill_by_row<const N: usize>(&mut self, numbers: &[[u8; N]], decode: impl Fn([u8; N]) -> f64 + Copy) {
        let whole = self.cols / WIDE;
        for (k, row) in numbers.chunks_exact(self.cols.max(1)).enumerate() {
            let (fours, rest) = row.as_chunks::<WIDE>();
            for (p, four) in fours.iter().enumerate() {
                self.numbers[p * self.high + k] = four.map(decode);
            }
            for (j, &bytes) in rest.iter().enumerate() {
                self.numbers[whole * self.high + k][j] = decode(bytes);
            }
        }
    }
}

/// Adds the products of the columns of two panels of the same rows.
///
/// Not inlined: among the loops around it a compiler would run out of registers.
#[inline(never)]
pub(super) fn add_products(left: &[Row], right: &[Row], result: &mut Sums) {
    let mut sums = *result;
    for (x, y) in left.iter().zip(right) {
        for i in 0..WIDE {
            for j in 0..WIDE {
                sums[i][j] += x[i] * y[j];
            }
        }
    }
    *result = sums;
}
