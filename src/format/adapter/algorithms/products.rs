//! LoHa and LoKr: products of two matrices that are stored small. Neither product is formed where its factors are
//! thinner than ΔW.

use super::{Rule, Shaped, of_half};
use crate::adapter::MAX_RANK;
use crate::adapter::fault::ModuleFault;
use crate::adapter::gather::Group;
use crate::adapter::keys::{Half, Part};
use crate::adapter::metadata::Settings;
use crate::adapter::tensor::{kernel, matrix};
use crate::adapter::update::{Form, Formula, Small, Stored};
use crate::container::{TensorEntry, elements};

/// w1 ⊙ w2, where w_a `[out, r]` and w_b `[r, in·k…]`; with Tucker cores w_a `[r, out]`, w_b `[r, in]`, t `[r, r, k…]`.
///
/// A Hadamard product of ranks r₁ and r₂ has rank r₁·r₂ at most, by the row-wise Khatri-Rao products of the factors;
/// where that is no less than min(out, in), ΔW is formed whole.
pub fn hadamard(group: &Group<'_>) -> Result<Shaped, ModuleFault> {
    let names = [["hada_w1_a", "hada_w1_b", "hada_t1"], ["hada_w2_a", "hada_w2_b", "hada_t2"]];
    let mut halves = Vec::with_capacity(2);
    for (half, [a, b, t]) in [Half::First, Half::Second].into_iter().zip(names) {
        let of = |part| of_half(group, true, half, part);
        let w_a = of(Part::A).ok_or(ModuleFault::Orphan { has: b, lacks: a })?;
        let w_b = of(Part::B).ok_or(ModuleFault::Orphan { has: a, lacks: b })?;
        halves.push((product(w_a, w_b, of(Part::Core), [a, b, t])?, w_a, w_b, of(Part::Core)));
    }
    let [(first, a1, b1, t1), (second, a2, b2, t2)] = &halves[..] else {
        return Err(ModuleFault::Orphan { has: "hada_w1_a", lacks: "hada_w2_a" });
    };
    if first.shape != second.shape || t1.is_some() != t2.is_some() {
        let shapes = format!("{:?} and {:?}", first.shape, second.shape);
        return Err(ModuleFault::Halves { shapes });
    }
    let mut tensors = vec![*a1, *b1, *a2, *b2];
    tensors.extend([*t1, *t2].into_iter().flatten());
    let thin = first.width.saturating_mul(second.width);
    let least = first.shape[0].min(first.shape[1]);
    let (form, way) = if thin < least && thin <= MAX_RANK {
        let way = format!("two factors of {} · {} = {thin} columns", first.width, second.width);
        (Form::Factors(thin), format!("computed from {way} (row-wise Khatri-Rao), ΔW is never formed"))
    } else {
        let way = format!("{} · {} directions", first.width, second.width);
        (Form::Dense, format!("computed from ΔW formed whole: {way} are no fewer than its sides allow to use"))
    };
    let formula = Formula::Hadamard { tucker: t1.is_some() };
    // What a stored alpha is divided by (LyCORIS, `modules/loha.py`).
    let (rank, _) = matrix(b1, "hada_w1_b")?;
    let shaped = Shaped::recipe(formula, &tensors, form, (first.shape, rank));
    let shaped = shaped.with_kernel(t1.map_or(&[], |core| kernel(core)));
    Ok(Shaped { note: Some(way), ..shaped })
}

/// w1 ⊗ w2, each whole, or a·b, or with a Tucker core. The singular values are the products of those of the halves.
pub fn kron(group: &Group<'_>, module: &str, settings: &Settings<'_>) -> Result<Shaped, ModuleFault> {
    let mut tensors = Vec::with_capacity(6);
    let first = half(group, Half::First, ["lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_t1"], &mut tensors)?;
    let second = half(group, Half::Second, ["lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"], &mut tensors)?;
    let too_large = || ModuleFault::TooLarge { shape: format!("{:?} ⊗ {:?}", first.small.shape, second.small.shape) };
    let side = |n: usize| first.small.shape[n].checked_mul(second.small.shape[n]).ok_or_else(too_large);
    let shape = [side(0)?, side(1)?];
    shape[0].checked_mul(shape[1]).ok_or_else(too_large)?;
    // The rank that a stored alpha is divided by: w2's, else w1's; none where both are whole.
    let rank = second.rank.or(first.rank);
    let formula = Formula::Kron([first.stored, second.stored]);
    let form = Form::Kron([first.small, second.small]);
    let rule = match rank {
        Some(_) => Rule::Settings,
        // PEFT divides all the same (`tuners/lokr/layer.py`); LyCORIS stores a number without a meaning there.
        None if settings.config.is_some_and(|c| c.mlx.is_none() && c.rank_of(module).is_some()) => Rule::ConfiguredRank,
        None => Rule::One,
    };
    let shaped = Shaped::recipe(formula, &tensors, form, (shape, rank.unwrap_or_default()));
    let note =
        "computed from the two small matrices: the singular values of a Kronecker product are the products of theirs";
    Ok(Shaped { note: Some(note.to_owned()), ..shaped.with_kernel(&second.kernel).by(rule) })
}

