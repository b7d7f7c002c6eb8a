//! Dense updates: a piece of a weight matrix in two states, and what is measured of the difference X = after − before.

use nalgebra::DMatrix;

/// One tile (rows × cols, stored row by row) in two states, which may differ in dtype.
#[derive(Debug)]
pub struct Change<'a, T> {
    pub before: &'a T,
    pub after: &'a T,
}

impl<T> Clone for Change<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Change<'_, T> {}

/// Two thin matrices of `k` columns, row by row, one beside each side of a tile: `left` rows × k, `right` cols × k.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    pub k: u32,
    pub left: &'a [f32],
    pub right: &'a [f32],
}

/// What `align` found in a tile.
#[derive(Clone, Debug)]
pub struct Aligned {
    /// leftᵀ·X·right, k × k.
    pub core: DMatrix<f64>,
    /// ‖X‖²_F.
    pub update_sq: f64,
    /// ‖before‖²_F.
    pub before_sq: f64,
    /// NaNs and infinities in either state; where there are any, everything else here is zero.
    pub not_finite: u64,
}

impl Aligned {
    /// Of a tile with this many numbers that are not finite.
    pub(super) fn spoilt(k: u32, not_finite: u64) -> Self {
        Self { core: DMatrix::zeros(k as usize, k as usize), update_sq: 0.0, before_sq: 0.0, not_finite }
    }

    /// Adds another tile of the same weight.
    pub fn add(&mut self, more: &Self) {
        self.core += &more.core;
        self.update_sq += more.update_sq;
        self.before_sq += more.before_sq;
        self.not_finite += more.not_finite;
    }

    /// Whether the arithmetic could hold the tile. A GPU's does up to 4e9, and takes numbers below 1e-28 for zeros;
    /// what leaves its range is to be asked of [`super::cpu::align::align`].
    pub fn is_in_range(&self) -> bool {
        self.update_sq.is_finite() && self.before_sq.is_finite() && self.core.iter().all(|x| x.is_finite())
    }
}

/// What `residual` found in a tile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Residual {
    /// ‖X − left·rightᵀ‖²_F.
    pub rest_sq: f64,
    /// ‖X‖²_F.
    pub update_sq: f64,
}

/// Which side of X a thin matrix is multiplied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// X·W, W cols × k, the result rows × k.
    Right,
    /// Xᵀ·W, W rows × k, the result cols × k.
    Left,
}
