//! The alignment of adapters with updates between adapters: X = ΔW(to) − ΔW(from) has the form of factors, and every
//! figure comes from products of factors, in f64.

use std::collections::HashMap;

use nalgebra::DMatrix;

use crate::analysis::alignment::{NotAligned, Sums};
use crate::session::align::known::Update;
use crate::session::analyse::Stopped;
use crate::session::factors::subspaces::{Bases, Basis, ModuleId};
use crate::session::factors::tensors;
use crate::session::holdings::series::updates;
use crate::session::{Emit, Session};
use lorascope_format::adapter::Module;
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_kernels::Pulse;
use lorascope_kernels::linalg::Factored;
use lorascope_protocol::report::Along;
use lorascope_protocol::{ItemId, Progress, ToPage};

/// Modules that are read at once from every adapter.
const MODULES: usize = 16;

/// One adapter, as the series sees it.
struct Member<S> {
    id: ItemId,
    label: String,
    source: Metered<S>,
    /// By name: the number and the module, where it has a spectrum.
    modules: HashMap<String, (usize, Module)>,
    count: usize,
    /// It is aligned with updates.
    is_asking: bool,
    /// Updates begin or end with it.
    is_state: bool,
}

/// An adapter beside an update: the outcome of every module so far.
struct Outcomes {
    update: Update,
    modules: Vec<Result<Sums, NotAligned>>,
}

/// A module of an adapter that updates begin or end with.
struct End<'a> {
    factors: Factored,
    module: &'a Module,
}

/// A module of an adapter that is aligned with updates.
struct Own<'a> {
    basis: &'a Basis,
    u: DMatrix<f64>,
    v: DMatrix<f64>,
    /// s·Uᵀ·P·V for the product P of every state's factors.
    cores: HashMap<ItemId, DMatrix<f64>>,
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Computes what is not known yet of the updates between adapters.
    pub(crate) async fn align_adapters(&mut self) -> Result<(), Stopped> {
        let (states, _) = self.series(Along::Adapters);
        let pairs = updates(&states);
        let mut wanted: Vec<Update> = Vec::new();
        for held in self.held.iter().filter(|held| held.analysed().is_some()) {
            wanted.extend(pairs.iter().map(|&pair| Update { along: Along::Adapters, adapter: held.id, pair }));
        }
        wanted.retain(|update| !self.aligned.knows(update));
        if wanted.is_empty() {
            return Ok(());
        }
        let members = self.members(&wanted);
        let mut outcomes: Vec<Outcomes> = wanted
            .into_iter()
            .map(|update| {
                let count = members.iter().find(|m| m.id == update.adapter).map_or(0, |m| m.count);
                Outcomes { update, modules: vec![Err(NotAligned::NoFactors); count] }
            })
            .collect();
        let mut names: Vec<&String> = members.iter().filter(|m| m.is_asking).flat_map(|m| m.modules.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let bytes = |names: &[&String]| -> u64 {
            let modules = names.iter().flat_map(|name| members.iter().filter_map(|m| m.modules.get(*name)));
            modules.filter_map(|(_, module)| tensors::cost(module)).map(|cost| cost.bytes).sum()
        };
        let (count, total) = (names.len(), bytes(&names));
        let mut done = 0;
        for (n, names) in names.chunks(MODULES).enumerate() {
            let text = format!("Comparing adapters: {} of {count} modules", n * MODULES);
            self.emit.emit(ToPage::Progress(Progress { text, done, total }));
            self.compare_some(names, &members, &mut outcomes).await?;
            done += bytes(names);
        }
        for Outcomes { update, modules } in outcomes {
            self.aligned.keep(update, modules, update.sources(&self.held));
        }
        Ok(())
    }

    /// The adapters that have a part in these updates.
    fn members(&self, wanted: &[Update]) -> Vec<Member<S>> {
        let member = |held: &crate::session::Held<S>| {
            let analysed = held.analysed()?;
            let is_asking = wanted.iter().any(|update| update.adapter == held.id);
            let is_state = wanted.iter().any(|update| [update.pair.0, update.pair.1].contains(&held.id));
            let modules = analysed.adapter.modules.iter().zip(&analysed.found.spectra).enumerate();
            (is_asking || is_state).then(|| Member {
                id: held.id,
                label: held.label.clone(),
                source: analysed.file.source.clone(),
                modules: modules
                    .filter(|(_, (module, spectrum))| spectrum.is_some() && tensors::cost(module).is_some())
                    .map(|(n, (module, _))| (module.name.clone(), (n, module.clone())))
                    .collect(),
                count: analysed.adapter.modules.len(),
                is_asking,
                is_state,
            })
        };
        self.held.iter().filter_map(member).collect()
    }

    /// Some modules of all adapters.
    async fn compare_some(
        &mut self,
        names: &[&String],
        members: &[Member<S>],
        outcomes: &mut [Outcomes],
    ) -> Result<(), Stopped> {
        let mut ends: HashMap<(ItemId, &str), End<'_>> = HashMap::new();
        let mut bases = Bases::new();
        for member in members {
            let known = names.iter().filter_map(|name| member.modules.get(*name));
            let modules: Vec<(ModuleId, &Module)> = known.map(|(n, module)| ((member.id, *n), module)).collect();
            let refs: Vec<&Module> = modules.iter().map(|(_, module)| *module).collect();
            let pairs = tensors::pairs(&member.source, &refs).await?;
            if member.is_asking {
                bases.extend(self.bases(&modules, &pairs).await?);
            }
            if member.is_state {
                for (module, pair) in refs.into_iter().zip(&pairs) {
                    ends.insert((member.id, module.name.as_str()), End { factors: Factored::new(pair), module });
                }
            }
        }
        let label = |id| members.iter().find(|m| m.id == id).map_or("", |m| m.label.as_str());
        for name in names {
            let mut squares: HashMap<(ItemId, ItemId), f64> = HashMap::new();
            for of_one in outcomes.chunk_by_mut(|a, b| a.update.adapter == b.update.adapter) {
                let Some(member) = members.iter().find(|m| m.id == of_one[0].update.adapter) else { continue };
                let Some((n, module)) = member.modules.get(*name) else { continue };
                let mut own = bases.get(&(member.id, *n)).map(Own::new);
                for Outcomes { update, modules } in of_one {
                    if self.chosen.is_cancelled().await {
                        return Err(Stopped::Cancelled);
                    }
                    let (from, to) = update.pair;
                    let ends = [from, to].map(|id| (id, ends.get(&(id, name.as_str())), label(id)));
                    modules[*n] = sums(module, own.as_mut(), ends, &mut squares);
                }
            }
        }
        Ok(())
    }
}

