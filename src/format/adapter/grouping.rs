//! The tensors of a file, sorted into modules; what is no part of an update is listed with a reason.

use std::collections::{HashMap, HashSet};

use super::config::PeftConfig;
use super::gather::{Gathered, Group, gather};
use super::keys::{self, Half, Key, Part, Role};
use crate::NotAnalyzed;
use crate::container::{Header, TensorEntry, TensorType, quoted};

/// What becomes of the file's tensors.
#[derive(Default)]
pub struct Sorted<'a> {
    pub groups: Vec<Group<'a>>,
    pub not_analyzed: Vec<NotAnalyzed>,
    /// Kinds of adapter that are only named: name, count of tensors.
    pub named: Vec<(&'static str, usize)>,
    /// Names of the adapters after the first, the first [`NAMED`] of them.
    other_adapters: Vec<String>,
    /// Tensors of an unknown dtype: how many, and the first one's name and dtype.
    unknown: usize,
    first_unknown: Option<(String, String)>,
    /// VeRA's shared matrices.
    pub shared: [Option<&'a TensorEntry>; 2],
    /// Modules inside of which another is adapted: two of PEFT's wrappers of a module's parameters.
    pub wrappers: HashSet<&'a str>,
    /// What is listed, and its place in the file.
    rejected: Vec<(usize, NotAnalyzed)>,
    /// The places of all tensors in the file, by their names.
    places: HashMap<&'a str, usize>,
}

/// How many names a sentence gives.
const NAMED: usize = 5;

/// Sorts tensors into modules, and lists those that are no part of an update.
#[inline(never)]
pub fn sort<'a>(header: &'a Header, config: Option<&PeftConfig>) -> Sorted<'a> {
    let places = header.tensors.iter().enumerate().map(|(n, tensor)| (tensor.name.as_str(), n)).collect();
    let mut sorted = Sorted { places, ..Sorted::default() };
    let (gathered, plain) = gather(header);
    let keys = || gathered.iter().flat_map(|g| &g.keys);
    let first_adapter = keys().find(|key| key.role.is_pair()).or_else(|| keys().find(|key| key.adapter.is_some()));
    let first_adapter = first_adapter.map(|key| key.adapter);
    for Gathered { mut group, keys } in gathered {
        let whole = std::mem::take(&mut group.tensors);
        let named = whole.iter().find_map(|(role, _)| if let Role::Named(kind) = role { Some(*kind) } else { None });
        for ((role, tensor), key) in whole.into_iter().zip(keys) {
            if first_adapter.is_some_and(|first| is_of_others(&key, first)) {
                sorted.of_another_adapter(tensor, key.adapter);
            } else if let Some(reason) = sorted.listed(role, tensor) {
                sorted.reject(tensor, reason);
            } else if group.has(role) {
                sorted.reject(tensor, "the module already has this factor under another spelling".to_owned());
            } else if matches!(role, Role::VeraA | Role::VeraB) {
                let place = usize::from(role == Role::VeraB);
                match sorted.shared[place] {
                    None => sorted.shared[place] = Some(tensor),
                    Some(_) => {
                        sorted.reject(tensor, "a second projection of VeRA's, where one serves all modules".to_owned());
                    }
                }
            } else {
                group.tensors.push((role, tensor));
            }
        }
        if group.shows_adapter() {
            sorted.groups.push(group);
        } else {
            for (_, tensor) in group.tensors {
                let reason = match named {
                    Some(kind) => format!("part of {kind}, {}", why_only_named(kind)),
                    None => "nothing beside it is an update that it could belong to".to_owned(),
                };
                sorted.reject(tensor, reason);
            }
        }
    }
    for tensor in plain {
        let reason = sorted.plain(tensor, config);
        sorted.reject(tensor, reason);
    }
    sorted.wrappers = sorted.groups.iter().filter_map(|group| group.path.strip_suffix(".base_layer")).collect();
    sorted.rejected.sort_by_key(|(place, _)| *place);
    sorted.not_analyzed = sorted.rejected.drain(..).map(|(_, entry)| entry).collect();
    sorted
}

/// Whether a tensor is part of another adapter than `first`. Of a pair the absence of a name tells too.
fn is_of_others(key: &Key<'_>, first: Option<&str>) -> bool {
    if key.role.is_pair() {
        return key.adapter != first;
    }
    let is_part = key.role.shows_adapter() && !matches!(key.role, Role::Named(_) | Role::TrainedTokens);
    is_part && key.adapter.zip(first).is_some_and(|(own, first)| own != first)
}