/// One matrix of a LoKr.
struct KronHalf {
    stored: Stored,
    small: Small,
    /// Its inner dimension, where it is stored as a product.
    rank: Option<u64>,
    kernel: Vec<u64>,
}

fn half<'a>(
    group: &Group<'a>,
    half: Half,
    [whole, a, b, t]: [&'static str; 4],
    tensors: &mut Vec<&'a TensorEntry>,
) -> Result<KronHalf, ModuleFault> {
    let of = |part| of_half(group, false, half, part);
    if let Some(tensor) = of(Part::Whole) {
        // A number alone, or a vector, is a matrix of one column.
        let (rows, cols) =
            if tensor.shape.len() < 2 { (crate::adapter::tensor::numbers(tensor)?, 1) } else { matrix(tensor, whole)? };
        tensors.push(tensor);
        let small = Small { shape: [rows, cols], width: rows.min(cols) };
        return Ok(KronHalf { stored: Stored::Whole, small, rank: None, kernel: kernel(tensor).to_vec() });
    }
    let (Some(w_a), Some(w_b)) = (of(Part::A), of(Part::B)) else {
        let has = if of(Part::A).is_some() { a } else { b };
        return Err(match (of(Part::A), of(Part::B), half) {
            (None, None, Half::First) => ModuleFault::Orphan { has: "lokr_w2", lacks: "lokr_w1" },
            (None, None, Half::Second) => ModuleFault::Orphan { has: "lokr_w1", lacks: "lokr_w2" },
            _ => ModuleFault::Orphan { has, lacks: if has == a { b } else { a } },
        });
    };
    let core = of(Part::Core);
    let small = product(w_a, w_b, core, [a, b, t])?;
    tensors.extend([w_a, w_b]);
    tensors.extend(core);
    let (rank, _) = matrix(w_b, b)?;
    let taps = core.map_or_else(|| kernel(w_b), kernel).to_vec();
    let stored = if core.is_some() { Stored::Tucker } else { Stored::Product };
    Ok(KronHalf { stored, small, rank: Some(rank), kernel: taps })
}

/// What a·b gives, a `[m, r]` and b `[r, n…]`; or with a core t `[r, r, k…]`, a `[r, m]` and b `[r, n]`.
fn product(
    a: &TensorEntry,
    b: &TensorEntry,
    core: Option<&TensorEntry>,
    [a_name, b_name, t_name]: [&'static str; 3],
) -> Result<Small, ModuleFault> {
    let ((a0, a1), (b0, b1)) = (matrix(a, a_name)?, matrix(b, b_name)?);
    if b0 > MAX_RANK || (if core.is_some() { a0 } else { a1 }) > MAX_RANK {
        return Err(ModuleFault::TooLarge { shape: format!("{:?} and {:?}", a.shape, b.shape) });
    }
    let Some(core) = core else {
        if a1 != b0 {
            return Err(ModuleFault::RankMismatch { a: b0, b: a1 });
        }
        let size = a0.checked_mul(b1).ok_or_else(|| ModuleFault::TooLarge { shape: format!("{:?}", b.shape) })?;
        debug_assert!(size > 0);
        return Ok(Small { shape: [a0, b1], width: a1 });
    };
    let (t0, _) = matrix(core, t_name)?;
    if t0 != a0 || core.shape.get(1) != Some(&b0) {
        return Err(ModuleFault::Core { core: format!("{:?}", core.shape), a: b0, b: a0 });
    }
    let taps = elements(kernel(core)).unwrap_or(1);
    let cols = b1.checked_mul(taps).filter(|&cols| cols.checked_mul(a1).is_some());
    let cols = cols.ok_or_else(|| ModuleFault::TooLarge { shape: format!("{:?}", core.shape) })?;
    Ok(Small { shape: [a1, cols], width: a0 })
}
