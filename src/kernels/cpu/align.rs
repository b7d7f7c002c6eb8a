use std::ops::Range;

use nalgebra::{DMatrix, DMatrixView};

use super::block::{Block, COLS, Place, ROWS, States};
use super::dots::{Turned, add_products, pieces};
use crate::{Aligned, RawTall, Sides};

/// Twin of `shaders/align.wgsl`, whole.
pub fn align(before: &RawTall, after: &RawTall, sides: Sides<'_>) -> Aligned {
    let mut aligning = Aligning::new(before, after, sides);
    for rows in aligning.pieces() {
        aligning.advance(rows);
    }
    aligning.finish()
}

/// [`align`] by pieces. X is multiplied in f32 by blocks, everything beyond a block is summed in f64.
pub(super) struct Aligning<'a> {
    states: States<'a>,
    left: &'a [f32],
    right: Turned,
    block: Block,
    aligned: Aligned,
}

impl<'a> Aligning<'a> {
    pub fn new(before: &'a RawTall, after: &'a RawTall, sides: Sides<'a>) -> Self {
        let k = sides.k as usize;
        Self {
            states: States { before, after },
            left: sides.left,
            right: Turned::new(sides.right, k),
            block: Block::new(),
            aligned: Aligned::spoilt(sides.k, 0),
        }
    }

    /// The rows of the tile, cut into pieces of work.
    pub fn pieces(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (rows, cols) = (self.states.before.rows as usize, self.states.before.cols as usize);
        // Taking X in costs about as much as eight columns.
        pieces(rows, cols * (self.right.k + 8))
    }

    pub fn advance(&mut self, rows: Range<usize>) {
        let (cols, k) = (self.states.before.cols as usize, self.right.k);
        for row in rows.clone().step_by(ROWS) {
            let rows = ROWS.min(rows.end - row);
            let mut thin = DMatrix::<f64>::zeros(rows, k);
            for col in (0..cols).step_by(COLS) {
                let place = Place { row, col, rows, cols: COLS.min(cols - col), turned: false };
                let sums = self.block.load(self.states, place);
                self.aligned.update_sq += sums.update_sq;
                self.aligned.before_sq += sums.before_sq;
                self.aligned.not_finite += sums.not_finite;
                if sums.update_sq > 0.0 {
                    add_products(&self.block, rows, &self.right, col, thin.as_mut_slice());
                }
            }
            // Row by row as `left` is, these are the columns of its transpose.
            let left: Vec<f64> = self.left[row * k..(row + rows) * k].iter().map(|&u| f64::from(u)).collect();
            self.aligned.core.gemm(1.0, &DMatrixView::from_slice(&left, k, rows), &thin, 1.0);
        }
    }

    pub fn finish(self) -> Aligned {
        match self.aligned.not_finite {
            0 => self.aligned,
            count => Aligned::spoilt(self.right.k as u32, count),
        }
    }
}
