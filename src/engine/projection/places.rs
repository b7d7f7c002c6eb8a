//! The place of every module in the target: its name, its layer and its size.

use std::collections::HashSet;

use super::layers::LayerMap;
use super::plan::{PlanError, Subject};
use super::sizes::{HandSizes, RANGE, words};
use super::target::{Goal, Number, Unsized};
use lorascope_format::adapter::names;
use lorascope_format::container::quoted;
use lorascope_protocol::projection::Method;
use lorascope_protocol::report::NotAnalyzed;

/// A module's place in the target.
pub struct Spot {
    pub name: String,
    pub layer: Option<u32>,
    pub shape: [u64; 2],
}

/// The place of every module, or why it has none.
///
/// # Errors
/// [`PlanError`] for a target that lacks a number that a module needs, or gives a size out of range.
pub fn spots(
    subjects: &[Subject<'_>],
    sizes: &HandSizes<'_>,
    goal: &Goal<'_>,
    layers: &LayerMap<'_>,
    method: Method,
    target: &str,
) -> Result<Vec<Result<Spot, String>>, PlanError> {
    let mut lacking = Lacking::default();
    let mut taken = HashSet::new();
    let mut spots = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let named = layers.place(subject).and_then(|layer| Ok((renamed(subject, layer)?, layer)));
        let (name, layer) = match named {
            Ok(named) => named,
            Err(reason) => {
                spots.push(Err(reason));
                continue;
            }
        };
        let shape = match sizes.of(subject).map_or_else(|| goal.shape(subject, &name), Ok) {
            Ok(shape) => kernel_fits(subject, shape, method).map(|()| shape),
            Err(Unsized::Here(reason)) => Err(reason),
            Err(Unsized::Lacks(number)) => {
                lacking.push(number, subject.role);
                Err(String::new())
            }
            Err(Unsized::OutOfRange(shape)) => return Err(out_of_range(subject, shape, target)),
        };
        spots.push(shape.and_then(|shape| {
            if taken.insert(name.clone()) {
                Ok(Spot { name, layer, shape })
            } else {
                Err(format!("another module of the adapter has already become {}", quoted(&name)))
            }
        }));
    }
    lacking.check(target).map(|()| spots)
}

/// The module's path with the target's layer.
fn renamed(subject: &Subject<'_>, layer: Option<u32>) -> Result<String, String> {
    match layer {
        Some(new) if subject.layer != layer => names::renumbered(subject.name, new)
            .ok_or_else(|| format!("its name shows no layer number that could become {new}")),
        _ => Ok(subject.name.to_owned()),
    }
}

fn kernel_fits(subject: &Subject<'_>, shape: [u64; 2], method: Method) -> Result<(), String> {
    let [inputs, kernel] = [shape[1], subject.kernel];
    if kernel > 1 && inputs % kernel != 0 {
        return Err(format!(
            "it is a convolution whose kernel has {kernel} elements, and {inputs} inputs are no multiple of that; give \
             channels · {kernel}"
        ));
    }
    if kernel > 1 && inputs != subject.shape[1] && method == Method::Interpolate {
        return Err("it is a convolution, and `interpolate` would mix the elements of its kernel; choose `svd` or \
                    `truncate`"
            .to_owned());
    }
    Ok(())
}

/// The numbers that a target's description lacks, and the roles that need them.
#[derive(Default)]
struct Lacking<'a>(Vec<(Number, Vec<&'a str>)>);

impl<'a> Lacking<'a> {
    fn push(&mut self, number: Number, role: &'a str) {
        match self.0.iter_mut().find(|(known, _)| *known == number) {
            Some((_, roles)) if roles.contains(&role) => {}
            Some((_, roles)) => roles.push(role),
            None => self.0.push((number, vec![role])),
        }
    }

    fn check(&self, target: &str) -> Result<(), PlanError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let said: Vec<String> =
            self.0.iter().map(|(number, roles)| format!("{}, for {}", number.words(), roles.join(", "))).collect();
        Err(PlanError(format!(
            "{target} lacks {}. Drop a config.json that has what is missing, choose a model from the list, or give the \
             sizes of these roles by hand.",
            said.join("; ")
        )))
    }
}

fn out_of_range(subject: &Subject<'_>, shape: [u64; 2], target: &str) -> PlanError {
    PlanError(format!(
        "{target} makes the role {} {}, and {RANGE}. Correct the number in it, choose a model from the list, or give \
         the size of this role by hand.",
        quoted(subject.role),
        words(shape)
    ))
}

/// Why there is no plan where no module has a place.
pub fn nothing_placed(unplaced: &[NotAnalyzed], target: &str) -> PlanError {
    let first = unplaced.first().map(|one| format!("{}: {}", quoted(&one.name), one.reason)).unwrap_or_default();
    let others = match unplaced.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} others)", count - 1),
    };
    PlanError(format!(
        "No module of the adapter has a place in {target}. {first}{others}. Give sizes by hand for a role or a module, \
         or choose another target."
    ))
}
