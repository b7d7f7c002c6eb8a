//! PEFT LoRA: `adapter_model.safetensors`, read with or without its `adapter_config.json`.

use std::collections::HashSet;

use super::config::PeftConfig;
use super::fault::{AdapterError, FaultLog, ModuleFault};
use super::pair::{self, Pair};
use super::sorting::{Group, sort};
use super::{Adapter, Module, keys, names, scale};
use crate::container::{Header, quoted};
use crate::report::NotAnalyzed;

/// Reads a PEFT LoRA adapter from its header: every factor pair becomes a [`Module`], and every other tensor is
/// listed with a reason.
///
/// # Errors
/// [`AdapterError::NothingLeft`] where no module can be analysed, with the reasons.
pub fn read(header: &Header, config: Option<&PeftConfig>) -> Result<Adapter, AdapterError> {
    let mut sorted = sort(header, config);
    let mut faults = FaultLog::default();
    let mut modules: Vec<Module> = Vec::with_capacity(sorted.groups.len());
    let mut taken = HashSet::new();
    for group in &sorted.groups {
        let name = keys::clean(group.path);
        let free = !taken.contains(&name);
        let module = if free { group.module(&name, config) } else { Err(ModuleFault::NameTaken) };
        match module {
            Ok(module) => {
                taken.insert(name);
                modules.push(module);
            }
            Err(fault) => {
                let listed = keys::strip(group.path);
                sorted.not_analyzed.push(NotAnalyzed { name: listed.clone(), reason: fault.to_string() });
                faults.push(listed, fault);
            }
        }
    }
    let mut warnings = faults.sentences();
    if modules.is_empty() {
        warnings.extend(sorted.grouped_warnings());
        return Err(AdapterError::NothingLeft { reasons: warnings });
    }
    warnings.extend(rank_disagreement(&modules, config));
    warnings.extend(sorted.grouped_warnings());
    warnings.extend(config.into_iter().flat_map(config_warnings));
    in_forward_order(&mut modules);
    Ok(Adapter {
        format: "PEFT LoRA".to_owned(),
        base_model: config.and_then(|c| c.base_model.clone()),
        scale_assumed: modules.iter().any(|m| scale::is_assumed(&m.scale_source)),
        modules,
        not_analyzed: sorted.not_analyzed,
        warnings,
        metadata: header.metadata.clone(),
    })
}

impl Group<'_> {
    fn module(&self, name: &str, config: Option<&PeftConfig>) -> Result<Module, ModuleFault> {
        let fan_in_fan_out = config.is_some_and(|c| c.fan_in_fan_out);
        let variant = self.variant.or_else(|| {
            let of_config = [("QALoRA", config?.use_qalora), ("BD-LoRA", config?.use_bdlora)];
            of_config.iter().find(|(_, used)| *used).map(|(name, _)| *name)
        });
        if let Some(variant) = variant {
            return Err(ModuleFault::Variant { variant });
        }
        let place = names::place(name);
        let pair = match self.factors {
            [a, b, c, d] if a.or(b).is_some() && c.or(d).is_some() => return Err(ModuleFault::TwoPairs),
            [Some(a), Some(b), ..] => Pair::linear(a, b, fan_in_fan_out && place.role != "head")?,
            [_, _, Some(a), Some(b)] => Pair::embedding(a, b)?,
            [Some(_), ..] => return Err(ModuleFault::Orphan { has: "lora_A", lacks: "lora_B" }),
            [_, Some(_), ..] => return Err(ModuleFault::Orphan { has: "lora_B", lacks: "lora_A" }),
            [_, _, Some(_), _] => {
                return Err(ModuleFault::Orphan { has: "lora_embedding_A", lacks: "lora_embedding_B" });
            }
            _ => return Err(ModuleFault::Orphan { has: "lora_embedding_B", lacks: "lora_embedding_A" }),
        };
        if pair::adapts_experts(name, pair.rank, config) {
            return Err(ModuleFault::Experts);
        }
        let scale = scale::peft(config, name, pair.rank);
        Ok(Module {
            name: name.to_owned(),
            layer: place.layer,
            stack: place.stack,
            role: place.role,
            shape: [pair.left.rows, pair.right.rows],
            rank: pair.rank,
            left: pair.left,
            right: pair.right,
            scale: scale.value,
            scale_source: scale.source,
        })
    }
}

/// One sentence for all modules whose tensors have another rank than the configuration says.
fn rank_disagreement(modules: &[Module], config: Option<&PeftConfig>) -> Option<String> {
    let config = config?;
    let differing = modules.iter().filter_map(|m| {
        let said = config.rank_of(&m.name)?;
        (said != u64::from(m.rank)).then_some((m, said))
    });
    let differing: Vec<_> = differing.collect();
    let (first, said) = differing.first()?;
    Some(format!(
        "adapter_config.json gives another rank than the tensors for {} of {} modules, first for {}: {said} there, {} in \
         the tensors. The tensors' rank is used.",
        differing.len(),
        modules.len(),
        quoted(&first.name),
        first.rank,
    ))
}

fn config_warnings(config: &PeftConfig) -> Vec<String> {
    let mut warnings = config.warnings.clone();
    if config.peft_type != "LORA" {
        let peft_type = quoted(&config.peft_type);
        warnings.push(format!(
            "adapter_config.json says the adapter is {peft_type}; its tensors are ordinary LoRA pairs and are read as such."
        ));
    }
    if ["pissa", "olora", "corda", "lora_ga"].iter().any(|init| config.init.starts_with(init)) {
        warnings.push(format!(
            "The adapter was trained from a changed base (init_lora_weights is {}): s·B·A is not its whole difference \
             from the original model.",
            quoted(&config.init)
        ));
    }
    warnings
}

fn in_forward_order(modules: &mut Vec<Module>) {
    let mut places: Vec<_> =
        modules.iter().map(|m| names::Place { layer: m.layer, stack: m.stack.clone(), role: m.role.clone() }).collect();
    names::settle_stacks(&mut places);
    let mut placed: Vec<_> = places.into_iter().zip(modules.drain(..)).collect();
    placed.sort_by(|(p, a), (q, b)| names::forward_order((p, &a.name), (q, &b.name)));
    modules.extend(placed.into_iter().map(|(place, module)| Module { stack: place.stack, ..module }));
}
