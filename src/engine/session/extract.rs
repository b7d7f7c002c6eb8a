//! A LoRA out of two checkpoints: the truncated SVD of every weight's update, written as a PEFT adapter.

use std::collections::BTreeSet;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::export::{Base, NewModule, RowLayout, encode, new_adapter};
use crate::session::analyse::{Stopped, Work};
use crate::session::compute::backend::Chosen;
use crate::session::compute::crew::{self, Answer};
use crate::session::compute::schedule::{Batch, Each, Parts, Read};
use crate::session::factors::subspaces::by_rows;
use crate::session::tiles::streamed::Streamed;
use crate::session::tiles::{Place, Weight};
use crate::session::written::{self, Piece, Written};
use crate::session::{Emit, Session};
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_format::checkpoint::{Candidate, Checkpoint, candidates};
use lorascope_format::container::TensorEntry;
use lorascope_format::path::file_stem;
use lorascope_kernels::Pulse;
use lorascope_kernels::linalg::{Thin, svd_to_energy, truncated_svd};
use lorascope_protocol::projection::OutputType;
use lorascope_protocol::report::{ExtractedModule, ExtractionReport, FileReport, NotAnalyzed};
use lorascope_protocol::{ExtractRank, ExtractRequest};

/// The largest rank: a sketch of twice as many columns still fits beside a large weight.
const MAX_RANK: u32 = 512;
/// Bytes of both states up to which a weight is read once and kept between passes.
const KEPT: u64 = 160 << 20;

/// An extraction that is done.
pub(crate) struct Extracted<S: ByteSource> {
    pub report: ExtractionReport,
    pub written: Written<S::Piece>,
}

/// One weight in both states.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    one: Candidate,
    rank: ExtractRank,
    dtype: OutputType,
    /// Multiplications on one tile.
    products: u64,
}

