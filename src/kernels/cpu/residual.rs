use std::ops::Range;

use super::block::{Block, COLS, Place, ROWS, States};
use super::dots::{Turned, pieces, rest_squares};
use crate::{RawTall, Residual, Sides};

/// Twin of `shaders/residual.wgsl`, by pieces. The product and the difference are taken in f32 by blocks; the
/// blocks' squares are summed in f64.
pub(super) struct Measuring<'a> {
    states: States<'a>,
    sides: Sides<'a>,
    right: Turned,
    block: Block,
    pub residual: Residual,
}

impl<'a> Measuring<'a> {
    pub fn new(before: &'a RawTall, after: &'a RawTall, sides: Sides<'a>) -> Self {
        Self {
            states: States { before, after },
            sides,
            right: Turned::new(sides.right, sides.k as usize),
            block: Block::new(),
            residual: Residual { rest_sq: 0.0, update_sq: 0.0 },
        }
    }

    /// The rows of the tile, cut into pieces of work.
    pub fn pieces(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        pieces(self.states.before.rows as usize, self.states.before.cols as usize * (self.right.k + 8))
    }

    pub fn advance(&mut self, rows: Range<usize>) {
        let (cols, k) = (self.states.before.cols as usize, self.right.k);
        for row in rows.clone().step_by(ROWS) {
            let height = ROWS.min(rows.end - row);
            let left = &self.sides.left[row * k..(row + height) * k];
            for col in (0..cols).step_by(COLS) {
                let width = COLS.min(cols - col);
                let place = Place { row, col, rows: height, cols: width, turned: false };
                let sums = self.block.load(self.states, place);
                self.residual.update_sq += sums.update_sq;
                self.residual.rest_sq += match rest_squares(&self.block, height, left, &self.right, col) {
                    _ if sums.lost => f64::INFINITY,
                    Some(rest_sq) => rest_sq,
                    // What f32 could not hold is done again without it.
                    None => self.slowly(place),
                };
            }
        }
    }

    fn slowly(&self, place: Place) -> f64 {
        let (States { before, after }, k) = (self.states, self.right.k);
        let mut rest_sq = 0.0;
        for i in place.row..place.row + place.rows {
            for j in place.col..place.col + place.cols {
                let (left, right) = (&self.sides.left[i * k..][..k], &self.sides.right[j * k..][..k]);
                let product: f64 = left.iter().zip(right).map(|(l, r)| f64::from(*l) * f64::from(*r)).sum();
                rest_sq += (after.get(i, j) - before.get(i, j) - product).powi(2);
            }
        }
        rest_sq
    }
}
