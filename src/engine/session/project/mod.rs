//! One projection: batch after batch from the source's factors to the bytes of the new file.

pub(crate) mod prepare;
pub(crate) mod result;

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::analysis::measures::frobenius;
use crate::export::{FactorPlace, encode, zip::Sum};
use crate::projection::quality::{self, Measured};
use crate::session::analyse::{Stopped, Work};
use crate::session::compute::backend::Chosen;
use crate::session::compute::crew::{self, Answer, Outcome};
use crate::session::compute::jobs::{How, Project};
use crate::session::compute::schedule::{Batch, Each, Parts};
use crate::session::factors::tensors::{self, OfFile};
use crate::session::project::prepare::Prepared;
use crate::session::project::result::Projected;
use crate::session::written::{self, Piece, Written};
use crate::session::{Emit, Session};
use lorascope_format::adapter::Module;
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_format::container::quoted;
use lorascope_format::path::file_stem;
use lorascope_kernels::linalg::{Made, Order, Pair};
use lorascope_kernels::plan::Cost;
use lorascope_kernels::{FactorType, Pulse, RawTall, Resize};
use lorascope_protocol::ItemId;
use lorascope_protocol::projection::{Method, PlanRow, Request};
use lorascope_protocol::report::{FileReport, ProjectedModule, ProjectionReport};

/// Bytes of carried tensors that are read at once, for their checksum.
const CARRIED_RANGE: u64 = 16 << 20;

/// A new factor's bytes, and where they go in the file.
type Factors = (Range<u64>, Vec<u8>);

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    pub(crate) async fn compute_projection(
        &mut self,
        item: ItemId,
        request: &Request,
    ) -> Result<Projected<Metered<S>>, Stopped> {
        let prepared = self.prepare(item, request).map_err(|refusal| Stopped::Failed(refusal.to_string()))?;
        let Some((label, source)) = self.held.of(item).and_then(|held| Some((held.label.clone(), held.analysed()?)))
        else {
            return Err(Stopped::Failed("The adapter is no longer here. Drop it again.".to_owned()));
        };
        let file = source.file.source.clone();
        let by_name: HashMap<&str, &Module> = source.adapter.modules.iter().map(|m| (m.name.as_str(), m)).collect();
        let rows: Vec<(PlanRow, Module)> = prepared
            .plan
            .rows
            .iter()
            .filter_map(|row| Some((row.clone(), (*by_name.get(row.source.as_str())?).clone())))
            .collect();
        let mut pieces = vec![written::piece::<Metered<S>>(0, prepared.layout.header.clone())?];
        let mut measured = Vec::with_capacity(rows.len());
        let costs: Vec<Cost> = rows.iter().map(|(row, module)| cost(row, module)).collect();
        let total = costs.iter().map(|cost| cost.bytes).sum();
        let batches = self.in_batches(costs).map(|(range, cost, is_shared)| {
            let text = format!("Projecting {label}: {} of {} modules", range.start, rows.len());
            let how = how(prepared.plan.method, &rows[range.clone()]);
            let places = prepared.layout.rows[range.clone()].iter();
            let places = places.map(|row| [&row.left, &row.right].map(|place| place.clone())).collect();
            let (of, reads) = OfFile::new(&file, rows[range].iter().map(|(_, module)| module));
            let task = crew::Task::Project(Task { of, how, places, cost });
            Batch { is_shared, ..Batch::new(text, cost.bytes, reads, task) }
        });
        let accept = |answer: Answer<S::Piece>| {
            measured.extend(answer.outcomes.into_iter().filter_map(|outcome| match outcome {
                Outcome::Projected(measured) => Some(measured),
                _ => None,
            }));
            pieces.extend(answer.pieces);
            Ok(())
        };
        self.schedule(&mut Each(batches, accept), &mut Work { done: 0, total }).await?;
        for carried in &prepared.layout.carried {
            let mut sum = Sum::default();
            let (mut at, end) = (carried.source.start, carried.source.end);
            while at < end {
                let next = (at + CARRIED_RANGE).min(end);
                sum = sum.then(Sum::of(&file.read(at..next).await?));
                at = next;
                if self.chosen.is_cancelled().await {
                    return Err(Stopped::Cancelled);
                }
            }
            let bytes = file.part(carried.source.clone())?;
            pieces.push(Piece { at: carried.range.start, bytes, sum });
        }
        pieces.sort_by_key(|piece| piece.at);
        let report = report(&label, &prepared, &rows, &measured)?;
        let stem = format!("{}-{}", file_stem(&label, "adapter"), report.method);
        Ok(Projected { item, report, written: Written { stem, config: prepared.config.text(), pieces } })
    }
}

/// Source and result together; modules of the plan have factors that can be computed.
fn cost(row: &PlanRow, module: &Module) -> Cost {
    let [out, inn] = row.shape;
    let numbers = (out + inn).saturating_mul(u64::from(row.rank.max(row.source_rank)));
    tensors::cost(module).unwrap_or_default().with_result(numbers)
}

