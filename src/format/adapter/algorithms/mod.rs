//! From a module's tensors to its update: which algorithm they are of, decided by the tensors that only it has.

use super::fault::ModuleFault;
use super::gather::Group;
use super::keys::{Half, Part, Role};
use super::metadata::Settings;
use super::tensor::is_decodable;
use super::update::{Axis, Form, Formula, Recipe};
use super::{Expert, Factor, Update};
use crate::container::TensorEntry;

mod based;
mod experts;
mod full;
mod pair;
mod products;
mod vector;

/// An update and what its shapes say.
#[derive(Clone, Debug)]
pub struct Shaped {
    pub update: Update,
    /// `[out, in·k…]`.
    pub shape: [u64; 2],
    /// Inner dimension of the stored factors; 0 for what has none.
    pub rank: u64,
    pub kernel: Vec<u64>,
    pub inputs_first: bool,
    pub rule: Rule,
    pub note: Option<String>,
    /// What its name gets at its end: an expert's number.
    pub suffix: String,
    /// Which one it is.
    pub expert: Option<Expert>,
}

/// How the scale is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// By a stored number or the settings.
    Settings,
    /// As `Settings`, the divisor being the configuration's rank: the tensors have none.
    ConfiguredRank,
    /// By AdaLoRA's own settings.
    AdaLora,
    /// It is 1 whatever the file says.
    One,
}

impl Shaped {
    fn new(update: Update, shape: [u64; 2], rank: u64) -> Self {
        let (kernel, suffix) = (Vec::new(), String::new());
        Self {
            update,
            shape,
            rank,
            kernel,
            inputs_first: false,
            rule: Rule::Settings,
            note: None,
            suffix,
            expert: None,
        }
    }

    fn recipe(formula: Formula, tensors: &[&TensorEntry], form: Form, (shape, rank): ([u64; 2], u64)) -> Self {
        let tensors = tensors.iter().map(|&tensor| tensor.clone()).collect();
        Self::new(Update::Recipe(Box::new(Recipe { formula, tensors, form })), shape, rank)
    }

    fn with_kernel(self, kernel: &[u64]) -> Self {
        Self { kernel: kernel.to_vec(), ..self }
    }

    fn by(self, rule: Rule) -> Self {
        Self { rule, ..self }
    }
}

/// A module's place in the model, as far as formulas ask.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// Its name in the model.
    pub name: &'a str,
    pub role: &'a str,
    /// Whether the file adapts another parameter of the same module, inside of this one.
    pub is_wrapper: bool,
    /// VeRA's shared matrices.
    pub shared: [Option<&'a TensorEntry>; 2],
}

/// The updates of a group: one, or one for each expert.
///
/// # Errors
/// Why it has none.
pub fn shaped(group: &Group<'_>, at: At<'_>, settings: &Settings<'_>) -> Result<Vec<Shaped>, ModuleFault> {
    let one = |shaped: Result<Shaped, ModuleFault>| shaped.map(|shaped| vec![shaped]);
    let any = |wanted: fn(Role) -> bool| group.has_any(wanted);
    let direction = if any(|r| matches!(r, Role::Kron(..))) {
        one(products::kron(group, at.name, settings))
    } else if any(|r| matches!(r, Role::Hada(..))) {
        one(products::hadamard(group))
    } else if group.has(Role::AdaLora) {
        one(pair::adalora(group))
    } else if group.has(Role::OftBlocks) {
        one(based::oft(group, settings))
    } else if group.has(Role::OnInput) || group.has(Role::Ia3) {
        one(based::ia3(group, settings))
    } else if group.has(Role::Glora(0)) {
        one(based::glora(group))
    } else if group.has(Role::Mid) {
        one(pair::tucker(group))
    } else if group.has(Role::Kasa) {
        Err(ModuleFault::Variant {
            variant: "KaSA",
            why: "its base was changed before training: the smallest singular values of W were dropped",
        })
    } else if any(|r| matches!(r, Role::HiraA | Role::HiraB)) {
        one(based::hira(group))
    } else if any(|r| matches!(r, Role::VeraLambdaB | Role::VeraLambdaD)) {
        one(vector::vera(group, at.shared))
    } else if group.has(Role::Miss) {
        one(based::miss(group))
    } else if any(|r| matches!(r, Role::DeloraA | Role::DeloraB)) {
        one(vector::delora(group))
    } else if any(Role::is_pair) {
        pair::pair(group, at, settings)
    } else if group.has(Role::NormWeight) {
        one(full::norm(group))
    } else if group.has(Role::Diff) {
        one(full::diff(group))
    } else if group.has(Role::SetWeight) {
        one(based::replacement(group))
    } else {
        Err(ModuleFault::Parts { has: parts(group) })
    };
    let mut direction = direction?;
    if let Some(magnitude) = group.get(Role::Magnitude) {
        direction = direction.into_iter().map(|d| based::dora(d, magnitude)).collect::<Result<_, _>>()?;
    }
    Ok(direction)
}

