//! Before a projection is computed: what it will be, in rows, bytes and words.

use std::collections::HashSet;

use crate::export::{Layout, WrittenConfig, adapter_config, layout};
use crate::projection::{Plan, Subject, TargetShape, plan};
use crate::session::holdings::item::{Analysed, Held, What};
use crate::session::{Emit, Session};
use lorascope_format::bytes::ByteSource;
use lorascope_format::container::TensorEntry;
use lorascope_kernels::Pulse;
use lorascope_protocol::projection::models::{ModelShape, listed};
use lorascope_protocol::projection::{PlanHead, PlanRow, Request, Target};
use lorascope_protocol::{ItemId, Refusal};

/// A projection before its factors.
pub(crate) struct Prepared {
    pub plan: Plan,
    pub layout: Layout,
    pub config: WrittenConfig,
    /// The target in words.
    pub target: String,
}

/// A target, resolved.
enum Found {
    Unchanged,
    Model(ModelShape),
    Weights(Vec<TensorEntry>),
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// What a projection would do.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn plan(&self, item: ItemId, request: &Request) -> Result<(PlanHead, Vec<PlanRow>), Refusal> {
        let prepared = self.prepare(item, request)?;
        let (left_out, warnings) = prepared.remarks();
        let Prepared { plan, layout, target, .. } = prepared;
        let head = PlanHead {
            rows: plan.rows.len(),
            target,
            base_model: plan.base_model,
            same_model: plan.same_model,
            source_layers: plan.source_layers,
            target_layers: plan.target_layers,
            kept: plan.kept,
            bytes: layout.len,
            dtype: layout.dtypes(),
            left_out,
            warnings,
        };
        Ok((head, plan.rows))
    }

    /// # Errors
    /// Why there is none.
    pub(crate) fn prepare(&self, item: ItemId, request: &Request) -> Result<Prepared, Refusal> {
        let held = self.held.of(item);
        if matches!(held.map(|held| &held.what), Some(What::Recalled(_))) {
            return Err(Refusal::NeedsItsFile);
        }
        let Some(source) = held.and_then(Held::analysed) else {
            return Err(Refusal::Words("The adapter is no longer here. Drop it again.".to_owned()));
        };
        if !source.adapter.is_peft {
            return Err(Refusal::NotOfPeft(source.adapter.format.clone()));
        }
        let (found, target) = self.target(request).map_err(Refusal::Words)?;
        let shape = match &found {
            Found::Unchanged => TargetShape::Unchanged,
            Found::Model(model) => TargetShape::Model(model),
            Found::Weights(tensors) => TargetShape::Weights(tensors),
        };
        let subjects = subjects(source);
        let base_model = source.adapter.base_model.as_deref();
        let plan = plan(&subjects, request, shape, &target, base_model).map_err(|e| Refusal::Words(e.to_string()))?;
        let layout = layout(&source.adapter, &source.file.header, &plan, request.dtype)
            .map_err(|e| Refusal::Words(e.to_string()))?;
        let settings = source.file.config.as_ref().map(|config| &config.config);
        let config = adapter_config(settings, &plan, &layout).map_err(|e| Refusal::Words(e.to_string()))?;
        Ok(Prepared { plan, layout, config, target })
    }

    /// # Errors
    /// The target is not there.
    fn target(&self, request: &Request) -> Result<(Found, String), String> {
        match &request.target {
            Target::Unchanged if request.sizes.is_empty() => Ok((Found::Unchanged, "the same sizes".to_owned())),
            Target::Unchanged => Ok((Found::Unchanged, "sizes by hand".to_owned())),
            Target::Listed(id) => match listed(id) {
                Some(model) => Ok((Found::Model(model.shape()), model.label.to_owned())),
                None => Err(format!(
                    "There is no model {} in the list. Choose another, or drop its config.json.",
                    lorascope_format::container::quoted(id)
                )),
            },
            Target::Item(id) => {
                let held = self.held.of(*id);
                let gone = || "The target is no longer here. Drop it again, or choose another.".to_owned();
                let held = held.ok_or_else(gone)?;
                match &held.what {
                    What::Model(model) => Ok((Found::Model(model.shape.clone()), held.label.clone())),
                    What::Checkpoint(checkpoint) => {
                        let tensors = checkpoint.tensors().map(|(_, tensor)| tensor.clone());
                        Ok((Found::Weights(tensors.collect()), held.label.clone()))
                    }
                    _ => Err(gone()),
                }
            }
        }
    }
}

impl Prepared {
    /// What is left out, and what there is to warn of.
    pub fn remarks(&self) -> (Vec<lorascope_protocol::report::NotAnalyzed>, Vec<String>) {
        let warnings = self.plan.warnings.iter().chain(&self.layout.warnings).chain(&self.config.warnings);
        (self.layout.left_out.clone(), warnings.cloned().collect())
    }
}

/// What the plan needs of every module that has a spectrum.
fn subjects<S: ByteSource>(source: &Analysed<S>) -> Vec<Subject<'_>> {
    let analysed: HashSet<&str> = source.report.modules.iter().map(|m| m.name.as_str()).collect();
    let modules = source.adapter.modules.iter().zip(&source.found.spectra);
    let known = modules.filter(|(module, _)| analysed.contains(module.name.as_str()) && module.pair().is_some());
    known
        .filter_map(|(module, sigma)| {
            Some(Subject {
                name: &module.name,
                layer: module.layer,
                stack: &module.stack,
                role: &module.role,
                shape: module.shape,
                rank: module.rank,
                sigma: &sigma.as_ref()?.values,
                scale: module.scale,
                swapped: module.inputs_first,
                kernel: module.kernel.iter().product::<u64>().max(1),
            })
        })
        .collect()
}
