//! The tensors of a PEFT file, sorted into modules; what is no factor is listed with a reason.

use std::collections::HashMap;

use super::config::PeftConfig;
use super::dialects;
use super::keys::{self, Role};
use crate::container::{Header, TensorEntry, TensorType, quoted};
use crate::report::NotAnalyzed;

/// The tensors of one module.
#[derive(Default)]
pub struct Group<'a> {
    pub path: &'a str,
    /// `lora_A`, `lora_B`, `lora_embedding_A`, `lora_embedding_B`.
    pub factors: [Option<&'a TensorEntry>; 4],
    /// The relative of LoRA that a further tensor makes it.
    pub variant: Option<&'static str>,
}

/// What becomes of the file's tensors.
#[derive(Default)]
pub struct Sorted<'a> {
    pub groups: Vec<Group<'a>>,
    pub not_analyzed: Vec<NotAnalyzed>,
    /// Tensors with DoRA's magnitudes.
    magnitudes: usize,
    alphas: usize,
    /// Tensors of other dialects: name, count.
    others: Vec<(&'static str, usize)>,
    /// Names of the adapters after the first, the first [`NAMED`] of them.
    other_adapters: Vec<String>,
    /// Tensors of an unknown dtype: how many, and the first one's name and dtype.
    unknown: usize,
    first_unknown: Option<(String, String)>,
}

/// How many names a sentence gives.
const NAMED: usize = 5;

/// Sorts tensors into modules, and lists those that are no factor.
pub fn sort<'a>(header: &'a Header, config: Option<&PeftConfig>) -> Sorted<'a> {
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
            let adapter = key.adapter.map_or_else(|| "the one without a name".to_owned(), quoted);
            sorted.reject(tensor, format!("it belongs to another adapter in the file: {adapter}"));
            if sorted.other_adapters.len() < NAMED && !sorted.other_adapters.contains(&adapter) {
                sorted.other_adapters.push(adapter);
            }
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
                let reason = format!("its dtype, {dtype}, is not known here");
                self.unknown += 1;
                self.first_unknown.get_or_insert((name, dtype));
                reason
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

    /// One sentence for each thing that many tensors share.
    pub fn grouped_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.other_adapters.is_empty() {
            let names = self.other_adapters.join(", ");
            warnings.push(format!(
                "The file holds more than one adapter. Only the first is analysed, not {names}: save each to its own file."
            ));
        }
        if let Some((name, dtype)) = &self.first_unknown {
            let others = if self.unknown > 1 { format!(" ({} tensors in all)", self.unknown) } else { String::new() };
            warnings.push(format!("The tensor {name} is not analysed: its dtype, {dtype}, is not known here{others}."));
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
