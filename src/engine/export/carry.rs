//! What becomes of the source's tensors that are no factor of a written module.

use std::collections::{HashMap, HashSet};

use crate::projection::Plan;
use lorascope_format::adapter::keys::{self, Key, Role};
use lorascope_format::adapter::{Adapter, Module};
use lorascope_format::container::{Dtype, Header, TensorEntry, TensorType, quoted};
use lorascope_protocol::report::NotAnalyzed;

/// The tensors beside the written factors.
pub struct Rest<'a> {
    /// Those that are copied.
    pub carried: Vec<(&'a TensorEntry, Dtype)>,
    pub left_out: Vec<NotAnalyzed>,
    /// Factors are among what is left out.
    pub partial: bool,
    pub warnings: Vec<String>,
}

/// What the written modules own in the source.
struct Written<'a> {
    tensors: HashSet<&'a str>,
    paths: HashSet<&'a str>,
    /// The name of the adapter in the keys, where they carry one.
    adapter: Option<&'a str>,
}

/// Sorts the tensors of `source` that are no factor of `written`. To the same model everything goes along that has a
/// meaning without the modules that are left out; to another model nothing does.
pub fn rest<'a>(adapter: &Adapter, source: &'a Header, plan: &Plan, written: &[&Module]) -> Rest<'a> {
    let written = Written::of(written);
    let mut list = List::new(adapter, plan);
    let mut carried = Vec::new();
    let mut partial = !plan.unplaced.is_empty();
    let mut magnitudes = 0;
    for tensor in source.tensors.iter().filter(|t| !written.tensors.contains(t.name.as_str())) {
        let key = keys::parse(&tensor.name);
        if let Some(key) = key.filter(is_factor) {
            partial = true;
            list.factor(tensor, key);
            continue;
        }
        let reason = match (&tensor.dtype, plan.same_model) {
            (_, false) => of_the_base(key.map(|k| k.role)).to_owned(),
            (TensorType::Unknown(dtype), true) => format!("its dtype, {}, is not known here", quoted(dtype)),
            (TensorType::Q8_0, true) => "it is stored as Q8_0, a form that safetensors does not have".to_owned(),
            (TensorType::Known(dtype), true) => match key.and_then(|key| written.refuses(key)) {
                Some(reason) => reason.to_owned(),
                None => {
                    magnitudes += usize::from(key.is_some_and(|k| k.role == Role::Magnitude));
                    carried.push((tensor, *dtype));
                    continue;
                }
            },
        };
        list.push(keys::strip(&tensor.name), reason);
    }
    let mut warnings = Vec::new();
    if magnitudes > 0 {
        warnings.push(format!(
            "{magnitudes} DoRA magnitudes are copied as they are. They were trained beside the original factors, and \
             the figures describe s·B·A alone."
        ));
    }
    Rest { carried, left_out: list.entries, partial, warnings }
}

fn is_factor(key: &Key<'_>) -> bool {
    matches!(key.role, Role::A | Role::B | Role::EmbeddingA | Role::EmbeddingB)
}

/// Why a tensor beside the factors does not go to another model.
fn of_the_base(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::Magnitude) => "a DoRA magnitude, which holds for the weights of the source's model only",
        Some(Role::Bias) => "an update of the output bias, which is no part of ΔW",
        Some(Role::BaseCopy) => "a copy of a tensor of the source's model",
        Some(Role::TrainedTokens) => "rows that replace rows of the source model's embedding",
        Some(Role::AdaLora | Role::Kasa | Role::TrainingOnly) => "part of a LoRA variant, which is not projected",
        Some(Role::Alpha) => ALPHA,
        _ => "a full tensor of the source's model, which is no update and does not fit another model",
    }
}

const ALPHA: &str = "a stored alpha, which PEFT does not write: the scale stands in adapter_config.json";

impl<'a> Written<'a> {
    fn of(modules: &[&'a Module]) -> Self {
        let factors = || modules.iter().filter_map(|m| m.pair()).flatten();
        let names = || factors().map(|factor| factor.tensor.name.as_str());
        let keys = || names().filter_map(keys::parse);
        Self {
            tensors: names().collect(),
            paths: keys().map(|key| key.path).collect(),
            adapter: keys().next().and_then(|key| key.adapter),
        }
    }

    /// Why a tensor beside the factors does not go along to the same model.
    fn refuses(&self, key: Key<'_>) -> Option<&'static str> {
        let of_module =
            matches!(key.role, Role::Bias | Role::Magnitude | Role::AdaLora | Role::Kasa | Role::TrainingOnly);
        match key.role {
            // A reader that knows it would divide it by the new rank.
            Role::Alpha => Some(ALPHA),
            _ if key.adapter.zip(self.adapter).is_some_and(|(its, ours)| its != ours) => {
                Some("it belongs to another adapter in the file")
            }
            _ if of_module && !self.paths.contains(key.path) => Some("it belongs to a module that is not in the file"),
            _ => None,
        }
    }
}

/// What is left out, each name once.
struct List<'a> {
    entries: Vec<NotAnalyzed>,
    named: HashSet<String>,
    /// What reading and analysing the adapter said of names.
    reasons: HashMap<&'a str, &'a str>,
}

impl<'a> List<'a> {
    fn new(adapter: &'a Adapter, plan: &Plan) -> Self {
        let entries = plan.unplaced.clone();
        Self {
            named: entries.iter().map(|entry| entry.name.clone()).collect(),
            reasons: adapter.not_analyzed.iter().map(|n| (n.name.as_str(), n.reason.as_str())).collect(),
            entries,
        }
    }

    fn push(&mut self, name: String, reason: String) {
        if self.named.insert(name.clone()) {
            self.entries.push(NotAnalyzed { name, reason });
        }
    }

    /// A factor: its module is listed, or the tensor itself where that is what was refused.
    fn factor(&mut self, tensor: &TensorEntry, key: Key<'_>) {
        let names = [keys::strip(&tensor.name), keys::strip(key.path), keys::clean(key.path)];
        if names.iter().any(|name| self.named.contains(name)) {
            return;
        }
        let known = names.iter().find_map(|name| Some((name.clone(), (*self.reasons.get(name.as_str())?).to_owned())));
        let [.., module] = names;
        let (name, reason) = known.unwrap_or_else(|| (module, "it was not analysed".to_owned()));
        self.push(name, reason);
    }
}
