//! Updates that are defined on the base model's weight.

use super::pair::linear;
use super::{Rule, Shaped, axis, need};
use crate::adapter::fault::ModuleFault;
use crate::adapter::gather::Group;
use crate::adapter::keys::Role;
use crate::adapter::metadata::Settings;
use crate::adapter::tensor::{kernel, matrix, numbers};
use crate::adapter::update::{Axis, Form, Formula, Recipe, Update};
use crate::container::{TensorEntry, elements};

/// A direction and the magnitude beside it.
pub fn dora(direction: Shaped, magnitude: &TensorEntry) -> Result<Shaped, ModuleFault> {
    let [out, cols] = direction.shape;
    let inputs = cols / elements(&direction.kernel).filter(|&taps| taps > 0).unwrap_or(1);
    numbers(magnitude)?;
    let is_embedding = magnitude.name.contains("lora_magnitude_vector") && is_embedding(&direction.update);
    let along = match magnitude.shape[..] {
        [n] if is_embedding && n == cols => Some(Axis::Column),
        [n] if direction.inputs_first && n == cols => Some(Axis::Column),
        _ => axis(magnitude, out, inputs),
    };
    let Some(along) = along else {
        let shape = format!("{:?}", magnitude.shape);
        return Err(ModuleFault::Lengths { vector: "the DoRA magnitude", shape, wanted: out });
    };
    let mut tensors: Vec<TensorEntry> = direction.update.tensors().into_iter().cloned().collect();
    tensors.push(magnitude.clone());
    let formula = Formula::Dora { direction: Box::new(direction.update), axis: along };
    let update = Update::Recipe(Box::new(Recipe { formula, tensors, form: Form::OfBase }));
    let note = "the factors s·B·A only: the magnitude is applied to the base model's weight, so drop the base \
                checkpoint too for the exact update";
    Ok(Shaped { update, note: Some(note.to_owned()), ..direction })
}

fn is_embedding(update: &Update) -> bool {
    matches!(update, Update::Pair { left, .. } if left.tensor.name.contains("lora_embedding_A"))
}

/// PEFT: l `[out, 1]` or, in feed-forward layers, `[1, in]`. LyCORIS: `weight` `[n]` or `[1, n, 1, 1]`, an offset from
/// 1, along the inputs where `on_input` is set, which only the number says. With `fan_in_fan_out` the base's weight is
/// `[in, out]`, and PEFT turns l.
pub fn ia3(group: &Group<'_>, settings: &Settings<'_>) -> Result<Shaped, ModuleFault> {
    if let Some(l) = group.get(Role::Ia3) {
        numbers(l)?;
        let is_turned = settings.config.is_some_and(|config| config.mlx.is_none() && config.fan_in_fan_out);
        let (formula, size) = match l.shape[..] {
            [n, 1] if is_turned && n > 1 => (Formula::Ia3 { axis: Axis::Column, offset: false }, [1, n]),
            [1, n] if is_turned => (Formula::Ia3 { axis: Axis::Out, offset: false }, [n, 1]),
            [n, 1] if n > 1 => (Formula::Ia3 { axis: Axis::Out, offset: false }, [n, 1]),
            [1, n, ..] if l.shape.len() > 2 => return Ok(of_both(l, n, false)),
            [1, n] => (Formula::Ia3 { axis: Axis::In, offset: false }, [1, n]),
            [n] => (Formula::Ia3 { axis: Axis::Out, offset: false }, [n, 1]),
            _ => return Err(crate::adapter::tensor::not_a_matrix(l, "ia3_l")),
        };
        return Ok(Shaped::recipe(formula, &[l], Form::OfBase, (size, 0)).by(Rule::One));
    }
    let on_input = need(group, Role::OnInput, "weight", "on_input")?;
    let weight = need(group, Role::Ia3Weight, "on_input", "weight")?;
    let n = numbers(weight)?;
    one_number(on_input, "on_input")?;
    let formula = Formula::Ia3 { axis: Axis::Flag, offset: true };
    Ok(Shaped::recipe(formula, &[weight, on_input], Form::OfBase, ([n, 1], 0)).by(Rule::One))
}

/// A tensor that only holds a setting.
fn one_number(tensor: &TensorEntry, name: &'static str) -> Result<(), ModuleFault> {
    if elements(&tensor.shape) == Some(1) {
        return Ok(());
    }
    Err(ModuleFault::Lengths { vector: name, shape: format!("{:?}", tensor.shape), wanted: 1 })
}

/// A convolution's `[1, C, 1, 1]` scales outputs, or inputs in feed-forward layers: the base's sizes tell.
fn of_both(l: &TensorEntry, n: u64, offset: bool) -> Shaped {
    let formula = Formula::Ia3 { axis: Axis::Either, offset };
    Shaped::recipe(formula, &[l], Form::OfBase, ([n, 1], 0)).by(Rule::One)
}

