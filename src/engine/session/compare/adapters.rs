//! The adapters of a comparison, and which of their modules meet.

use crate::analysis::Sigma;
use crate::analysis::measures::frobenius;
use crate::session::factors::tensors;
use crate::session::holdings::item::Held;
use lorascope_format::adapter::{Module, Names, Update};
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_kernels::linalg::Pair;
use lorascope_kernels::plan::Cost;
use lorascope_protocol::ItemId;

/// One adapter.
pub(crate) struct Entrant<S> {
    pub id: ItemId,
    pub label: String,
    pub source: Metered<S>,
    pub modules: Vec<Module>,
    pub names: Names,
    /// ‖ΔW‖_F of every module, where its singular values are known.
    norms: Vec<Option<f64>>,
}

/// What two adapters have of each other's modules, by their numbers in `a` and in `b`.
pub(crate) struct Meeting {
    pub shared: Vec<(usize, usize)>,
    /// Of `a`, and why they cannot be compared with what `b` has.
    pub refused: Vec<(usize, String)>,
    pub only: [Vec<usize>; 2],
}

impl<S: ByteSource> Entrant<S> {
    /// `None` where the item is no adapter whose tensors are at hand.
    pub fn of(held: &Held<S>) -> Option<Self> {
        let analysed = held.analysed()?;
        let modules = analysed.adapter.modules.clone();
        let norm = |(module, sigma): (&Module, &Option<Sigma>)| {
            let Sigma { values, rest_sq, .. } = sigma.as_ref()?.times(module.scale);
            Some(frobenius(&values).hypot(rest_sq.sqrt()))
        };
        Some(Self {
            id: held.id,
            label: held.label.clone(),
            source: analysed.file.source.clone(),
            names: Names::new(&modules),
            norms: modules.iter().zip(&analysed.found.spectra).map(norm).collect(),
            modules,
        })
    }

    /// ‖ΔW‖_F of a module; 0 where it is not known.
    pub fn norm(&self, module: usize) -> f64 {
        self.norms[module].filter(|norm| norm.is_finite()).unwrap_or(0.0)
    }

    /// What a module asks of a batch.
    ///
    /// # Errors
    /// Why it cannot be compared, as part of a sentence.
    pub fn cost(&self, module: usize) -> Result<Cost, String> {
        let Self { label, modules, norms, .. } = self;
        let (module, norm) = (&modules[module], norms[module]);
        let kind = module.update.algorithm();
        if module.update.alone().is_none() {
            return Err(format!(
                "{label} defines its update ({kind}) on the base model's weight, which is not compared"
            ));
        }
        if norm.is_none() {
            return Err(format!("{label} has it, and nothing could be computed of it; its own list says why"));
        }
        let cost = tensors::cost(module);
        let cost = cost.ok_or_else(|| format!("its update in {label} ({kind}) has no two thin factors"))?;
        let [out, inn] = shape(module);
        let width = module.update.width().unwrap_or(u64::MAX).min(out).min(inn);
        Ok(cost.with_result(out.saturating_add(inn).saturating_mul(width)))
    }

    /// Whether any of its modules can be compared.
    pub fn is_comparable(&self) -> bool {
        (0..self.modules.len()).any(|n| self.cost(n).is_ok())
    }

    pub fn meet(&self, other: &Self) -> Meeting {
        let mut met = vec![false; other.modules.len()];
        let mut meeting = Meeting { shared: Vec::new(), refused: Vec::new(), only: Default::default() };
        for n in 0..self.modules.len() {
            let Some(m) = self.names.counterpart(n, &other.names) else {
                meeting.only[0].push(n);
                continue;
            };
            met[m] = true;
            match self.can_meet(n, other, m) {
                Ok(()) => meeting.shared.push((n, m)),
                Err(reason) => meeting.refused.push((n, reason)),
            }
        }
        meeting.only[1] = (0..met.len()).filter(|&m| !met[m]).collect();
        meeting
    }

    /// # Errors
    /// Why two modules of one weight cannot be compared, as part of a sentence.
    pub fn can_meet(&self, module: usize, other: &Self, theirs: usize) -> Result<(), String> {
        self.cost(module)?;
        other.cost(theirs)?;
        let (a, b) = (&self.modules[module], &other.modules[theirs]);
        let (of_a, of_b) = (&self.label, &other.label);
        let ([m, n], [p, q]) = (shape(a), shape(b));
        if a.expert.is_some() && b.expert.is_some() && [m, n] == [q, p] && m != n {
            return Err(format!(
                "its shapes, {m} × {n} in {of_a} and {p} × {q} in {of_b}, are each other's transposes: PEFT to 0.18 wrote \
                 the factors of experts the other way round, and only the base's checkpoint tells which is which"
            ));
        }
        if [m, n] != [p, q] {
            return Err(format!("its update is {m} × {n} in {of_a} and {p} × {q} in {of_b} (outputs × inputs)"));
        }
        // Two kernels may multiply to the same size and still be different.
        if !a.kernel.is_empty() && !b.kernel.is_empty() && a.kernel != b.kernel {
            let (x, y) = (&a.kernel, &b.kernel);
            return Err(format!("its convolution's kernel is {x:?} in {of_a} and {y:?} in {of_b}"));
        }
        Ok(())
    }
}

/// `[out, in]` of a module's factors, whichever way the base stores the weight.
pub(crate) fn shape(module: &Module) -> [u64; 2] {
    let [rows, cols] = match module.update.alone() {
        Some(Update::Pair { left, right }) => [left.rows, right.rows],
        _ => module.shape,
    };
    if module.inputs_first { [cols, rows] } else { [rows, cols] }
}

/// A module's factors with the outputs' side on the left; `None` where the file gave other ones than it said.
pub(crate) fn outputs_first(module: &Module, pair: Pair) -> Option<Pair> {
    let Pair { left, right } = pair;
    let pair = if module.inputs_first { Pair { left: right, right: left } } else { Pair { left, right } };
    let rows = [&pair.left, &pair.right].map(|raw| u64::from(raw.rows));
    (rows == shape(module) && pair.left.cols == pair.right.cols).then_some(pair)
}
