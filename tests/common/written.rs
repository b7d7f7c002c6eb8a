//! Plans made by hand, and files written from them as the engine writes them.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::collections::BTreeMap;
use std::ops::Range;

use lorascope_engine::export::{FactorPlace, Layout, NewModule, Part, encode};
use lorascope_engine::projection::Plan;
use lorascope_format::adapter::{Adapter, Factor, Module, PeftConfig};
use lorascope_format::bytes::{ByteSource, MemorySource};
use lorascope_format::container::{Dtype, Header, TensorType};
use lorascope_protocol::projection::{Method, PlanRow};
use nalgebra::DMatrix;

use crate::common::{fixture, fixtures, header_of};

/// A fixture folder with everything that writing it again needs.
pub struct Source {
    pub file: MemorySource,
    pub header: Header,
    pub config: PeftConfig,
    pub adapter: Adapter,
}

impl Source {
    pub fn open(folder: &str) -> Self {
        let file = fixture(&format!("{folder}/adapter_model.safetensors"));
        let text = std::fs::read_to_string(fixtures().join(folder).join("adapter_config.json")).unwrap();
        Self::of(file, crate::common::config(&text))
    }

    pub fn of(file: MemorySource, config: PeftConfig) -> Self {
        let header = header_of(&file).unwrap();
        let adapter = lorascope_format::adapter::read(&header, Some(&config)).unwrap();
        Self { file, header, config, adapter }
    }

    /// A plan that keeps every module as it is.
    pub fn same(&self) -> Plan {
        Plan {
            method: Method::Svd,
            rows: self.adapter.modules.iter().map(row).collect(),
            unplaced: Vec::new(),
            kept: 1.0,
            base_model: None,
            same_model: true,
            source_layers: 6,
            target_layers: Some(6),
            warnings: Vec::new(),
        }
    }

    /// A factor's numbers, rows × rank.
    pub fn factor(&self, factor: &Factor) -> DMatrix<f32> {
        let bytes = pollster::block_on(self.file.read(factor.tensor.begin..factor.tensor.end)).unwrap();
        let numbers = numbers(&factor.tensor.dtype, &bytes);
        let (rows, cols) = (factor.rows as usize, factor.cols as usize);
        if factor.transposed {
            DMatrix::from_column_slice(rows, cols, &numbers)
        } else {
            DMatrix::from_row_slice(rows, cols, &numbers)
        }
    }

    /// Every ΔW that the adapter applies, scale included, dense in f64.
    pub fn products(&self) -> BTreeMap<String, DMatrix<f64>> {
        let product = |m: &Module| {
            let [left, right] = m.pair().unwrap().map(|factor| self.factor(factor).map(f64::from));
            left * right.transpose() * m.scale
        };
        self.adapter.modules.iter().map(|m| (m.name.clone(), product(m))).collect()
    }

    pub fn module(&self, name: &str) -> &Module {
        self.adapter.modules.iter().find(|m| m.name == name).unwrap_or_else(|| panic!("no module {name}"))
    }

    /// Both factors of a row of the plan, cropped or padded with zeros to its sizes: the plainest projection.
    pub fn cut(&self, row: &PlanRow) -> [DMatrix<f32>; 2] {
        let module = self.module(&row.source);
        let [left, right] = module.pair().unwrap();
        [(left, row.shape[0]), (right, row.shape[1])]
            .map(|(factor, rows)| self.factor(factor).resize(rows as usize, row.rank as usize, 0.0))
    }

    /// The whole file of cut factors, and of what is carried over.
    pub fn write(&self, plan: &Plan, layout: &Layout) -> Vec<u8> {
        let factors: Vec<[DMatrix<f32>; 2]> = plan.rows.iter().map(|row| self.cut(row)).collect();
        let part = |range: &Range<u64>| self.file.part(range.clone()).unwrap();
        let carried: Vec<Vec<u8>> = layout.carried.iter().map(|carried| part(&carried.source).to_vec()).collect();
        write(layout, &factors, &carried)
    }
}

fn numbers(dtype: &TensorType, bytes: &[u8]) -> Vec<f32> {
    let pairs = || bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
    match dtype {
        TensorType::Known(Dtype::F32) => {
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        }
        TensorType::Known(Dtype::F16) => pairs().map(|b| half::f16::from_le_bytes(b).to_f32()).collect(),
        TensorType::Known(Dtype::BF16) => pairs().map(|b| half::bf16::from_le_bytes(b).to_f32()).collect(),
        other => panic!("{other:?} is not read here"),
    }
}

/// The row that keeps a module as it is.
pub fn row(module: &Module) -> PlanRow {
    PlanRow {
        source: module.name.clone(),
        name: module.name.clone(),
        layer: module.layer,
        from: module.shape,
        shape: module.shape,
        source_rank: module.rank,
        rank: module.rank,
        scale: module.scale,
        kept: 1.0,
        gain: 1.0,
    }
}

/// A file put together from pieces: the left and right factors of its rows in their order, and what is carried over.
pub fn write(layout: &Layout, factors: &[[DMatrix<f32>; 2]], carried: &[Vec<u8>]) -> Vec<u8> {
    let mut file = layout.header.clone();
    for part in &layout.order {
        let encoded = |place: &FactorPlace, factor: &DMatrix<f32>| {
            (encode(factor, place.transposed, place.dtype, &place.name).unwrap(), place.range.clone())
        };
        let (bytes, range) = match *part {
            Part::Left(n) => encoded(&layout.rows[n].left, &factors[n][0]),
            Part::Right(n) => encoded(&layout.rows[n].right, &factors[n][1]),
            Part::Carried(n) => (carried[n].clone(), layout.carried[n].range.clone()),
        };
        assert_eq!(range.start, file.len() as u64, "each part stands where the layout says");
        file.extend(bytes);
        assert_eq!(range.end, file.len() as u64);
    }
    assert_eq!(layout.len, file.len() as u64);
    file
}

/// Factors of these sizes, all numbers different and exact in every type that is written.
pub fn new_factors(modules: &[NewModule]) -> Vec<[DMatrix<f32>; 2]> {
    let mut next = 0u32;
    let mut number = || {
        next = (next * 73 + 41) % 127;
        (next as f32 - 63.0) / 64.0
    };
    let factors = modules
        .iter()
        .map(|module| module.shape.map(|side| DMatrix::from_fn(side as usize, module.rank as usize, |_, _| number())));
    factors.collect()
}
