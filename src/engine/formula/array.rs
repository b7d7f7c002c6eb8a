use std::borrow::Cow;

use nalgebra::DMatrix;

use lorascope_format::adapter::scale::number;
use lorascope_format::container::{TensorEntry, TensorType};
use lorascope_kernels::decode::q8_0;

/// A tensor's shape and bytes, decoded as they are asked for.
#[derive(Clone, Debug)]
pub struct Array<'a> {
    tensor: &'a TensorEntry,
    bytes: Cow<'a, [u8]>,
    /// The numbers of a type that is stored in blocks (GGUF's Q8_0).
    blocks: Option<Vec<f32>>,
}

impl<'a> Array<'a> {
    /// `bytes` are all of the tensor's.
    pub fn new(tensor: &'a TensorEntry, bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        let bytes = bytes.into();
        let blocks = if tensor.dtype == TensorType::Q8_0 { q8_0(&bytes) } else { None };
        Self { tensor, bytes, blocks }
    }

    /// Dimension `n`; 1 beyond the last.
    pub fn dim(&self, n: usize) -> usize {
        self.tensor.shape.get(n).map_or(1, |&d| d as usize)
    }

    /// How many dimensions it has.
    pub fn order(&self) -> usize {
        self.tensor.shape.len()
    }

    /// The first dimension.
    pub fn rows(&self) -> usize {
        self.dim(0)
    }

    /// How many numbers it has.
    pub fn size(&self) -> usize {
        self.tensor.shape.iter().map(|&d| d as usize).product()
    }

    /// The product of every dimension after the first.
    pub fn cols(&self) -> usize {
        self.size().checked_div(self.rows()).unwrap_or(0)
    }

    /// The number at `index`, row by row.
    pub fn get(&self, index: usize) -> f64 {
        match crate::factor_type::of_tensor(&self.tensor.dtype) {
            Some(dtype) => dtype.decode(&self.bytes, index),
            None => self.other(index),
        }
    }

    /// A number of a dtype that no backend decodes: of a block, or an integer alone.
    fn other(&self, index: usize) -> f64 {
        match &self.tensor.dtype {
            TensorType::Q8_0 => self.blocks.as_ref().and_then(|all| all.get(index)).map_or(f64::NAN, |&x| f64::from(x)),
            TensorType::Known(_) if index == 0 => number(&self.tensor.dtype, &self.bytes).unwrap_or(f64::NAN),
            _ => f64::NAN,
        }
    }

    pub fn numbers(&self) -> impl Iterator<Item = f64> + '_ {
        (0..self.size()).map(|index| self.get(index))
    }

    /// As a matrix, the first dimension its rows.
    pub fn matrix(&self) -> DMatrix<f64> {
        DMatrix::from_row_iterator(self.rows(), self.cols(), self.numbers())
    }

    /// As a matrix of these sizes, stored row by row, or column by column if `transposed`.
    pub fn tall(&self, rows: usize, cols: usize, transposed: bool) -> DMatrix<f64> {
        if transposed {
            DMatrix::from_iterator(rows, cols, self.numbers())
        } else {
            DMatrix::from_row_iterator(rows, cols, self.numbers())
        }
    }

    pub fn not_finite(&self) -> u64 {
        self.numbers().filter(|x| !x.is_finite()).count() as u64
    }
}