/// Its report and ‖X − B·A‖², with a piece for each of its factors; or the reason why there are none.
pub(crate) type Outcome = Result<(ExtractedModule, f64), String>;

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    pub(crate) async fn compute_extraction(
        &mut self,
        request: &ExtractRequest,
    ) -> Result<Extracted<Metered<S>>, Stopped> {
        let rule = checked(request).map_err(Stopped::Failed)?;
        let gone = || Stopped::Failed("A checkpoint is no longer here. Drop it again, or choose another.".to_owned());
        let ends = [request.from, request.to]
            .map(|id| self.held.checkpoint(id).map(|(label, c)| (label.to_owned(), c.clone())));
        let [Some((from, before)), Some((to, after))] = ends else { return Err(gone()) };
        let (found, mut left_out) = candidates(&before, &after, request.embeddings);
        let files = [&before, &after].map(|c| &c.files);
        let bytes = |one: &Candidate| one.tensors.iter().map(|(_, tensor)| tensor.byte_len()).sum::<u64>();
        let total = found.iter().map(bytes).sum();
        let (is_shared, products) = (self.is_shared(total), self.aim().products);
        let batches = found.iter().enumerate().map(|(n, one)| {
            let text = format!("Extracting from {from} → {to}: weight {} of {}", n + 1, found.len());
            let (rank, dtype) = (request.rank, request.dtype);
            let task = crew::Task::Extract(Task { one: one.clone(), rank, dtype, products });
            let reads = files
                .iter()
                .zip(&one.tensors)
                .map(|(files, (at, tensor))| (&files[*at].source, tensor.begin..tensor.end));
            Batch { is_streamed: bytes(one) > KEPT, is_shared, ..Batch::new(text, bytes(one), reads.collect(), task) }
        });
        let (mut made, mut modules) = (Vec::new(), Vec::new());
        let (mut update_sq, mut rest_sq) = (0.0, 0.0);
        let mut order = found.iter();
        let accept = |answer: Answer<S::Piece>| {
            let mut pieces = answer.pieces.into_iter();
            for (outcome, one) in answer.outcomes.into_iter().zip(&mut order) {
                match outcome {
                    crew::Outcome::Extracted(Ok((report, rest))) => {
                        update_sq += report.update_norm.powi(2);
                        rest_sq += rest;
                        let (path, shape) = (one.path.clone(), [one.rows, one.cols]);
                        let (rank, stored, dtype) = (report.rank, one.stored.clone(), request.dtype);
                        made.push((NewModule { path, shape, rank, stored, dtype }, [pieces.next(), pieces.next()]));
                        modules.push(report);
                    }
                    crew::Outcome::Extracted(Err(reason)) => {
                        left_out.push(NotAnalyzed { name: one.tensors[0].1.name.clone(), reason });
                    }
                    _ => {}
                }
            }
            Ok(())
        };
        self.schedule(&mut Each(batches, accept), &mut Work { done: 0, total }).await?;
        if made.is_empty() {
            return Err(Stopped::Failed(format!(
                "{from} → {to}: there is nothing to extract: no weight that a LoRA can adapt is in both and differs. \
                 Are they two states of the same model?"
            )));
        }
        let news: Vec<NewModule> = made.iter().map(|(module, _)| module.clone()).collect();
        let name = self.base_model();
        let paths = paths(&before);
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let base = Base { name: name.as_deref(), paths: &paths, complete: before.missing().is_empty() };
        let (layout, config) = new_adapter(&news, base).map_err(|error| Stopped::Failed(error.to_string()))?;
        let mut pieces = vec![written::piece::<Metered<S>>(0, layout.header.clone())?];
        for ((_, factors), RowLayout { left, right }) in made.into_iter().zip(&layout.rows) {
            for (piece, place) in factors.into_iter().zip([left, right]) {
                pieces.extend(piece.map(|piece: Piece<_>| Piece { at: place.range.start, ..piece }));
            }
        }
        pieces.sort_by_key(|piece| piece.at);
        let report = ExtractionReport {
            from: from.clone(),
            to: to.clone(),
            rank_rule: rule,
            file: FileReport { name: written::ADAPTER.to_owned(), bytes: layout.len },
            dtype: request.dtype.name().to_owned(),
            modules,
            left_out,
            warnings: layout.warnings.into_iter().chain(config.warnings.clone()).collect(),
            update_norm: f64::sqrt(update_sq),
            error: f64::sqrt(rest_sq / update_sq),
        };
        let stem = format!("{}-to-{}", file_stem(&from, "before"), file_stem(&to, "after"));
        let written = Written { stem, config: config.text(), pieces };
        Ok(Extracted { report, written })
    }

    /// The model that every adapter here names, if they agree.
    fn base_model(&self) -> Option<String> {
        let names: BTreeSet<&String> =
            self.held.iter().filter_map(|held| held.analysed()?.report.base_model.as_ref()).collect();
        match names.len() {
            1 => names.first().map(|name| (*name).clone()),
            _ => None,
        }
    }
}

