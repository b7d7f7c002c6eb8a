//! The work of each kernel: factors of an 8B model's adapter, tiles of its weights.

use std::rc::Rc;

use crate::numbers::Numbers;
use lorascope_kernels::{Change, ComputeError, FactorType, Primitives, RawTall, Resize, SLAB, Side, Sides, TILE};
use nalgebra::DMatrix;
use pollster::block_on;

pub const KERNELS: [&str; 8] = ["scan", "gram", "apply", "cross", "resize", "align", "multiply", "residual"];
/// The ranks that each is measured at.
pub const RANKS: [u32; 2] = [16, 64];
/// Rows of a factor, and columns of a weight.
const SIDE: u32 = 4096;
/// Rows that `resize` makes of them.
const RESIZED: u32 = 2048;

/// How much memory, time and arithmetic one run takes at least: every number read and written once.
pub struct Work {
    pub bytes: f64,
    /// Additions and multiplications; `None` where a kernel only looks or moves.
    pub flops: Option<f64>,
}

/// One kernel's input on a backend.
pub struct Case<B: Primitives> {
    kernel: &'static str,
    rank: u32,
    talls: Vec<B::Tall>,
    others: Vec<B::Tall>,
    scales: Vec<Vec<f32>>,
    weights: Vec<DMatrix<f64>>,
    /// Thin matrices beside a tile, row by row.
    left: Vec<f32>,
    right: Vec<f32>,
    pub work: Work,
}

impl<B: Primitives> Case<B> {
    /// As many factors, or as large tiles, as `budget` bytes hold of the largest thing that is read or written.
    /// `in_slabs`: sums leave the device slab by slab.
    pub fn new(
        backend: &B,
        kernel: &'static str,
        rank: u32,
        budget: u64,
        in_slabs: bool,
    ) -> Result<Self, ComputeError> {
        let is_over_tiles = ["align", "multiply", "residual"].contains(&kernel);
        let (m, r) = (u64::from(SIDE), u64::from(rank));
        let slabs = if in_slabs { m.div_ceil(SLAB.into()) } else { 1 };
        let (tiles, square) = (r.div_ceil(TILE.into()), u64::from(TILE * TILE));
        // Of one matrix, or of one pair.
        let read = 2 * m * r;
        let written = match kernel {
            "gram" => 4 * slabs * tiles * (tiles + 1) / 2 * square,
            "cross" => 4 * slabs * tiles * tiles * square,
            "apply" => 4 * m * r,
            "resize" => 4 * u64::from(RESIZED) * r,
            _ => 0,
        };
        let (rows, cols, count) = if is_over_tiles {
            let rows = (budget / (2 * m) / 64 * 64).clamp(64, m);
            (rows as u32, SIDE, (budget / (2 * m * rows)).max(1))
        } else {
            (SIDE, rank, (budget / read.max(written)).max(1))
        };
        let uploaded = |seed| {
            let raw: Vec<Rc<RawTall>> = (0..count).map(|n| Rc::new(numbers(rows, cols, seed + n))).collect();
            block_on(backend.upload(&raw))
        };
        let needs_two = is_over_tiles || kernel == "cross";
        let thin = |rows: u32| (0..rows * rank).map(|n| (n % 97) as f32 / 4096.0 - 0.01).collect();
        let weight = DMatrix::from_fn(rank as usize, rank as usize, |i, j| (i + 2 * j) as f64 / 64.0 - 0.5);
        let (n, count_f) = (f64::from(rows) * f64::from(cols), count as f64);
        let (m, k) = (f64::from(rows), f64::from(rank));
        let flops = match kernel {
            "gram" => Some(m * k * (k + 1.0)),
            "apply" | "cross" => Some(2.0 * m * k * k),
            "align" => Some(2.0 * n * k + 2.0 * m * k * k),
            "multiply" | "residual" => Some(2.0 * n * k),
            _ => None,
        };
        let result = if kernel == "multiply" { 4.0 * m * k } else { written as f64 };
        let bytes = 2.0 * n * if needs_two { 2.0 } else { 1.0 } + result;
        Ok(Self {
            kernel,
            rank,
            talls: uploaded(1)?,
            others: if needs_two { uploaded(1 << 20)? } else { Vec::new() },
            scales: vec![vec![1.0; rank as usize]; count as usize],
            weights: vec![weight; count as usize],
            left: thin(rows),
            right: thin(cols),
            work: Work { bytes: bytes * count_f, flops: flops.map(|flops| flops * count_f) },
        })
    }

    /// One run. A result that stays on the device is given back: it may not have been computed yet.
    pub fn run(&self, backend: &B) -> Result<Option<B::Tall>, ComputeError> {
        let talls: Vec<&B::Tall> = self.talls.iter().collect();
        let pairs = || self.talls.iter().zip(&self.others);
        let changes: Vec<Change<'_, B::Tall>> = pairs().map(|(before, after)| Change { before, after }).collect();
        let sides = vec![Sides { k: self.rank, left: &self.left, right: &self.right }; changes.len()];
        match self.kernel {
            "scan" => block_on(backend.scan(&talls)).map(|_| None),
            "gram" => block_on(backend.gram(&talls, &self.scales)).map(|_| None),
            "apply" => block_on(backend.apply(&talls, &self.weights)).map(|mut made| made.pop()),
            "resize" => {
                let to = vec![Resize::Linear(RESIZED); talls.len()];
                block_on(backend.resize(&talls, &to)).map(|mut made| made.pop())
            }
            "cross" => {
                let pairs: Vec<[&B::Tall; 2]> = pairs().map(|(x, y)| [x, y]).collect();
                block_on(backend.cross(&pairs)).map(|_| None)
            }
            "align" => block_on(backend.align(&changes, &sides)).map(|_| None),
            "multiply" => {
                let weights = vec![self.right.as_slice(); changes.len()];
                block_on(backend.multiply(&changes, Side::Right, &weights, self.rank)).map(|_| None)
            }
            _ => block_on(backend.residual(&changes, &sides)).map(|_| None),
        }
    }
}

/// Random numbers in bf16, always the same of a seed.
fn numbers(rows: u32, cols: u32, seed: u64) -> RawTall {
    let mut numbers = Numbers::new(seed);
    let bytes = (0..rows * cols).flat_map(|_| half::bf16::from_f64(numbers.uniform() - 0.5).to_le_bytes());
    let bytes = bytes.collect();
    RawTall { rows, cols, transposed: false, dtype: FactorType::Bf16, bytes }
}
