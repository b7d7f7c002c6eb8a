use std::rc::Rc;

use nalgebra::DMatrix;

use super::Array;
use lorascope_kernels::{FactorType, RawTall};

/// Rows that are computed in f64 at once, before they are kept in f32.
pub const ROWS: usize = 64;

/// A matrix of any shape, row by row, in f32: each number computed in f64 and rounded once.
#[derive(Clone, Debug)]
pub struct Dense {
    pub rows: usize,
    pub cols: usize,
    pub numbers: Vec<f32>,
}

impl Dense {
    /// Rows come `ROWS` at a time, as `of(first, count)` gives them: count × cols.
    pub fn by_rows(rows: usize, cols: usize, mut of: impl FnMut(usize, usize) -> DMatrix<f64>) -> Self {
        let mut numbers = Vec::with_capacity(rows * cols);
        for first in (0..rows).step_by(ROWS) {
            let some = of(first, ROWS.min(rows - first));
            numbers.extend(some.transpose().iter().map(|&x| x as f32));
        }
        Self { rows, cols, numbers }
    }

    /// L·Rᵀ.
    pub fn of_factors(left: &DMatrix<f64>, right: &DMatrix<f64>) -> Self {
        let turned = right.transpose();
        Self::by_rows(left.nrows(), right.nrows(), |first, count| left.rows(first, count) * &turned)
    }

    pub fn of_matrix(matrix: &DMatrix<f64>) -> Self {
        Self::by_rows(matrix.nrows(), matrix.ncols(), |first, count| matrix.rows(first, count).into_owned())
    }

    pub fn of_array(array: &Array<'_>, shape: [u64; 2]) -> Self {
        let [rows, cols] = shape.map(|d| d as usize);
        Self { rows, cols, numbers: array.numbers().map(|x| x as f32).collect() }
    }

    pub fn get(&self, row: usize, col: usize) -> f64 {
        f64::from(self.numbers[row * self.cols + col])
    }

    /// ‖·‖²_F.
    pub fn norm_sq(&self) -> f64 {
        self.numbers.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
    }

    pub fn not_finite(&self) -> u64 {
        self.numbers.iter().filter(|x| !x.is_finite()).count() as u64
    }

    /// As a backend takes it, or turned.
    pub fn raw(&self, turned: bool) -> Rc<RawTall> {
        let (rows, cols) = if turned { (self.cols, self.rows) } else { (self.rows, self.cols) };
        let bytes = bytemuck::cast_slice(&self.numbers).to_vec();
        Rc::new(RawTall { rows: rows as u32, cols: cols as u32, transposed: turned, dtype: FactorType::F32, bytes })
    }
}
