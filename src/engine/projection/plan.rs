//! Where every module goes, at which size and rank: decided before anything is computed.

use std::collections::HashMap;

use super::layers::LayerMap;
use super::places::{Spot, nothing_placed, spots};
use super::rank;
use super::sizes::{HandSizes, check_cost};
use super::target::Goal;
use lorascope_format::container::{TensorEntry, quoted};
use lorascope_protocol::projection::{Method, ModelShape, PlanRow, RankRule, Request};
use lorascope_protocol::report::NotAnalyzed;

/// A module of the source, as far as the plan needs it.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Path in the model.
    pub name: &'a str,
    pub layer: Option<u32>,
    pub stack: &'a str,
    pub role: &'a str,
    /// `[out, in]` of ΔW, as the base model stores the weight; for a convolution in is channels·kernel.
    pub shape: [u64; 2],
    pub rank: u32,
    /// Singular values without the scale, descending, min(out, in, rank) of them.
    pub sigma: &'a [f64],
    pub scale: f64,
    /// The base stores the weight as `[in, out]` (GPT-2's Conv1D).
    pub swapped: bool,
    /// Elements of a convolution's kernel; 1 for a linear module or an embedding.
    pub kernel: u64,
}

/// What a target says about sizes.
#[derive(Clone, Copy, Debug)]
pub enum TargetShape<'a> {
    Unchanged,
    Model(&'a ModelShape),
    /// Names and shapes of a checkpoint's tensors, over all its files.
    Weights(&'a [TensorEntry]),
}

/// A whole plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub method: Method,
    pub rows: Vec<PlanRow>,
    /// Modules of the source that have no place in the target, and why.
    pub unplaced: Vec<NotAnalyzed>,
    /// The share of the whole adapter's energy that the kept singular values hold, scales included. A module without
    /// a place keeps none of its own.
    pub kept: f64,
    /// The base that the result is for; `None` where nobody says.
    pub base_model: Option<String>,
    /// No module's size or name changes.
    pub same_model: bool,
    /// Layers of the source, and of the target where it says.
    pub source_layers: u32,
    pub target_layers: Option<u32>,
    /// Sentences for a person.
    pub warnings: Vec<String>,
}

/// Why there is no plan, in sentences for a person: what is wrong and what to give instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(pub String);

