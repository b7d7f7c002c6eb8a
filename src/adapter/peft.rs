//! PEFT LoRA: `adapter_model.safetensors`, read with or without its `adapter_config.json`.

use std::collections::{HashMap, HashSet};

use super::config::PeftConfig;
use super::fault::{AdapterError, FaultLog, ModuleFault};
use super::keys::{self, Role};
use super::pair::{self, Pair};
use super::{Adapter, Module, dialects, names, scale};
use crate::container::{Header, TensorEntry, TensorType, quoted};
use crate::report::NotAnalyzed;

/// The tensors of one module.
#[derive(Default)]
struct Group<'a> {
    path: &'a str,
    factors: [Option<&'a TensorEntry>; 4],
    variant: Option<&'static str>,
}

/// What becomes of the file's tensors.
#[derive(Default)]
struct Sorted<'a> {
    groups: Vec<Group<'a>>,
    not_analyzed: Vec<NotAnalyzed>,
    warnings: Vec<String>,
    /// Tensors with DoRA's magnitudes.
    magnitudes: usize,
    alphas: usize,
    /// Tensors of other dialects: name, count.
    others: Vec<(&'static str, usize)>,
    other_adapters: Vec<&'a str>,
}

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
        warnings.extend(sorted.warnings);
        return Err(AdapterError::NothingLeft { reasons: warnings });
    }
    warnings.extend(rank_disagreement(&modules, config));
    warnings.append(&mut sorted.grouped_warnings());
    warnings.append(&mut sorted.warnings);
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

/// Sorts tensors into modules, and lists those that are no factor.
fn sort<'a>(header: &'a Header, config: Option<&PeftConfig>) -> Sorted<'a> {
    let mut sorted = Sorted::default();
    let mut by_path: HashMap<&str, usize> = HashMap::new();
    let mut first_adapter = None;
    for tensor in &header.tensors {
        let key = keys::parse(&tensor.name);
        let factor = key.and_then(|key| Some((key, factor_index(key.role)?)));
        let (key, index) = match factor {
            Some(factor) => factor,
            None => {
                sorted.list(tensor, key.map(|k| k.role), config);
                // A variant's extra tensor decides about its module, wherever it stands in the file.
                if let Some((key, variant)) = key.and_then(|key| Some((key, variant(key.role)?))) {
                    sorted.group(&mut by_path, key.path).variant = Some(variant);
                }
                continue;
            }
        };
        if *first_adapter.get_or_insert(key.adapter) != key.adapter {
            let adapter = key.adapter.unwrap_or_default();
            if !sorted.other_adapters.contains(&adapter) {
                sorted.other_adapters.push(adapter);
            }
            sorted.reject(tensor, format!("it belongs to a second adapter in the file, {}", quoted(adapter)));
            continue;
        }
        let slot = &mut sorted.group(&mut by_path, key.path).factors[index];
        if slot.is_some() {
            sorted.reject(tensor, "the module already has this factor under another spelling".to_owned());
        } else {
            *slot = Some(tensor);
        }
    }
    sorted.groups.retain(|group| group.factors.iter().any(Option::is_some));
    sorted
}

fn factor_index(role: Role) -> Option<usize> {
    [Role::A, Role::B, Role::EmbeddingA, Role::EmbeddingB].iter().position(|&r| r == role)
}

/// LoRA's relatives whose extra tensor enters the product.
fn variant(role: Role) -> Option<&'static str> {
    match role {
        Role::AdaLora => Some("AdaLoRA"),
        Role::Kasa => Some("KaSA"),
        _ => None,
    }
}