impl Sorted<'_> {
    fn reject(&mut self, tensor: &TensorEntry, reason: String) {
        let entry = NotAnalyzed { name: keys::strip(&tensor.name), reason };
        self.rejected.push((self.places.get(tensor.name.as_str()).copied().unwrap_or_default(), entry));
    }

    fn of_another_adapter(&mut self, tensor: &TensorEntry, adapter: Option<&str>) {
        let adapter = adapter.map_or_else(|| "the one without a name".to_owned(), quoted);
        self.reject(tensor, format!("it belongs to another adapter in the file: {adapter}"));
        if self.other_adapters.len() < NAMED && !self.other_adapters.contains(&adapter) {
            self.other_adapters.push(adapter);
        }
    }

    /// The reason for a tensor that is part of an adapter, but of no update; `None` for those that are.
    fn listed(&mut self, role: Role, tensor: &TensorEntry) -> Option<String> {
        if let Some(reason) = self.unknown(tensor) {
            // Without it the module is a fault of its own; whole tensors are merely listed.
            return (!role.is_pair()).then_some(reason);
        }
        let reason = match role {
            Role::Bias => "an update of the output bias, which is no part of ΔW",
            Role::DiffBias => "a difference of a bias or of a modulation parameter, which is no part of ΔW",
            Role::NormBias => "a difference of a norm's bias, which is no part of ΔW",
            Role::Glora(4) => "what GLoRA does to the base's bias (bm), which is no part of ΔW",
            Role::Kasa => return None,
            Role::TrainingOnly => "used in training only (by VeLoRA or MonteCLoRA)",
            Role::Saved => SAVED,
            Role::BaseCopy if tensor.name.ends_with(".bias") => {
                "a full bias of the layer below the adapter, trained along or copied, not an update of its weight"
            }
            Role::BaseCopy => "a copy of the base model's tensor",
            Role::TrainedTokens => "rows that replace rows of the base embedding",
            Role::ReshapeWeight => "a shape that the base weight is padded to before the update is added",
            Role::Hada(_, Part::Whole) | Role::Kron(Half::First, Part::Core) => "no such tensor is known of this kind",
            Role::Named(kind) => {
                match self.named.iter_mut().find(|(name, _)| *name == kind) {
                    Some((_, count)) => *count += 1,
                    None => self.named.push((kind, 1)),
                }
                return Some(format!("part of {kind}, {}", why_only_named(kind)));
            }
            _ => return None,
        };
        Some(reason.to_owned())
    }

    fn unknown(&mut self, tensor: &TensorEntry) -> Option<String> {
        let TensorType::Unknown(dtype) = &tensor.dtype else { return None };
        let (name, dtype) = (quoted(&keys::strip(&tensor.name)), quoted(dtype));
        let reason = format!("its dtype, {dtype}, is not known here");
        self.unknown += 1;
        self.first_unknown.get_or_insert((name, dtype));
        Some(reason)
    }

    /// The reason for a tensor that has no suffix of an adapter.
    fn plain(&mut self, tensor: &TensorEntry, config: Option<&PeftConfig>) -> String {
        if let Some(reason) = self.unknown(tensor) {
            return reason;
        }
        if tensor.is_empty() { "it holds no elements".to_owned() } else { whole_tensor(&tensor.name, config) }
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
        warnings.extend(self.named.iter().map(|(kind, count)| {
            let tensors = if *count == 1 { "1 tensor is".to_owned() } else { format!("{count} tensors are") };
            format!("{tensors} part of {kind}, {}; each is listed.", why_only_named(kind))
        }));
        warnings
    }
}

/// Why the update of a kind of adapter is not computed.
pub fn why_only_named(kind: &str) -> &'static str {
    match kind {
        "OFT (PEFT)" | "BOFT" | "HRA" | "RoAd" | "PSOFT" | "OSF" => {
            "which turns the base model's weight in a way that is not computed here, with the base or without"
        }
        keys::KOHYA_OFT => {
            "which rotates rows of the base model's weight by angles that alpha clamps, and is not computed here, with the \
             base or without"
        }
        keys::NUNCHAKU => {
            "whose factors are packed in the order of its kernels, so that their plain product is wrong: drop the original \
             LoRA that it was converted from"
        }
        "T-LoRA" => "whose update lacks the part of the base that training took out of it, which is not in the file",
        "SHiRA" | "C3A" | "FourierFT" | "WaveFT" => "whose update needs the base's sizes, which are not in the file",
        _ => "whose update is not computed here",
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