fn how(method: Method, rows: &[(PlanRow, Module)]) -> How {
    // A side is at most 2²⁰ in a plan.
    let sides = |row: &PlanRow| row.shape.map(|side| side as u32);
    let rows = rows.iter().map(|(row, _)| row);
    match method {
        Method::Svd => How::Svd(rows.map(|r| Order { rank: r.rank, rows: sides(r), gain: r.gain }).collect()),
        Method::Truncate => How::Resized(rows.map(|r| sides(r).map(Resize::Crop)).collect()),
        Method::Interpolate => How::Resized(rows.map(|r| sides(r).map(Resize::Linear)).collect()),
    }
}

/// Modules, what they become, and where their new factors go in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    pub(crate) of: OfFile,
    how: How,
    places: Vec<[FactorPlace; 2]>,
    cost: Cost,
}

impl Task {
    /// How every module's new factors stand to its old ones; they go to `pieces`.
    pub(crate) async fn run<S: ByteSource, P: Pulse + Clone>(
        &self,
        chosen: &mut Chosen<P>,
        parts: Parts,
        pieces: &mut Vec<Piece<S::Piece>>,
    ) -> Result<Vec<Measured>, Stopped> {
        let pairs = self.of.pairs(&mut parts.into_iter());
        let made = chosen.run(&Project { pairs: &pairs, how: self.how.clone() }, self.cost).await?;
        let (mut measured, mut written) = (Vec::with_capacity(pairs.len()), Vec::with_capacity(2 * pairs.len()));
        for (((module, places), pair), made) in self.of.modules.iter().zip(&self.places).zip(&pairs).zip(made) {
            if chosen.is_cancelled().await {
                return Err(Stopped::Cancelled);
            }
            let name = || quoted(&module.name);
            let Made::Factors { left, right, fallback } = made else {
                return Err(Stopped::Failed(format!("{}: its factors are not finite or out of range.", name())));
            };
            chosen.count_fallbacks(u64::from(fallback));
            let mut sides = Vec::with_capacity(2);
            for (place, factor) in places.iter().zip([left, right]) {
                let bytes = encode(&factor, place.transposed, place.dtype, &module.name);
                let bytes = bytes.map_err(|error| Stopped::Failed(error.to_string()))?;
                sides.push(as_stored(place, factor.shape(), &bytes));
                written.push((place.range.clone(), bytes));
            }
            let [left, right] = [Rc::clone(&sides[0]), Rc::clone(&sides[1])];
            measured.push(
                quality::measure(pair, &Pair { left, right }).ok_or_else(|| {
                    Stopped::Failed(format!("{}: a number of its new factors is not finite.", name()))
                })?,
            );
        }
        pieces.extend(joined::<S>(written)?);
        Ok(measured)
    }
}

/// A written factor, read as the file's reader will.
fn as_stored(place: &FactorPlace, (rows, cols): (usize, usize), bytes: &[u8]) -> Rc<RawTall> {
    let dtype = crate::factor_type::of_dtype(place.dtype.dtype()).unwrap_or(FactorType::F32);
    let (rows, cols) = (rows as u32, cols as u32);
    Rc::new(RawTall { rows, cols, transposed: place.transposed, dtype, bytes: bytes.to_vec() })
}

/// A batch's tensors in as few pieces as there are gaps between them.
fn joined<S: ByteSource>(mut written: Vec<Factors>) -> Result<Vec<Piece<S::Piece>>, Stopped> {
    written.sort_by_key(|(range, _)| range.start);
    let mut runs: Vec<Factors> = Vec::new();
    for (range, bytes) in written {
        match runs.last_mut() {
            Some((run, all)) if run.end == range.start => {
                all.extend_from_slice(&bytes);
                run.end = range.end;
            }
            _ => runs.push((range, bytes)),
        }
    }
    runs.into_iter().map(|(range, bytes)| Ok(written::piece::<S>(range.start, bytes)?)).collect()
}

fn report(
    label: &str,
    prepared: &Prepared,
    rows: &[(PlanRow, Module)],
    measured: &[Measured],
) -> Result<ProjectionReport, Stopped> {
    let quality = quality::whole(rows.iter().zip(measured).map(|((row, _), measured)| (measured, row.scale)));
    let (left_out, warnings) = prepared.remarks();
    let modules: Vec<ProjectedModule> = rows
        .iter()
        .zip(measured)
        .map(|((row, _), measured)| {
            let sigma: Vec<f64> = measured.sigma.iter().map(|s| s * row.scale.abs()).collect();
            ProjectedModule {
                name: row.name.clone(),
                source: row.source.clone(),
                shape: row.shape,
                source_shape: row.from,
                rank: row.rank,
                source_rank: row.source_rank,
                scale: row.scale,
                gain: row.gain,
                frobenius: frobenius(&sigma),
                singular_values: sigma,
                quality: measured.quality.clone(),
            }
        })
        .collect();
    if let Some(module) = modules.iter().find(|module| !module.frobenius.is_finite()) {
        let name = quoted(&module.name);
        return Err(Stopped::Failed(format!(
            "{name}: its result is beyond double precision. Leave its scale smaller."
        )));
    }
    Ok(ProjectionReport {
        adapter: label.to_owned(),
        method: prepared.plan.method.name().to_owned(),
        target: prepared.target.clone(),
        base_model: prepared.plan.base_model.clone(),
        file: FileReport { name: written::ADAPTER.to_owned(), bytes: prepared.layout.len },
        dtype: prepared.layout.dtypes(),
        modules,
        left_out,
        warnings,
        quality,
    })
}