/// A `[r, in]`, B `[out, r]`.
pub fn hira(group: &Group<'_>) -> Result<Shaped, ModuleFault> {
    let a = need(group, Role::HiraA, "hira_B", "hira_A")?;
    let b = need(group, Role::HiraB, "hira_A", "hira_B")?;
    let plain = linear(a, b, false)?;
    let shaped = Shaped::recipe(Formula::Hira, &[a, b], Form::OfBase, (plain.shape, plain.rank));
    Ok(shaped.with_kernel(&plain.kernel).by(Rule::One))
}

/// a1 `[in, r]`, a2 `[r, in]`, b1 `[out, r]`, b2 `[r, in·k…]`.
pub fn glora(group: &Group<'_>) -> Result<Shaped, ModuleFault> {
    let of = |n| need(group, Role::Glora(n), "a1", "the other matrices of GLoRA");
    let tensors @ [a1, a2, b1, b2] = [of(0)?, of(1)?, of(2)?, of(3)?];
    let ((inputs, r1), (r2, a_in)) = (matrix(a1, "a1")?, matrix(a2, "a2")?);
    let ((out, s1), (s2, cols)) = (matrix(b1, "b1")?, matrix(b2, "b2")?);
    let taps = elements(kernel(b2)).unwrap_or(1);
    if r1 != r2 || s1 != s2 || inputs != a_in || inputs.checked_mul(taps) != Some(cols) {
        let shapes: Vec<_> = tensors.iter().map(|tensor| format!("{:?}", tensor.shape)).collect();
        return Err(ModuleFault::Halves { shapes: shapes.join(", ") });
    }
    out.checked_mul(cols).ok_or_else(|| ModuleFault::TooLarge { shape: format!("{out} × {cols}") })?;
    let shaped = Shaped::recipe(Formula::Glora, &tensors, Form::OfBase, ([out, cols], s1));
    Ok(shaped.with_kernel(kernel(b2)))
}

/// `[k, n, n]`, and `rescale` `[out, 1…]`. A 4-D tensor is a BOFT's.
pub fn oft(group: &Group<'_>, settings: &Settings<'_>) -> Result<Shaped, ModuleFault> {
    let blocks = need(group, Role::OftBlocks, "rescale", "oft_blocks")?;
    numbers(blocks)?;
    let [k, n, m] = blocks.shape[..] else {
        return Err(ModuleFault::Variant {
            variant: "BOFT",
            why: "it turns the base model's weight by a butterfly of rotations, which is not computed here",
        });
    };
    if n != m {
        return Err(crate::adapter::tensor::not_a_matrix(blocks, "oft_blocks"));
    }
    if settings.is_kohya_oft {
        let why = "sd-scripts clamps the rotations of the base's weight by a constraint, which is not computed here";
        return Err(ModuleFault::Variant { variant: "OFT", why });
    }
    let out = k.checked_mul(n).ok_or_else(|| ModuleFault::TooLarge { shape: format!("{:?}", blocks.shape) })?;
    let mut tensors = vec![blocks];
    let rescale = group.get(Role::Rescale);
    if let Some(rescale) = rescale {
        if numbers(rescale)? != out {
            let shape = format!("{:?}", rescale.shape);
            return Err(ModuleFault::Lengths { vector: "rescale", shape, wanted: out });
        }
        tensors.push(rescale);
    }
    // The constraint: 0, or none, leaves the rotations as they are.
    let alpha = group.get(Role::Alpha);
    alpha.map_or(Ok(()), |alpha| one_number(alpha, "alpha"))?;
    tensors.extend(alpha);
    let formula = Formula::Oft { rescale: rescale.is_some(), constraint: alpha.is_some() };
    Ok(Shaped::recipe(formula, &tensors, Form::OfBase, ([out, 1], 0)).by(Rule::One))
}

/// `[r, out]`; the base's weight says how many inputs it repeats over.
pub fn miss(group: &Group<'_>) -> Result<Shaped, ModuleFault> {
    let block = need(group, Role::Miss, "miss", "miss_block")?;
    let (rank, out) = matrix(block, "miss_block")?;
    // `[out/r, r, r]`: its first dimension may equal the rank of an ordinary one, and all its sizes those of the base.
    if block.shape.len() != 2 {
        let why = "it multiplies blocks of the base model's weight (init_weights \"bat\"), which is not computed here";
        return Err(ModuleFault::Variant { variant: "MiSS", why });
    }
    Ok(Shaped::recipe(Formula::Miss, &[block], Form::OfBase, ([out, 1], rank)).by(Rule::One))
}

/// `set_weight`, of the weight's own shape.
pub fn replacement(group: &Group<'_>) -> Result<Shaped, ModuleFault> {
    let weight = need(group, Role::SetWeight, "set_weight", "set_weight")?;
    let (rows, cols) = if weight.shape.len() < 2 { (numbers(weight)?, 1) } else { matrix(weight, "set_weight")? };
    rows.checked_mul(cols).ok_or_else(|| ModuleFault::TooLarge { shape: format!("{:?}", weight.shape) })?;
    let shaped = Shaped::recipe(Formula::Replace, &[weight], Form::OfBase, ([rows, cols], 0));
    Ok(shaped.with_kernel(kernel(weight)).by(Rule::One))
}
