//! The lines of the roles: each role as one long vector of all its modules.

use std::collections::BTreeMap;

use super::figures::{CAPTURE, COSINE, Figure};
use super::joined::Joined;
use super::trajectory::{Kind, Line, MOST_ROLES};
use lorascope_protocol::names::role_order;
use lorascope_protocol::report::Figures;

/// Sums over the modules of a role, from which its figures follow as if they were one long vector.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Σ⟨ΔW, X⟩, Σ‖ΔW‖² and Σ‖X‖² of modules with an update.
    inner: f64,
    adapter: f64,
    update: f64,
    /// Σ capture·‖X‖² and Σ‖X‖² of modules with a capture.
    captured: f64,
    capturable: f64,
    any: bool,
}

impl Sums {
    /// `norm` is ‖ΔW‖_F of the module.
    fn add(&mut self, figures: &Figures, norm: f64) {
        let Some(x) = figures.update_norm else { return };
        self.any = true;
        self.inner += figures.cosine.unwrap_or(0.0) * norm * x;
        self.adapter += norm * norm;
        self.update += x * x;
        if let Some(capture) = figures.capture {
            self.captured += capture * x * x;
            self.capturable += x * x;
        }
    }

    fn value(&self, figure: &Figure) -> Option<f64> {
        let x = if *figure == COSINE && (self.adapter == 0.0 || self.update == 0.0) {
            0.0
        } else if *figure == COSINE {
            self.inner / (self.adapter.sqrt() * self.update.sqrt())
        } else if *figure == CAPTURE {
            self.captured / self.capturable
        } else {
            self.update.sqrt()
        };
        (self.any && x.is_finite()).then_some(x)
    }
}

/// One line per role, and how many roles are left out.
pub(super) fn role_lines(joined: &Joined, steps: usize, figure: &Figure) -> (Vec<Line>, usize) {
    let mut roles: BTreeMap<&str, Vec<Sums>> = BTreeMap::new();
    // What the file holds twice is in one role only.
    let counted = joined.adapter.modules.iter().enumerate().filter(|(_, module)| module.copy_of.is_none());
    for (i, module) in counted {
        let sums = roles.entry(module.role.as_str()).or_insert_with(|| vec![Sums::default(); steps]);
        for (step, sums) in sums.iter_mut().enumerate() {
            if let Some(figures) = joined.figures(step, i) {
                sums.add(figures, module.frobenius);
            }
        }
    }
    // A single role is the whole adapter again.
    if roles.len() < 2 {
        return (Vec::new(), 0);
    }
    let energy = |sums: &[Sums]| sums.iter().map(|s| s.update).fold(0.0, f64::max);
    let mut roles: Vec<(&str, Vec<Sums>)> = roles.into_iter().collect();
    let left_out = roles.len().saturating_sub(MOST_ROLES);
    roles.sort_by(|a, b| energy(&b.1).total_cmp(&energy(&a.1)));
    roles.truncate(MOST_ROLES);
    roles.sort_by_key(|(role, _)| role_order(role));
    let line = |(number, (role, sums)): (usize, (&str, Vec<Sums>))| Line {
        name: role.to_owned(),
        kind: Kind::Role(number),
        values: sums.iter().map(|s| s.value(figure)).collect(),
    };
    (roles.into_iter().enumerate().map(line).collect(), left_out)
}
