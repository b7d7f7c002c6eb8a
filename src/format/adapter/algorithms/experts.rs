//! Experts of a mixture that one pair of tensors holds together: each becomes a module of its own.

use super::{At, Shaped, of_factors};
use crate::adapter::config::PeftConfig;
use crate::adapter::fault::ModuleFault;
use crate::adapter::gather::Group;
use crate::adapter::tensor::{matrix, not_a_matrix};
use crate::adapter::update::{Form, Formula};
use crate::adapter::{Expert, Factor};
use crate::container::TensorEntry;

/// Experts that one pair is taken apart into, at most: a header may name any number.
const MAX_EXPERTS: u64 = 4096;

/// Bytes of names that the modules of one pair may take together: each has its own copy.
const MAX_NAMES: u64 = 1 << 20;

fn few_enough(experts: u64, a: &TensorEntry, b: &TensorEntry) -> Result<(), ModuleFault> {
    let names = experts.saturating_mul((a.name.len() + b.name.len()) as u64);
    if experts <= MAX_EXPERTS && names <= MAX_NAMES {
        return Ok(());
    }
    Err(ModuleFault::TooLarge { shape: format!("{experts} experts of {:?} and {:?}", a.shape, b.shape) })
}

/// Whether the module owns a 3-D parameter of experts that PEFT adapts as a whole (`target_parameters`): its
/// factors hold the pairs of all experts, so their rank is a multiple of the configured one.
pub fn adapts_experts(module: &str, rank: u64, config: Option<&PeftConfig>) -> bool {
    if module.rsplit('.').next() == Some("experts") {
        return true;
    }
    let Some(config) = config else { return false };
    let is_multiple = || config.rank_of(module).is_some_and(|r| rank > r && rank.is_multiple_of(r));
    parameters(module, config).next().is_some() && is_multiple()
}

/// The parameters of a module that `target_parameters` names.
fn parameters<'c>(module: &'c str, config: &'c PeftConfig) -> impl Iterator<Item = &'c str> {
    config.target_parameters.iter().filter_map(move |parameter| {
        let (owner, name) = parameter.rsplit_once('.').unwrap_or((parameter.as_str(), ""));
        module.strip_suffix(owner).filter(|before| before.is_empty() || before.ends_with('.')).map(|_| name)
    })
}

/// PEFT's `target_parameters`: A `[r·E, a]` expert after expert, B `[b, r·E]` with the columns of expert e at e, e+E,
/// e+2E, … (PEFT, `tuners/lora/layer.py`, ParamWrapper).
pub fn of_parameter(
    group: &Group<'_>,
    (a, b): (&TensorEntry, &TensorEntry),
    at: At<'_>,
    config: Option<&PeftConfig>,
) -> Result<Vec<Shaped>, ModuleFault> {
    let parameter = parameter_of(group.path, at, config);
    // Patterns go by the parameter's own name, the model's path by that of its module.
    let whole = format!("{}{parameter}", at.name);
    let parameter = parameter.strip_suffix(".weight").unwrap_or(&parameter).to_owned();
    let r = config.and_then(|config| config.rank_of(&whole)).ok_or(ModuleFault::Experts)?;
    let ((rows, inputs), (outputs, _)) = (matrix(a, "lora_A")?, matrix(b, "lora_B")?);
    let experts = rows.checked_div(r).filter(|&n| n * r == rows).ok_or(ModuleFault::Experts)?;
    strided(a, b, [experts, r], [outputs, inputs], &parameter)
}

/// One module for each expert: A's rows expert after expert, B's columns of expert e at e, e+E, …
fn strided(
    a: &TensorEntry,
    b: &TensorEntry,
    [experts, rank]: [u64; 2],
    shape: [u64; 2],
    parameter: &str,
) -> Result<Vec<Shaped>, ModuleFault> {
    few_enough(experts, a, b)?;
    shape[0].checked_mul(shape[1]).ok_or_else(|| ModuleFault::TooLarge { shape: format!("{:?}", a.shape) })?;
    let expert = |e: u64| {
        let own = part(a, [experts, e], [rank, shape[1]]);
        let formula = Formula::Strided { expert: e, experts };
        let shaped = Shaped::recipe(formula, &[&own, b], Form::Factors(rank), (shape, rank));
        Shaped { suffix: format!("{parameter}.{e}"), expert: Some(Expert { number: e, shared: None }), ..shaped }
    };
    Ok((0..experts).map(expert).collect())
}

/// The parameter that a wrapper adapts, as `.gate_up_proj`: the inner of two nested wrappers has the one that the
/// module registers first.
fn parameter_of(path: &str, at: At<'_>, config: Option<&PeftConfig>) -> String {
    let is_inner = path.ends_with(".base_layer");
    let mut named: Vec<&str> = config.map_or_else(Vec::new, |config| parameters(at.name, config).collect());
    // Modules of experts register `gate_up_proj` before `down_proj`, whatever the order in the list.
    named.sort_by_key(|parameter| parameter.contains("down"));
    let parameter = match (named.as_slice(), is_inner) {
        ([only], _) => only,
        ([first, ..], true) => first,
        ([.., last], false) => last,
        ([], true) => "gate_up_proj",
        ([], false) if at.is_wrapper => "down_proj",
        ([], false) => return String::new(),
    };
    if parameter.is_empty() { String::new() } else { format!(".{parameter}") }
}