impl<'a> Sorted<'a> {
    fn group(&mut self, by_path: &mut HashMap<&'a str, usize>, path: &'a str) -> &mut Group<'a> {
        let at = *by_path.entry(path).or_insert_with(|| {
            self.groups.push(Group { path, ..Group::default() });
            self.groups.len() - 1
        });
        &mut self.groups[at]
    }

    fn reject(&mut self, tensor: &TensorEntry, reason: String) {
        self.not_analyzed.push(NotAnalyzed { name: keys::strip(&tensor.name), reason });
    }

    /// Lists a tensor that is no factor.
    fn list(&mut self, tensor: &TensorEntry, role: Option<Role>, config: Option<&PeftConfig>) {
        let reason = match role {
            _ if matches!(tensor.dtype, TensorType::Unknown(_)) => {
                let (name, dtype) = (quoted(&keys::strip(&tensor.name)), quoted(&tensor.dtype.name()));
                self.warnings.push(format!("The tensor {name} is not analysed: its dtype, {dtype}, is not known here."));
                format!("its dtype, {dtype}, is not known here")
            }
            Some(Role::Bias) => "an update of the output bias, which is no part of ΔW".to_owned(),
            Some(Role::Magnitude) => {
                self.magnitudes += 1;
                "DoRA magnitude is not applied yet: the figures describe s·B·A".to_owned()
            }
            Some(Role::AdaLora | Role::Kasa) => "part of a LoRA variant that this version does not read".to_owned(),
            Some(Role::TrainingOnly) => "used in training only".to_owned(),
            Some(Role::Alpha) => {
                self.alphas += 1;
                "a stored alpha, which PEFT does not write: it is not applied".to_owned()
            }
            Some(Role::Saved) => SAVED.to_owned(),
            Some(Role::BaseCopy) => "a copy of the base model's tensor".to_owned(),
            Some(Role::TrainedTokens) => "rows that replace rows of the base embedding".to_owned(),
            _ if tensor.is_empty() => "it holds no elements".to_owned(),
            _ => match dialects::other(&tensor.name) {
                Some(dialect) => {
                    match self.others.iter_mut().find(|(name, _)| *name == dialect) {
                        Some((_, count)) => *count += 1,
                        None => self.others.push((dialect, 1)),
                    }
                    format!("a tensor of another dialect: {dialect}")
                }
                None => whole_tensor(&tensor.name, config),
            },
        };
        self.reject(tensor, reason);
    }

    fn grouped_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.other_adapters.is_empty() {
            let names = self.other_adapters.iter().map(|n| quoted(n)).collect::<Vec<_>>().join(", ");
            warnings.push(format!(
                "The file holds more than one adapter. Only the first is analysed, not {names}: save each to its own file."
            ));
        }
        if self.magnitudes > 0 {
            warnings.push(format!(
                "DoRA magnitude is not applied yet: the figures describe s·B·A ({} magnitude vectors are listed).",
                self.magnitudes
            ));
        }
        if self.alphas > 0 {
            warnings.push(format!(
                "The file stores {} alpha tensors, which PEFT does not write. They are not applied to the scale.",
                self.alphas
            ));
        }
        warnings.extend(self.others.iter().map(|(dialect, count)| {
            format!("{count} tensors are those of another dialect ({dialect}), which this version does not read.")
        }));
        warnings
    }
}

const SAVED: &str = "a full tensor of modules_to_save, not an update";

/// The reason for a plain tensor of the model.
fn whole_tensor(name: &str, config: Option<&PeftConfig>) -> String {
    let module = name.rsplit_once('.').map_or(name, |(module, _)| module);
    let is_saved = |saved: &String| {
        module.strip_suffix(saved.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('.'))
            || module.contains(&format!(".{saved}."))
    };
    if config.is_some_and(|c| c.modules_to_save.iter().any(is_saved)) {
        SAVED.to_owned()
    } else if name.ends_with(".bias") {
        "a full bias, not an update".to_owned()
    } else {
        "a full tensor (as modules_to_save writes it), not an update".to_owned()
    }
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
    let mut places: Vec<_> = modules
        .iter()
        .map(|m| names::Place { layer: m.layer, stack: m.stack.clone(), role: m.role.clone() })
        .collect();
    names::settle_stacks(&mut places);
    let mut placed: Vec<_> = places.into_iter().zip(modules.drain(..)).collect();
    placed.sort_by(|(p, a), (q, b)| names::forward_order((p, &a.name), (q, &b.name)));
    modules.extend(placed.into_iter().map(|(place, module)| Module { stack: place.stack, ..module }));
}
