//! Differences that are stored whole: of a weight, or of a norm's.

use super::{Rule, Shaped, need};
use crate::adapter::fault::ModuleFault;
use crate::adapter::gather::Group;
use crate::adapter::keys::Role;
use crate::adapter::tensor::{kernel, matrix, numbers};
use crate::adapter::update::{Form, Formula};
use crate::container::TensorEntry;

/// `diff`, of the weight's own shape.
pub fn diff(group: &Group<'_>) -> Result<Shaped, ModuleFault> {
    whole(Formula::Full, need(group, Role::Diff, "diff_b", "diff")?)
}

/// `w_norm` `[n]`.
pub fn norm(group: &Group<'_>) -> Result<Shaped, ModuleFault> {
    whole(Formula::Norm, need(group, Role::NormWeight, "b_norm", "w_norm")?)
}

fn whole(formula: Formula, tensor: &TensorEntry) -> Result<Shaped, ModuleFault> {
    let (rows, cols) = if tensor.shape.len() < 2 { (numbers(tensor)?, 1) } else { matrix(tensor, "diff")? };
    rows.checked_mul(cols).ok_or_else(|| ModuleFault::TooLarge { shape: format!("{:?}", tensor.shape) })?;
    let shaped = Shaped::recipe(formula, &[tensor], Form::Dense, ([rows, cols], 0));
    Ok(shaped.with_kernel(kernel(tensor)).by(Rule::One))
}