/// How the experts lie in two factors of three dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stack {
    /// `lora_A` `[E, r, in]` and `lora_B` `[E, out, r]` (MLX, GGUF); Tinker's have one of them for all experts, `[1, …]`.
    First,
    /// `lora_A` `[E, r, in]` and `lora_B` `[out, r, E]` (Megatron-Bridge, vLLM).
    Last,
}

impl Stack {
    fn of(a: &[u64], b: &[u64]) -> Option<Self> {
        let (&[experts, rank, _], &[first, second, third]) = (a, b) else { return None };
        if third == rank && (first == experts || first == 1 || experts == 1) {
            return Some(Self::First);
        }
        (second == rank && third == experts).then_some(Self::Last)
    }
}

/// Whether a module holds the experts of a mixture, by its path.
fn is_of_experts(name: &str) -> bool {
    name.split('.').any(|segment| segment == "experts" || segment.ends_with("_experts") || segment.ends_with("_exps"))
}

/// Experts that stand in a dimension of their own, each a module; `None` for factors that are no such stack. The kernel
/// of a one-dimensional convolution is a third dimension too: where both readings fit, the path decides.
pub fn of_stack(
    group: &Group<'_>,
    (a, b): (&TensorEntry, &TensorEntry),
    at: At<'_>,
    config: Option<&PeftConfig>,
) -> Option<Result<Vec<Shaped>, ModuleFault>> {
    let of_experts = is_of_experts(at.name);
    let is_kernel = || matches!((&a.shape[..], &b.shape[..]), ([r, _, _], [_, rank, 1]) if r == rank);
    if a.shape.len() != 3 || b.shape.len() != 3 || (is_kernel() && !of_experts) {
        return None;
    }
    let experts = match Stack::of(&a.shape, &b.shape) {
        Some(Stack::First) => of_switch(a, b),
        Some(Stack::Last) => of_last(a, b),
        None if of_experts => {
            let (a, b) = (format!("{:?}", a.shape), format!("{:?}", b.shape));
            Err(ModuleFault::ExpertShapes { a, b })
        }
        None => return None,
    };
    // PEFT's wrappers of a module's parameters do not say which they adapt.
    let is_owner = at.name.rsplit('.').next() == Some("experts");
    let parameter = if is_owner { parameter_of(group.path, at, config) } else { String::new() };
    let named = |expert: Shaped| Shaped { suffix: format!("{parameter}{}", expert.suffix), ..expert };
    Some(experts.map(|experts: Vec<Shaped>| experts.into_iter().map(named).collect()))
}

/// `lora_A` `[E, r, in]`, expert after expert, and `lora_B` `[out, r, E]`: the columns of expert e are at e, e+E, …
fn of_last(a: &TensorEntry, b: &TensorEntry) -> Result<Vec<Shaped>, ModuleFault> {
    let (&[experts, rank, inputs], &[outputs, _, _]) = (&a.shape[..], &b.shape[..]) else {
        return Err(not_a_matrix(a, "lora_A"));
    };
    matrix(a, "lora_A")?;
    matrix(b, "lora_B")?;
    strided(a, b, [experts, rank], [outputs, inputs], "")
}

/// One of so many equal parts of a tensor.
fn part(whole: &TensorEntry, [parts, n]: [u64; 2], shape: [u64; 2]) -> TensorEntry {
    let bytes = whole.byte_len() / parts;
    let begin = whole.begin + n * bytes;
    TensorEntry { begin, end: begin + bytes, shape: shape.to_vec(), ..whole.clone() }
}

/// `lora_a` `[E, r, in]` (MLX's older SwitchLinear: `[r·E, in]`) and `lora_b` `[E, out, r]`, or one of them `[1, …]` for
/// all experts.
pub fn of_switch(a: &TensorEntry, b: &TensorEntry) -> Result<Vec<Shaped>, ModuleFault> {
    let [of_b, outputs, rank] = b.shape[..] else { return Err(not_a_matrix(b, "lora_b")) };
    matrix(b, "lora_b")?;
    let (of_a, inputs) = match a.shape[..] {
        [e, r, inputs] if r == rank && (e == of_b || e == 1 || of_b == 1) => (e, inputs),
        [rows, inputs] if of_b.checked_mul(rank) == Some(rows) => (of_b, inputs),
        _ => return Err(not_a_matrix(a, "lora_a")),
    };
    matrix(a, "lora_a")?;
    let experts = of_a.max(of_b);
    few_enough(experts, a, b)?;
    let shared = match (of_a, of_b) {
        _ if of_a == of_b => None,
        (1, _) => Some(("lora_A", a)),
        _ => Some(("lora_B", b)),
    };
    let expert = |e: u64| {
        let own = |whole, parts: u64, shape| part(whole, [parts, e.min(parts - 1)], shape);
        let down = Factor { tensor: own(a, of_a, [rank, inputs]), rows: inputs, cols: rank, transposed: true };
        let up = Factor { tensor: own(b, of_b, [outputs, rank]), rows: outputs, cols: rank, transposed: false };
        let note =
            shared.map(|(factor, _)| format!("{factor} is one for all experts of this module (a shared outer factor)"));
        let once = shared.map(|(_, tensor)| tensor.name.clone());
        let number = Some(Expert { number: e, shared: once });
        Ok(Shaped { suffix: format!(".{e}"), expert: number, note, ..of_factors(up, down)? })
    };
    (0..experts).map(expert).collect()
}
