//! VeRA and DeLoRA: a pair, and vectors that scale it.

use super::pair::linear;
use super::{Rule, Shaped, need};
use crate::adapter::fault::ModuleFault;
use crate::adapter::gather::Group;
use crate::adapter::keys::Role;
use crate::adapter::tensor::{matrix, numbers};
use crate::adapter::update::{Form, Formula};
use crate::container::TensorEntry;

/// λ_b `[out]` and λ_d `[r]` beside the shared A `[r, max_in]` and B `[max_out, r]`.
///
/// How many inputs the module has stands nowhere in the file: the shared A's width is taken, as in models whose
/// adapted layers all have the widest input.
pub fn vera(group: &Group<'_>, shared: [Option<&TensorEntry>; 2]) -> Result<Shaped, ModuleFault> {
    let out_scale = need(group, Role::VeraLambdaB, "vera_lambda_d", "vera_lambda_b")?;
    let in_scale = need(group, Role::VeraLambdaD, "vera_lambda_b", "vera_lambda_d")?;
    let [Some(a), Some(b)] = shared else { return Err(ModuleFault::SharedMissing) };
    let ((rank, inputs), (max_out, b_rank)) = (matrix(a, "vera_A")?, matrix(b, "vera_B")?);
    let (out, len) = (numbers(out_scale)?, numbers(in_scale)?);
    if rank != b_rank {
        return Err(ModuleFault::RankMismatch { a: rank, b: b_rank });
    }
    if len != rank {
        return Err(ModuleFault::Lengths { vector: "vera_lambda_d", shape: format!("[{len}]"), wanted: rank });
    }
    if out > max_out {
        return Err(ModuleFault::Lengths { vector: "vera_lambda_b", shape: format!("[{out}]"), wanted: max_out });
    }
    out.checked_mul(inputs).ok_or_else(|| ModuleFault::TooLarge { shape: format!("{out} × {inputs}") })?;
    let sizes = ([out, inputs], rank);
    let tensors = [a, b, out_scale, in_scale];
    let shaped = Shaped::recipe(Formula::Vera, &tensors, Form::Factors(rank), sizes).by(Rule::One);
    let note = format!(
        "the file does not say how many inputs the layer has: {inputs}, the width of the shared vera_A, is taken"
    );
    Ok(Shaped { note: Some(note), ..shaped })
}

/// A `[r, in]`, B `[out, r]`, λ `[1]`, and the norms of W's columns `[in]`.
pub fn delora(group: &Group<'_>) -> Result<Shaped, ModuleFault> {
    let a = need(group, Role::DeloraA, "delora_B", "delora_A")?;
    let b = need(group, Role::DeloraB, "delora_A", "delora_B")?;
    let lambda = need(group, Role::DeloraLambda, "delora_A", "delora_lambda")?;
    let norms = need(group, Role::DeloraNorm, "delora_A", "delora_w_norm")?;
    let plain = linear(a, b, false)?;
    for (vector, name, wanted) in [(lambda, "delora_lambda", 1), (norms, "delora_w_norm", plain.shape[1])] {
        if numbers(vector)? != wanted {
            return Err(ModuleFault::Lengths { vector: name, shape: format!("{:?}", vector.shape), wanted });
        }
    }
    let sizes = (plain.shape, plain.rank);
    let tensors = [a, b, lambda, norms];
    Ok(Shaped::recipe(Formula::Delora, &tensors, Form::Factors(plain.rank), sizes).by(Rule::One))
}