impl Task {
    /// Its factors go to `pieces`.
    pub(crate) async fn run<S: ByteSource, P: Pulse + Clone>(
        &self,
        chosen: &mut Chosen<P>,
        parts: Parts,
        reads: &[Read<'_, S>],
        pieces: &mut Vec<Piece<S::Piece>>,
    ) -> Result<Outcome, Stopped> {
        let Candidate { path, rows, cols, stored, tensors } = &self.one;
        let (ExtractRank::Number(most) | ExtractRank::Energy { most, .. }) = self.rank;
        let most = u64::from(most).min(*rows.min(cols)) as usize;
        let place = |(_, tensor): &(usize, TensorEntry)| {
            let dtype = crate::factor_type::of_tensor(&tensor.dtype)?;
            Some(Place { file: 0, begin: tensor.begin, dtype })
        };
        let (places, tile) = (tensors.iter().map(place).collect(), self.products / (4 * most as u64 + 16));
        let weight = Weight { rows: *rows, cols: *cols, places, most: tile.max(1) };
        let Some(mut update) = Streamed::open(chosen, reads, weight, parts).await? else {
            return Ok(Err("its update holds numbers that are not finite (NaN or infinity)".to_owned()));
        };
        let norm_sq = lorascope_kernels::linalg::Update::norm_sq(&mut update).await?;
        if norm_sq == 0.0 {
            return Ok(Err("it is the same in both checkpoints".to_owned()));
        }
        let thin = match self.rank {
            ExtractRank::Number(_) => truncated_svd(&mut update, most).await?,
            ExtractRank::Energy { share, .. } => svd_to_energy(&mut update, share, most).await?,
        };
        let rank = match self.rank {
            // The same for all, so that the configuration is a plain one; what X lacks is zero.
            ExtractRank::Number(_) => most,
            ExtractRank::Energy { .. } => thin.sigma.len().max(1),
        };
        let [left, right] = factors(&thin, rank).map(|factor| rounded(&factor, self.dtype));
        let rest = update.residual(rank, &by_rows(&left), &by_rows(&right)).await?;
        let mut encoded = Vec::with_capacity(2);
        for (factor, transposed) in [left, right].iter().zip(stored.transposed()) {
            let bytes = encode(factor, transposed, self.dtype, path);
            encoded.push(bytes.map_err(|error| Stopped::Failed(error.to_string()))?);
        }
        let report = ExtractedModule {
            name: path.clone(),
            shape: [*rows, *cols],
            rank: rank as u32,
            update_norm: norm_sq.sqrt(),
            error: (rest / norm_sq).sqrt(),
            singular_values: thin.sigma,
        };
        if !report.error.is_finite() {
            return Ok(Err("its update is beyond single precision".to_owned()));
        }
        for bytes in encoded {
            pieces.push(written::piece::<S>(0, bytes)?);
        }
        Ok(Ok((report, rest)))
    }
}

/// The rule in words.
///
/// # Errors
/// What cannot be asked for: in words.
fn checked(request: &ExtractRequest) -> Result<String, String> {
    if request.from == request.to {
        return Err("Choose two different checkpoints: nothing changes between one and itself.".to_owned());
    }
    let within = |rank: u32| {
        let error = || format!("A rank of {rank} cannot be extracted. Give one from 1 to {MAX_RANK}.");
        (1..=MAX_RANK).contains(&rank).then_some(rank).ok_or_else(error)
    };
    match request.rank {
        ExtractRank::Number(rank) => Ok(format!("rank {}", within(rank)?)),
        ExtractRank::Energy { share, most } if share > 0.0 && share <= 1.0 => {
            Ok(format!("{} % of the energy, at most rank {}", (share * 1e6).round() / 1e4, within(most)?))
        }
        ExtractRank::Energy { .. } => {
            Err("Give the share of the energy as a number above 0 and up to 100 per cent.".to_owned())
        }
    }
}

/// U·√Σ and V·√Σ with `rank` columns, zeros behind those that there are.
fn factors(thin: &Thin, rank: usize) -> [DMatrix<f32>; 2] {
    [&thin.u, &thin.v].map(|vectors| {
        DMatrix::from_fn(vectors.nrows(), rank, |i, j| {
            thin.sigma.get(j).map_or(0.0, |sigma| (vectors[(i, j)] * sigma.sqrt()) as f32)
        })
    })
}

/// As the file's reader will read it.
fn rounded(factor: &DMatrix<f32>, dtype: OutputType) -> DMatrix<f32> {
    factor.map(|x| match dtype {
        OutputType::F32 => x,
        OutputType::F16 => half::f16::from_f32(x).to_f32(),
        OutputType::Bf16 => half::bf16::from_f32(x).to_f32(),
    })
}

/// The paths of all modules with weights.
fn paths<S: ByteSource>(checkpoint: &Checkpoint<S>) -> Vec<String> {
    let names = checkpoint.tensors().filter_map(|(_, tensor)| tensor.name.strip_suffix(".weight"));
    names.map(lorascope_format::adapter::keys::clean).collect()
}