/// One module beside one update; `squares` are the updates' ‖X‖² of this module.
fn sums(
    module: &Module,
    own: Option<&mut Own<'_>>,
    ends: [(ItemId, Option<&End<'_>>, &str); 2],
    squares: &mut HashMap<(ItemId, ItemId), f64>,
) -> Result<Sums, NotAligned> {
    let [a, b] = ends.map(|(id, end, label)| {
        let end = end.ok_or_else(|| NotAligned::NoModule(label.to_owned()))?;
        Ok::<_, NotAligned>((id, end, label))
    });
    let ends @ [(from, a, _), (to, b, _)] = [a?, b?];
    let own = own.ok_or(NotAligned::NotDecomposed)?;
    for (_, end, label) in ends {
        if end.module.shape != module.shape {
            return Err(NotAligned::Shapes { own: module.shape, other: end.module.shape, state: label.to_owned() });
        }
    }
    let difference = || b.factors.difference_sq(b.module.scale, &a.factors, a.module.scale);
    let update_sq = *squares.entry((from, to)).or_insert_with(difference);
    Ok(own.sums([(from, a), (to, b)], update_sq))
}

impl<'a> Own<'a> {
    fn new(basis: &'a Basis) -> Self {
        let [u, v] = [&basis.left, &basis.right].map(|side| columns(side, basis.k));
        Self { basis, u, v, cores: HashMap::new() }
    }

    /// X = s_b·P_b − s_a·P_a for the products P of two states' factors.
    fn sums(&mut self, ends: [(ItemId, &End<'_>); 2], update_sq: f64) -> Sums {
        for (id, End { factors, module }) in ends {
            self.cores.entry(id).or_insert_with(|| factors.core(&self.u, &self.v) * module.scale);
        }
        let [a, b] = ends.map(|(id, _)| &self.cores[&id]);
        let core = if update_sq == 0.0 { DMatrix::zeros(a.nrows(), a.ncols()) } else { b - a };
        Sums::of_core(&core, &self.basis.sigma, update_sq, None)
    }
}

fn columns(by_row: &[f32], k: usize) -> DMatrix<f64> {
    let rows = by_row.len().checked_div(k).unwrap_or(0);
    DMatrix::from_row_iterator(rows, k, by_row.iter().map(|&x| f64::from(x)))
}
