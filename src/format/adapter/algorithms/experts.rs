//! Experts of a mixture that one pair of tensors holds together: each becomes a module of its own.

use super::{Shaped, of_factors};
use crate::adapter::Factor;
use crate::adapter::config::PeftConfig;
use crate::adapter::fault::ModuleFault;
use crate::adapter::gather::Group;
use crate::adapter::tensor::{matrix, not_a_matrix};
use crate::adapter::update::{Form, Formula};
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
    name: &str,
    config: Option<&PeftConfig>,
) -> Result<Vec<Shaped>, ModuleFault> {
    let parameter = parameter_of(group.path, name, config);
    let whole = format!("{name}{parameter}");
    let r = config.and_then(|config| config.rank_of(&whole)).ok_or(ModuleFault::Experts)?;
    let ((rows, inputs), (outputs, _)) = (matrix(a, "lora_A")?, matrix(b, "lora_B")?);
    let experts = rows.checked_div(r).filter(|&n| n * r == rows).ok_or(ModuleFault::Experts)?;
    few_enough(experts, a, b)?;
    outputs.checked_mul(inputs).ok_or_else(|| ModuleFault::TooLarge { shape: format!("{:?}", a.shape) })?;
    let per_expert = a.byte_len() / experts;
    let expert = |e: u64| {
        let mut part = a.clone();
        part.begin = a.begin + e * per_expert;
        part.end = part.begin + per_expert;
        part.shape = vec![r, inputs];
        let formula = Formula::Strided { expert: e, experts };
        let shaped = Shaped::recipe("LoRA", formula, &[&part, b], Form::Factors(r), ([outputs, inputs], r));
        Shaped { suffix: format!("{parameter}.{e}"), ..shaped }
    };
    Ok((0..experts).map(expert).collect())
}

/// The parameter that a wrapper adapts, as `.gate_up_proj`: the inner of two nested wrappers has the one that the
/// module registers first.
fn parameter_of(path: &str, name: &str, config: Option<&PeftConfig>) -> String {
    let is_inner = path.ends_with(".base_layer");
    let mut named: Vec<&str> = config.map_or_else(Vec::new, |config| parameters(name, config).collect());
    // Modules of experts register `gate_up_proj` before `down_proj`, whatever the order in the list.
    named.sort_by_key(|parameter| parameter.contains("down"));
    let parameter = match (named.as_slice(), is_inner) {
        ([only], _) => only,
        ([first, ..], true) => first,
        ([.., last], false) => last,
        ([], true) => "gate_up_proj",
        ([], false) => return String::new(),
    };
    if parameter.is_empty() { String::new() } else { format!(".{parameter}") }
}

/// MLX's SwitchLinear: `lora_a` `[E, r, in]` (older: `[r·E, in]`) and `lora_b` `[E, out, r]`.
pub fn of_switch(a: &TensorEntry, b: &TensorEntry) -> Result<Vec<Shaped>, ModuleFault> {
    let [experts, outputs, rank] = b.shape[..] else { return Err(not_a_matrix(b, "lora_b")) };
    matrix(b, "lora_b")?;
    let inputs = match a.shape[..] {
        [e, r, inputs] if (e, r) == (experts, rank) => inputs,
        [rows, inputs] if experts.checked_mul(rank) == Some(rows) => inputs,
        _ => return Err(not_a_matrix(a, "lora_a")),
    };
    matrix(a, "lora_a")?;
    few_enough(experts, a, b)?;
    let part = |whole: &TensorEntry, e: u64, shape: [u64; 2]| {
        let bytes = whole.byte_len() / experts;
        let begin = whole.begin + e * bytes;
        TensorEntry { begin, end: begin + bytes, shape: shape.to_vec(), ..whole.clone() }
    };
    let expert = |e: u64| {
        let down = Factor { tensor: part(a, e, [rank, inputs]), rows: inputs, cols: rank, transposed: true };
        let up = Factor { tensor: part(b, e, [outputs, rank]), rows: outputs, cols: rank, transposed: false };
        Ok(Shaped { suffix: format!(".{e}"), ..of_factors(up, down)? })
    };
    (0..experts).map(expert).collect()
}
