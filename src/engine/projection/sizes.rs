//! Sizes: those given by hand, and what can be computed at all.

use std::collections::HashMap;

use super::plan::{PlanError, Subject};
use lorascope_format::adapter::names::role_order;
use lorascope_format::container::quoted;
use lorascope_kernels::plan::{MAX_NUMBERS, MAX_RANK};
use lorascope_protocol::projection::{Size, SizeOf};

/// The longest side of a module's result.
const MAX_SIDE: u64 = 1 << 20;

/// Whether both sides can be computed.
pub fn in_range(shape: [u64; 2]) -> bool {
    shape.iter().all(|side| (1..=MAX_SIDE).contains(side))
}

/// The range of a side, as a sentence's end.
pub const RANGE: &str = "every side has to be 1 to 1,048,576";

pub fn words([out, inputs]: [u64; 2]) -> String {
    format!("{out} × {inputs}")
}

/// Whether factors of this rank can be computed.
///
/// # Errors
/// Why not, as part of a sentence.
pub fn check_cost(shape: [u64; 2], rank: u32) -> Result<(), String> {
    let rank = u64::from(rank);
    let numbers = shape[0].max(shape[1]).checked_mul(rank);
    if rank <= MAX_RANK && numbers.is_some_and(|numbers| numbers <= MAX_NUMBERS) {
        return Ok(());
    }
    Err(format!(
        "at {} and rank {rank} it is beyond what is computed here (ranks to 1024, factors to 64 Mi numbers); choose a \
         smaller rank",
        words(shape)
    ))
}

/// The sizes that a person gave; a module's own go before its role's, and the last given counts.
pub struct HandSizes<'a> {
    modules: HashMap<&'a str, [u64; 2]>,
    roles: HashMap<&'a str, [u64; 2]>,
}

impl<'a> HandSizes<'a> {
    /// # Errors
    /// [`PlanError`] for a role or a module that the adapter does not have, and for a side out of range.
    pub fn new(sizes: &'a [Size], subjects: &[Subject<'_>]) -> Result<Self, PlanError> {
        let mut new = Self { modules: HashMap::new(), roles: HashMap::new() };
        for Size { of, shape } in sizes {
            let what = match of {
                SizeOf::Role(role) => {
                    new.roles.insert(role, *shape);
                    if !subjects.iter().any(|subject| subject.role == role) {
                        return Err(no_such_role(role, subjects));
                    }
                    format!("the role {}", quoted(role))
                }
                SizeOf::Module(name) => {
                    new.modules.insert(name, *shape);
                    if !subjects.iter().any(|subject| subject.name == name) {
                        return Err(no_such_module(name, subjects));
                    }
                    format!("the module {}", quoted(name))
                }
            };
            if !in_range(*shape) {
                return Err(PlanError(format!(
                    "The size {} given for {what} cannot be used: {RANGE}. Correct it, or leave it out.",
                    words(*shape)
                )));
            }
        }
        Ok(new)
    }

    pub fn of(&self, subject: &Subject<'_>) -> Option<[u64; 2]> {
        self.modules.get(subject.name).or_else(|| self.roles.get(subject.role)).copied()
    }
}

fn no_such_role(role: &str, subjects: &[Subject<'_>]) -> PlanError {
    let mut roles: Vec<&str> = subjects.iter().map(|subject| subject.role).collect();
    roles.sort_by_key(|role| (role_order(role), *role));
    roles.dedup();
    let role = quoted(role);
    PlanError(format!(
        "A size is given for the role {role}, and no module of the adapter has it. Its roles are {}: give the size for \
         one of these.",
        roles.join(", ")
    ))
}

fn no_such_module(name: &str, subjects: &[Subject<'_>]) -> PlanError {
    let first = subjects.first().map_or_else(String::new, |subject| quoted(subject.name));
    let last = name.rsplit('.').next().unwrap_or(name);
    let alike = subjects.iter().find(|subject| subject.name.rsplit('.').next() == Some(last));
    let example = alike.map_or(first, |subject| quoted(subject.name));
    let name = quoted(name);
    PlanError(format!(
        "A size is given for the module {name}, and the adapter has none of this name. Its modules are named like \
         {example}: copy the name from the table of modules."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject<'a>(name: &'a str, role: &'a str) -> Subject<'a> {
        let shape = [8, 4];
        Subject {
            name,
            layer: None,
            stack: "",
            role,
            shape,
            rank: 2,
            sigma: &[],
            scale: 1.0,
            swapped: false,
            kernel: 1,
        }
    }

    fn role(role: &str, shape: [u64; 2]) -> Size {
        Size { of: SizeOf::Role(role.to_owned()), shape }
    }

    fn module(name: &str, shape: [u64; 2]) -> Size {
        Size { of: SizeOf::Module(name.to_owned()), shape }
    }

    #[test]
    fn a_modules_own_size_goes_first_and_the_last_counts() {
        let subjects = [subject("a.q", "q"), subject("b.q", "q"), subject("a.k", "k")];
        let sizes = [module("a.q", [1, 1]), module("a.q", [2, 2]), role("q", [3, 3]), role("q", [4, 4])];
        let sizes = HandSizes::new(&sizes, &subjects).unwrap();
        assert_eq!(subjects.each_ref().map(|s| sizes.of(s)), [Some([2, 2]), Some([4, 4]), None]);
    }

    #[test]
    fn sizes_for_nothing_and_of_nothing_are_refused() {
        let subjects = [subject("a.q_proj", "q"), subject("a.k_proj", "k"), subject("b.k_proj", "k")];
        for (size, words) in [
            (role("up", [1, 1]), ["`up`", "q, k"]),
            (module("b.k_proj.x", [1, 1]), ["`b.k_proj.x`", "`a.q_proj`"]),
            (module("c.k_proj", [1, 1]), ["`c.k_proj`", "`a.k_proj`"]),
            (role("q", [0, 4096]), ["0 × 4096", "1 to 1,048,576"]),
            (role("q", [4096, 1_000_000_000]), ["4096 × 1000000000", "`q`"]),
            (module("a.q_proj", [1_048_577, 1]), ["`a.q_proj`", "Correct it"]),
        ] {
            let sizes = [size];
            let Err(PlanError(error)) = HandSizes::new(&sizes, &subjects) else { panic!("{sizes:?}") };
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
        assert!(HandSizes::new(&[role("q", [1, 1_048_576])], &subjects).is_ok());
    }

    #[test]
    fn what_is_too_large_to_compute() {
        assert_eq!(check_cost([1 << 20, 8], 64), Ok(()));
        for (shape, rank) in [([1 << 20, 8], 65), ([8, 1 << 20], 65), ([8, 8], 1025), ([u64::MAX, 1], 2)] {
            let reason = check_cost(shape, rank).unwrap_err();
            assert!(reason.contains(&rank.to_string()) && reason.contains("smaller rank"), "{reason}");
        }
    }
}
