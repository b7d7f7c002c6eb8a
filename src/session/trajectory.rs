//! The alignment of adapters with updates between adapters: X = ΔW(to) − ΔW(from) has the form of factors, and every
//! figure comes from products of factors, in f64.

use std::collections::HashMap;

use nalgebra::DMatrix;

use super::aligned::{Known, Update};
use super::analyse::Stopped;
use super::bases::{Bases, Basis, ModuleId};
use super::series::updates;
use super::{Emit, Session, tensors};
use crate::adapter::Module;
use crate::analysis::alignment::Sums;
use crate::compute::Pulse;
use crate::linalg::{Factored, Pair};
use crate::protocol::{ItemId, Progress, ToPage};
use crate::report::Along;
use crate::source::{ByteSource, Metered};

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
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Computes what is not known yet of the updates between adapters.
    pub(super) async fn align_adapters(&mut self) -> Result<(), Stopped> {
        let (states, _) = self.series(Along::Adapters);
        let pairs = updates(&states);
        let members = self.members();
        let mut wanted: Vec<Update> = Vec::new();
        for member in &members {
            wanted.extend(pairs.iter().map(|&pair| Update { along: Along::Adapters, adapter: member.id, pair }));
        }
        wanted.retain(|update| !self.aligned.knows(update));
        let mut known: Vec<Known> = wanted
            .into_iter()
            .map(|update| {
                let count = members.iter().find(|m| m.id == update.adapter).map_or(0, |m| m.count);
                Known { update, modules: vec![Err(String::new()); count] }
            })
            .collect();
        if known.is_empty() {
            return Ok(());
        }
        let mut names: Vec<&String> = members.iter().flat_map(|m| m.modules.keys()).collect();
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
            self.compare(names, &members, &mut known).await?;
            done += bytes(names);
        }
        for known in known {
            self.aligned.keep(known);
        }
        Ok(())
    }

    fn members(&self) -> Vec<Member<S>> {
        let adapters = self.held.iter().filter_map(|held| Some((held, held.analysed()?)));
        adapters
            .map(|(held, analysed)| {
                let modules = analysed.adapter.modules.iter().zip(&analysed.found.spectra).enumerate();
                Member {
                    id: held.id,
                    label: held.label.clone(),
                    source: analysed.file.source.clone(),
                    modules: modules
                        .filter(|(_, (_, spectrum))| spectrum.is_some())
                        .map(|(n, (module, _))| (module.name.clone(), (n, module.clone())))
                        .collect(),
                    count: analysed.adapter.modules.len(),
                }
            })
            .collect()
    }

    /// Some modules of all adapters.
    async fn compare(&mut self, names: &[&String], members: &[Member<S>], known: &mut [Known]) -> Result<(), Stopped> {
        let mut factors: HashMap<(ItemId, &str), (Factored, &Module)> = HashMap::new();
        let mut bases = Bases::new();
        for member in members {
            let known = names.iter().filter_map(|name| member.modules.get(*name));
            let modules: Vec<(ModuleId, &Module)> = known.map(|(n, module)| ((member.id, *n), module)).collect();
            let refs: Vec<&Module> = modules.iter().map(|(_, module)| *module).collect();
            let reading = tensors::read(&member.source, &refs);
            let pairs: Vec<Pair> = reading.await.map_err(|error| Stopped::Failed(error.to_string()))?;
            bases.extend(self.bases(&modules, &pairs).await?);
            for (module, pair) in refs.into_iter().zip(&pairs) {
                factors.insert((member.id, module.name.as_str()), (Factored::new(pair), module));
            }
        }
        for name in names {
            for known in known.iter_mut() {
                if self.chosen.is_cancelled().await {
                    return Err(Stopped::Cancelled);
                }
                let Some(member) = members.iter().find(|m| m.id == known.update.adapter) else { continue };
                let Some((n, module)) = member.modules.get(*name) else { continue };
                let (from, to) = known.update.pair;
                let ends = [from, to].map(|id| factors.get(&(id, name.as_str())));
                let label = |id| members.iter().find(|m| m.id == id).map_or("", |m| m.label.as_str());
                known.modules[*n] = match (ends, bases.get(&(member.id, *n))) {
                    ([Some(a), Some(b)], Some(basis)) => sums(a, b, basis, module, [label(from), label(to)]),
                    ([None, _], _) => Err(format!("{} has no such module", label(from))),
                    ([_, None], _) => Err(format!("{} has no such module", label(to))),
                    (_, None) => Err("its factors could not be decomposed".to_owned()),
                };
            }
        }
        Ok(())
    }
}

/// X = s_b·P_b − s_a·P_a for the products P of two adapters' factors.
fn sums(
    (a, from): &(Factored, &Module),
    (b, to): &(Factored, &Module),
    basis: &Basis,
    module: &Module,
    labels: [&str; 2],
) -> Result<Sums, String> {
    for (end, label) in [from, to].into_iter().zip(labels) {
        if end.shape != module.shape {
            return Err(format!("its shape is {:?}, and {:?} in {label}", module.shape, end.shape));
        }
    }
    let (u, v) = (columns(&basis.left, basis.k), columns(&basis.right, basis.k));
    let update_sq = b.difference_sq(to.scale, a, from.scale);
    let mut core = b.core(&u, &v) * to.scale - a.core(&u, &v) * from.scale;
    if update_sq == 0.0 {
        core.fill(0.0);
    }
    Ok(Sums::of_core(&core, &basis.sigma, update_sq, None))
}

fn columns(by_row: &[f32], k: usize) -> DMatrix<f64> {
    let rows = by_row.len().checked_div(k).unwrap_or(0);
    DMatrix::from_row_iterator(rows, k, by_row.iter().map(|&x| f64::from(x)))
}