/// Makes the plan. `base_model` is the source's; `target_words` names the target in sentences: "config.json",
/// "Llama 3.2 1B".
///
/// # Errors
/// [`PlanError`]: a size of zero or beyond what can be computed, a target that lacks a needed number, that shares no module
/// with the adapter, or that has a place for none.
pub fn plan(
    subjects: &[Subject<'_>],
    request: &Request,
    target: TargetShape<'_>,
    target_words: &str,
    base_model: Option<&str>,
) -> Result<Plan, PlanError> {
    let method = request.method;
    rank::check(request.rank, method)?;
    if subjects.is_empty() {
        return Err(PlanError("The adapter has no module that could be projected. Choose another adapter.".to_owned()));
    }
    let sizes = HandSizes::new(&request.sizes, subjects)?;
    let goal = Goal::new(target);
    goal.check_shared(subjects, |subject| sizes.of(subject).is_some(), target_words)?;
    let layers = LayerMap::new(subjects, &goal, request.layers, target_words)?;
    let spots = spots(subjects, &sizes, &goal, &layers, method, target_words)?;
    let ranks = ranks(subjects, &spots, request, method);

    let mut rows = Vec::new();
    let mut unplaced = Vec::new();
    for ((subject, spot), &rank) in subjects.iter().zip(spots).zip(&ranks) {
        match spot.and_then(|spot| check_cost(spot.shape, rank).map(|()| spot)) {
            Ok(spot) => rows.push(row(subject, spot, rank, method)),
            Err(reason) => unplaced.push(NotAnalyzed { name: subject.name.to_owned(), reason }),
        }
    }
    if rows.is_empty() {
        return Err(nothing_placed(&unplaced, target_words));
    }
    let same_model = rows.iter().all(|row| row.name == row.source && row.shape == row.from);
    let (source_layers, target_layers) = layers.counts();
    let base_model = base_of(request, target, same_model, base_model);
    let kept = whole_kept(subjects, &rows);
    let warnings = Vec::new();
    let mut plan =
        Plan { method, rows, unplaced, kept, base_model, same_model, source_layers, target_layers, warnings };
    plan.warnings = warnings_of(subjects, &plan, request, &layers, target_words);
    Ok(plan)
}

/// The rank of every module of the result; with `uniform` one for all, as far as a module can have it.
fn ranks(subjects: &[Subject<'_>], spots: &[Result<Spot, String>], request: &Request, method: Method) -> Vec<u32> {
    let own: Vec<u32> = subjects.iter().map(|subject| rank::of(subject, request.rank, method)).collect();
    if !request.uniform || method != Method::Svd {
        return own;
    }
    let placed = own.iter().zip(spots).filter(|(_, spot)| spot.is_ok());
    let largest = placed.map(|(&rank, _)| rank).max().unwrap_or(1);
    subjects.iter().map(|subject| largest.min(rank::most(subject)).max(1)).collect()
}

fn row(subject: &Subject<'_>, spot: Spot, rank: u32, method: Method) -> PlanRow {
    let svd = method == Method::Svd;
    PlanRow {
        source: subject.name.to_owned(),
        name: spot.name,
        layer: spot.layer,
        from: subject.shape,
        shape: spot.shape,
        source_rank: subject.rank,
        rank,
        scale: subject.scale,
        kept: if svd { rank::kept(subject.sigma, rank) } else { 1.0 },
        gain: if svd && spot.shape != subject.shape { gain(subject.shape, spot.shape) } else { 1.0 },
    }
}

/// ((m·n)/(m'·n'))^¼, as the reference writes it.
fn gain(from: [u64; 2], to: [u64; 2]) -> f64 {
    let side = |[m, n]: [u64; 2]| (m as f64 * n as f64).sqrt();
    (side(from) / side(to)).sqrt()
}

/// The share of the whole adapter's energy; a module without a place keeps none.
fn whole_kept(subjects: &[Subject<'_>], rows: &[PlanRow]) -> f64 {
    let norms: Vec<f64> = subjects.iter().map(rank::norm).collect();
    let largest = norms.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 || !largest.is_finite() {
        return 1.0;
    }
    let kept: HashMap<&str, f64> = rows.iter().map(|row| (row.source.as_str(), row.kept)).collect();
    let (mut part, mut whole) = (0.0, 0.0);
    for (subject, norm) in subjects.iter().zip(norms) {
        // Relative to the largest, so that no square leaves the range of a double.
        let energy = (norm / largest).powi(2);
        whole += energy;
        part += energy * kept.get(subject.name).copied().unwrap_or(0.0);
    }
    f64::min(part / whole, 1.0)
}

fn base_of(request: &Request, target: TargetShape<'_>, same: bool, source: Option<&str>) -> Option<String> {
    let asked = request.base_model.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let target = match target {
        TargetShape::Model(model) => model.name.as_deref(),
        TargetShape::Unchanged | TargetShape::Weights(_) => None,
    };
    asked.or(target).or(source.filter(|_| same)).map(str::to_owned)
}

fn warnings_of(
    subjects: &[Subject<'_>],
    plan: &Plan,
    request: &Request,
    layers: &LayerMap<'_>,
    target: &str,
) -> Vec<String> {
    let share = |count: usize| match subjects.len() {
        1 => "its only module".to_owned(),
        all if all == count => format!("all {all} modules"),
        all => format!("{count} of {all} modules"),
    };
    let mut warnings: Vec<String> = layers.warning(target).into_iter().collect();
    if let Some(first) = plan.unplaced.first() {
        let first = quoted(&first.name);
        warnings.push(format!(
            "Without a place in {target}: {}, first {first}. Each is listed with its reason.",
            share(plan.unplaced.len())
        ));
    }
    if let RankRule::Number(rank) = request.rank {
        let smaller = plan.rows.iter().filter(|row| row.rank < rank).count();
        if smaller > 0 {
            warnings.push(format!("The rank {rank} is above that of {}: their own rank stays.", share(smaller)));
        }
    }
    let still = subjects.iter().filter(|subject| rank::norm(subject) == 0.0).count();
    if still > 0 {
        warnings.push(format!("Without energy, so that the adapter changes nothing there: {}.", share(still)));
    }
    if !plan.same_model && plan.base_model.is_none() {
        warnings.push(
            "Nothing says which model the result is for. Give its name, so that `base_model_name_or_path` is right."
                .to_owned(),
        );
    }
    warnings
}
