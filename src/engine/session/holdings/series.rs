//! The states that updates are differences of: checkpoints, or adapters saved along one training; in which order.

use std::collections::HashMap;

use crate::intake::folder;
use crate::session::holdings::item::{Held, What};
use crate::session::{Emit, Session};
use lorascope_format::bytes::ByteSource;
use lorascope_format::checkpoint::{order, step};
use lorascope_format::path::file_name;
use lorascope_kernels::Pulse;
use lorascope_protocol::report::Along;
use lorascope_protocol::{ItemId, Stage, ToPage};

/// What the person chose; without it the order goes by the names.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByHand {
    checkpoints: Option<Vec<ItemId>>,
    adapters: Option<Vec<ItemId>>,
}

impl ByHand {
    pub fn of(&self, along: Along) -> Option<&Vec<ItemId>> {
        match along {
            Along::Checkpoints => self.checkpoints.as_ref(),
            Along::Adapters => self.adapters.as_ref(),
        }
    }

    pub fn set(&mut self, along: Along, order: Vec<ItemId>) {
        let slot = match along {
            Along::Checkpoints => &mut self.checkpoints,
            Along::Adapters => &mut self.adapters,
        };
        *slot = Some(order);
    }
}

impl ByHand {
    /// An order of which nothing is here any more is none.
    pub fn forget_unless(&mut self, is_here: impl Fn(ItemId) -> bool) {
        for order in [&mut self.checkpoints, &mut self.adapters] {
            order.take_if(|order| !order.iter().any(|item| is_here(*item)));
        }
    }
}

/// From state to state, and from the first to the last where that is another update.
pub(crate) fn updates(states: &[ItemId]) -> Vec<(ItemId, ItemId)> {
    let mut pairs: Vec<(ItemId, ItemId)> = states.windows(2).map(|pair| (pair[0], pair[1])).collect();
    if let ([first, .., last], true) = (states, states.len() > 2) {
        pairs.push((*first, *last));
    }
    pairs
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// The states of a series in order, and those that could join but do not.
    pub(crate) fn series(&self, along: Along) -> (Vec<ItemId>, Vec<ItemId>) {
        let is_state = |held: &&Held<S>| match along {
            Along::Checkpoints => matches!(held.what, What::Checkpoint(_)),
            Along::Adapters => held.analysed().is_some(),
        };
        let all: Vec<&Held<S>> = self.held.iter().filter(is_state).collect();
        let labels: Vec<&str> = all.iter().map(|held| held.label.as_str()).collect();
        let ordered: Vec<&Held<S>> = order(&labels).into_iter().map(|n| all[n]).collect();
        let used: Vec<ItemId> = match self.chosen_series.of(along) {
            Some(chosen) => chosen.iter().copied().filter(|id| ordered.iter().any(|held| held.id == *id)).collect(),
            None if along == Along::Adapters => one_training(&ordered),
            None => ordered.iter().map(|held| held.id).collect(),
        };
        let unused = ordered.iter().map(|held| held.id).filter(|id| !used.contains(id)).collect();
        (used, unused)
    }

    /// What there is to align with, as the page is told it.
    pub(crate) fn stages(&self, along: Along) -> ToPage {
        let (used, unused) = self.series(along);
        let stage = |id: ItemId| {
            let label = self.held.label(id).to_owned();
            Stage { item: id, step: step(&label), label }
        };
        let [stages, unused] = [used, unused].map(|ids| ids.into_iter().map(stage).collect());
        ToPage::Series { along, stages, unused }
    }

    /// A state that came later joins an order that was set by hand, at its end.
    pub(crate) fn join_series(&mut self, item: ItemId) {
        if let Some(order) = self.chosen_series.checkpoints.as_mut().filter(|order| !order.contains(&item)) {
            order.push(item);
        }
    }
}

/// Adapters that were saved along one training: numbered ones of the same folder, the largest such group.
fn one_training<S: ByteSource>(ordered: &[&Held<S>]) -> Vec<ItemId> {
    let mut runs: HashMap<String, Vec<ItemId>> = HashMap::new();
    let mut names: Vec<String> = Vec::new();
    for held in ordered {
        let Some(analysed) = held.analysed().filter(|_| step(&held.label).is_some()) else { continue };
        let path = folder_of_run(analysed.file.source.path(), &held.label);
        if !names.contains(&path) {
            names.push(path.clone());
        }
        runs.entry(path).or_default().push(held.id);
    }
    let largest = names.iter().filter_map(|name| runs.get(name)).filter(|run| run.len() > 1);
    // The first of equals: `max_by_key` would take the last.
    largest.rev().max_by_key(|run| run.len()).cloned().unwrap_or_default()
}

/// The folder above `checkpoint-40/adapter_model.safetensors`, the folder of `name-000004.safetensors`, with the
/// name that all of the run share.
fn folder_of_run(path: &str, label: &str) -> String {
    let last = file_name(label);
    let home = folder(path);
    let above = if home.ends_with(last) { folder(home) } else { home };
    let stem: String = last.chars().filter(|c| !c.is_ascii_digit()).collect();
    format!("{above}/{stem}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_go_from_state_to_state_and_over_all() {
        assert_eq!(updates(&[1]), []);
        assert_eq!(updates(&[4, 2]), [(4, 2)]);
        assert_eq!(updates(&[4, 2, 7]), [(4, 2), (2, 7), (4, 7)]);
    }

    #[test]
    fn a_run_is_a_folder_of_numbered_states() {
        let of = folder_of_run;
        assert_eq!(
            of("run/checkpoint-30/adapter_model.safetensors", "checkpoint-30"),
            of("run/checkpoint-120/adapter_model.safetensors", "checkpoint-120")
        );
        assert_eq!(
            of("checkpoint-30/adapter_model.safetensors", "checkpoint-30"),
            of("checkpoint-60/adapter_model.safetensors", "checkpoint-60")
        );
        assert_ne!(
            of("a/checkpoint-30/adapter_model.safetensors", "a/checkpoint-30"),
            of("b/checkpoint-30/adapter_model.safetensors", "b/checkpoint-30")
        );
        assert_eq!(
            of("out/cat-000004.safetensors", "cat-000004.safetensors"),
            of("out/cat-000008.safetensors", "cat-000008.safetensors")
        );
        assert_ne!(
            of("out/cat-000004.safetensors", "cat-000004.safetensors"),
            of("out/dog-000008.safetensors", "dog-000008.safetensors")
        );
    }
}
