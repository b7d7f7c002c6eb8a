use std::ops::Range;

use nalgebra::DMatrix;

use super::block::{Block, COLS, Place, ROWS, States};
use super::dots::{Turned, add_products, pieces};
use crate::{RawTall, Side};

/// Twin of `shaders/multiply.wgsl`, by pieces. X is multiplied in f32 by blocks; the blocks are summed in f64.
pub(super) struct Multiplying<'a> {
    states: States<'a>,
    /// Whether the result's rows are the tile's columns.
    turned: bool,
    weight: Turned,
    block: Block,
    pub product: DMatrix<f64>,
}

impl<'a> Multiplying<'a> {
    pub fn new(before: &'a RawTall, after: &'a RawTall, side: Side, weight: &[f32], k: u32) -> Self {
        let turned = side == Side::Left;
        let rows = if turned { before.cols } else { before.rows };
        Self {
            states: States { before, after },
            turned,
            weight: Turned::new(weight, k as usize),
            block: Block::new(),
            product: DMatrix::zeros(rows as usize, k as usize),
        }
    }

    /// The numbers that one row of the result is summed over.
    fn inner(&self) -> usize {
        let before = self.states.before;
        (if self.turned { before.rows } else { before.cols }) as usize
    }

    /// The rows of the result, cut into pieces of work.
    pub fn pieces(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        pieces(self.product.nrows(), self.inner() * (self.weight.k + 8))
    }

    pub fn advance(&mut self, rows: Range<usize>) {
        let inner = self.inner();
        for first in rows.clone().step_by(ROWS) {
            let height = ROWS.min(rows.end - first);
            let mut sums = DMatrix::<f64>::zeros(height, self.weight.k);
            for along in (0..inner).step_by(COLS) {
                let width = COLS.min(inner - along);
                let place = if self.turned {
                    Place { row: along, col: first, rows: width, cols: height, turned: true }
                } else {
                    Place { row: first, col: along, rows: height, cols: width, turned: false }
                };
                let block = self.block.load(self.states, place);
                if block.lost {
                    sums.fill(f64::INFINITY);
                } else if block.update_sq > 0.0 {
                    add_products(&self.block, height, &self.weight, along, sums.as_mut_slice());
                }
            }
            self.product.rows_mut(first, height).copy_from(&sums);
        }
    }
}
