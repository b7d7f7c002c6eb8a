use bytemuck::{Pod, Zeroable};

use super::FactorType;

/// Where and how a tall matrix lies in a buffer of 32-bit words: what a kernel needs to know of it.
///
/// The same struct, field by field, is `View` in `shaders/tall.wgsl`; a test holds the two together.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct TallView {
    /// Index of element (0, 0), in elements of the dtype, from the buffer's start.
    pub offset: u32,
    pub rows: u32,
    pub cols: u32,
    /// Elements between (i, j) and (i+1, j).
    pub row_stride: u32,
    /// Elements between (i, j) and (i, j+1).
    pub col_stride: u32,
    /// [`FactorType::code`].
    pub dtype: u32,
    /// First of this matrix's numbers in the buffer of coefficients: column scales, or W row by row.
    pub coefficients: u32,
    /// First of this matrix's numbers in the output.
    pub out: u32,
    /// Rows and columns of the output of `apply` and `resize`; what `shaders/update.wgsl` says in the kernels over
    /// updates.
    pub out_rows: u32,
    pub out_cols: u32,
}

impl TallView {
    /// A matrix whose first element is at `offset`; `transposed` as in [`super::RawTall`].
    pub fn stored(offset: u32, rows: u32, cols: u32, transposed: bool, dtype: FactorType) -> Self {
        let (row_stride, col_stride) = if transposed { (1, rows) } else { (cols, 1) };
        let dtype = dtype.code();
        Self { offset, rows, cols, row_stride, col_stride, dtype, coefficients: 0, out: 0, out_rows: 0, out_cols: 0 }
    }

    /// The same numbers as the transposed matrix.
    pub fn turned(self) -> Self {
        let Self { rows, cols, row_stride, col_stride, .. } = self;
        Self { rows: cols, cols: rows, row_stride: col_stride, col_stride: row_stride, ..self }
    }
}
