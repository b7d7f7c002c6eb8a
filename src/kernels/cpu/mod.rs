//! The CPU engine: the twins of the WGSL kernels, in f64 where the GPU has f32.

use std::rc::Rc;

use nalgebra::DMatrix;

use super::{
    Aligned, Change, ComputeError, FactorType, Primitives, Pulse, RawTall, Residual, Resize, Scan, Side, Sides,
};
use crate::Counts;

pub mod align;
mod apply;
mod block;
mod cross;
mod dots;
pub mod gram;
mod multiply;
mod panels;
mod residual;
pub mod resize;
mod scan;

/// The backend that needs nothing but a CPU.
#[derive(Debug, Default)]
pub struct CpuBackend<P> {
    pulse: P,
}

impl<P: Pulse> CpuBackend<P> {
    pub fn new(pulse: P) -> Self {
        Self { pulse }
    }
}

impl<P: Pulse> Primitives for CpuBackend<P> {
    type Tall = Rc<RawTall>;

    const GRAM_IN_F64: bool = true;

    async fn upload(&self, matrices: &[Rc<RawTall>]) -> Result<Vec<Self::Tall>, ComputeError> {
        Ok(matrices.to_vec())
    }

    async fn scan(&self, matrices: &[&Self::Tall]) -> Result<Vec<Scan>, ComputeError> {
        let mut scans = Vec::with_capacity(matrices.len());
        for matrix in matrices {
            self.pause().await?;
            scans.push(scan::scan(matrix));
        }
        Ok(scans)
    }

    async fn gram(&self, matrices: &[&Self::Tall], scales: &[Vec<f32>]) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        let mut grams = Vec::with_capacity(matrices.len());
        for (matrix, scales) in matrices.iter().zip(scales) {
            self.pause().await?;
            grams.push(gram::gram(matrix, scales));
        }
        Ok(grams)
    }

    async fn apply(&self, matrices: &[&Self::Tall], weights: &[DMatrix<f64>]) -> Result<Vec<Self::Tall>, ComputeError> {
        let mut results = Vec::with_capacity(matrices.len());
        for (matrix, weight) in matrices.iter().zip(weights) {
            self.pause().await?;
            results.push(Rc::new(apply::apply(matrix, weight)));
        }
        Ok(results)
    }

    async fn cross(&self, pairs: &[[&Self::Tall; 2]]) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        let mut products = Vec::with_capacity(pairs.len());
        for [x, y] in pairs {
            self.pause().await?;
            products.push(cross::cross(x, y));
        }
        Ok(products)
    }

    async fn resize(&self, matrices: &[&Self::Tall], to: &[Resize]) -> Result<Vec<Self::Tall>, ComputeError> {
        let mut results = Vec::with_capacity(matrices.len());
        for (matrix, &to) in matrices.iter().zip(to) {
            self.pause().await?;
            results.push(Rc::new(resize::resize(matrix, to)));
        }
        Ok(results)
    }

    async fn align(
        &self,
        changes: &[Change<'_, Self::Tall>],
        sides: &[Sides<'_>],
    ) -> Result<Vec<Aligned>, ComputeError> {
        let mut all = Vec::with_capacity(changes.len());
        for (change, sides) in changes.iter().zip(sides) {
            let mut aligning = align::Aligning::new(change.before, change.after, *sides);
            for rows in aligning.pieces() {
                self.pause().await?;
                aligning.advance(rows);
            }
            all.push(aligning.finish());
        }
        Ok(all)
    }

    async fn multiply(
        &self,
        changes: &[Change<'_, Self::Tall>],
        side: Side,
        weights: &[&[f32]],
        k: u32,
    ) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        let mut products = Vec::with_capacity(changes.len());
        for (change, weight) in changes.iter().zip(weights) {
            let mut multiplying = multiply::Multiplying::new(change.before, change.after, side, weight, k);
            for rows in multiplying.pieces() {
                self.pause().await?;
                multiplying.advance(rows);
            }
            products.push(multiplying.product);
        }
        Ok(products)
    }

    async fn residual(
        &self,
        changes: &[Change<'_, Self::Tall>],
        sides: &[Sides<'_>],
    ) -> Result<Vec<Residual>, ComputeError> {
        let mut all = Vec::with_capacity(changes.len());
        for (change, sides) in changes.iter().zip(sides) {
            let mut measuring = residual::Measuring::new(change.before, change.after, *sides);
            for rows in measuring.pieces() {
                self.pause().await?;
                measuring.advance(rows);
            }
            all.push(measuring.residual);
        }
        Ok(all)
    }

    async fn read(&self, matrices: &[&Self::Tall]) -> Result<Vec<DMatrix<f32>>, ComputeError> {
        Ok(matrices
            .iter()
            .map(|m| DMatrix::from_fn(m.rows as usize, m.cols as usize, |i, j| m.get(i, j) as f32))
            .collect())
    }

    async fn pause(&self) -> Result<(), ComputeError> {
        if self.pulse.beat().await { Err(ComputeError::Cancelled) } else { Ok(()) }
    }

    fn pulse(&self) -> &impl Pulse {
        &self.pulse
    }

    fn counts(&self) -> Counts {
        Counts::default()
    }
}

/// rows × cols f32 numbers, row by row.
fn dense(rows: u32, cols: u32, numbers: &[f32]) -> RawTall {
    RawTall { rows, cols, transposed: false, dtype: FactorType::F32, bytes: bytemuck::cast_slice(numbers).to_vec() }
}
