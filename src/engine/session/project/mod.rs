//! One projection: batch after batch from the source's factors to the bytes of the new file.

pub(crate) mod prepare;
pub(crate) mod result;

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use crate::analysis::measures::frobenius;
use crate::export::{FactorPlace, encode, zip::Sum};
use crate::projection::quality::{self, Measured};
use crate::session::analyse::Stopped;
use crate::session::compute::jobs::{How, Project};
use crate::session::factors::tensors;
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
use lorascope_kernels::plan::{self, Cost};
use lorascope_kernels::{ComputeError, FactorType, Pulse, RawTall, Resize};
use lorascope_protocol::projection::{Method, PlanRow, Request};
use lorascope_protocol::report::{FileReport, ProjectedModule, ProjectionReport};
use lorascope_protocol::{ItemId, Progress, ToPage};

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
        let total: u64 = costs.iter().map(|cost| cost.bytes).sum();
        let mut done = 0;
        for batch in plan::batches(&costs, self.chosen.aim()) {
            let text = format!("Projecting {label}: {} of {} modules", batch.start, rows.len());
            self.emit.emit(ToPage::Progress(Progress { text, done, total }));
            let cost = costs[batch.clone()].iter().copied().fold(Cost::default(), Cost::plus);
            let rows = &rows[batch.clone()];
            let modules: Vec<&Module> = rows.iter().map(|(_, module)| module).collect();
            let pairs = tensors::pairs(&file, &modules).await?;
            let job = Project { pairs: &pairs, how: how(prepared.plan.method, rows) };
            let made = self.chosen.run(&job, cost).await.map_err(|error| match error {
                ComputeError::Cancelled => Stopped::Cancelled,
                error => Stopped::Failed(format!("{label}: {error}.")),
            })?;
            let mut written = Vec::with_capacity(2 * rows.len());
            let layouts = &prepared.layout.rows[batch];
            for ((((row, _), layout), pair), made) in rows.iter().zip(layouts).zip(&pairs).zip(made) {
                if self.chosen.is_cancelled().await {
                    return Err(Stopped::Cancelled);
                }
                let Made::Factors { left, right, fallback } = made else {
                    let name = quoted(&row.source);
                    return Err(Stopped::Failed(format!("{name}: its factors are not finite or out of range.")));
                };
                self.fallbacks += u64::from(fallback);
                let [left, right] = [(&layout.left, left), (&layout.right, right)].map(|(place, factor)| {
                    let bytes = encode(&factor, place.transposed, place.dtype, &row.source);
                    bytes.map(|bytes| (place, factor.shape(), bytes)).map_err(|e| Stopped::Failed(e.to_string()))
                });
                let (left, right) = (left?, right?);
                let result = Pair { left: as_stored(&left), right: as_stored(&right) };
                measured.push(quality::measure(pair, &result).ok_or_else(|| {
                    Stopped::Failed(format!("{}: a number of its new factors is not finite.", quoted(&row.source)))
                })?);
                written.extend([left, right].map(|(place, _, bytes)| (place.range.clone(), bytes)));
            }
            pieces.extend(joined::<Metered<S>>(written)?);
            done += cost.bytes;
        }
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

/// A written factor, read as the file's reader will.
fn as_stored((place, (rows, cols), bytes): &(&FactorPlace, (usize, usize), Vec<u8>)) -> Rc<RawTall> {
    let dtype = crate::factor_type::of_dtype(place.dtype.dtype()).unwrap_or(FactorType::F32);
    let (rows, cols) = (*rows as u32, *cols as u32);
    Rc::new(RawTall { rows, cols, transposed: place.transposed, dtype, bytes: bytes.clone() })
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