/// L·Rᵀ out of two factors.
fn of_factors(left: Factor, right: Factor) -> Result<Shaped, ModuleFault> {
    let too_large = || ModuleFault::TooLarge { shape: format!("{} × {} × {}", left.rows, left.cols, right.rows) };
    u32::try_from(left.cols).map_err(|_| too_large())?;
    left.rows.checked_mul(right.rows).ok_or_else(too_large)?;
    let (shape, rank) = ([left.rows, right.rows], left.cols);
    let is_plain = is_decodable(&left.tensor.dtype) && is_decodable(&right.tensor.dtype);
    if is_plain {
        return Ok(Shaped::new(Update::Pair { left, right }, shape, rank));
    }
    let turned = [left.transposed, right.transposed];
    let tensors = [&left.tensor, &right.tensor];
    Ok(Shaped::recipe(Formula::Product { turned }, &tensors, Form::Factors(rank), (shape, rank)))
}

/// The tensors of a group that make no update.
fn parts(group: &Group<'_>) -> String {
    let last = |tensor: &TensorEntry| {
        let rest = tensor.name.strip_prefix(group.path).unwrap_or(&tensor.name);
        rest.trim_start_matches('.').to_owned()
    };
    group.tensors().map(|(_, tensor)| last(tensor)).collect::<Vec<_>>().join(", ")
}

/// A tensor that has to be there.
fn need<'a>(
    group: &Group<'a>,
    role: Role,
    has: &'static str,
    lacks: &'static str,
) -> Result<&'a TensorEntry, ModuleFault> {
    group.get(role).ok_or(ModuleFault::Orphan { has, lacks })
}

/// One of the four matrices of a LoHa, or of a LoKr's halves.
fn of_half<'a>(group: &Group<'a>, hadamard: bool, half: Half, part: Part) -> Option<&'a TensorEntry> {
    group.get(if hadamard { Role::Hada(half, part) } else { Role::Kron(half, part) })
}

/// Along which side of `[out, in, k…]` a DoRA magnitude lies, by its shape: `[out]`, `[out, 1…]`, PEFT's `[1, out, 1…]`
/// of a convolution, or LyCORIS' `[1, in, 1…]`.
fn axis(magnitude: &TensorEntry, out: u64, inputs: u64) -> Option<Axis> {
    let ones = |dims: &[u64]| dims.iter().all(|&d| d == 1);
    let of_peft = magnitude.name.contains("lora_magnitude_vector");
    match &magnitude.shape[..] {
        [n, rest @ ..] if *n == out && ones(rest) => Some(Axis::Out),
        [1, n, rest @ ..] if of_peft && *n == out && ones(rest) => Some(Axis::Out),
        [1, n, rest @ ..] if !of_peft && *n == inputs && ones(rest) => Some(Axis::In),
        // Factors that flatten a convolution do not say how many channels it has; the dimensions here do.
        [1, n, 1, rest @ ..] if !of_peft && *n > 0 && inputs.is_multiple_of(*n) && ones(rest) => Some(Axis::In),
        _ => None,
    }
}
