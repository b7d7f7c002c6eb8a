//! What the page says of its state: the status line, errors and warnings.

use std::sync::Arc;

use super::arriving::Adapter;
use super::number;
use super::shown::{Phase, State};
use lorascope_protocol::ItemKind;

impl State {
    /// One text per problem that stopped everything, the engine's own first.
    pub fn errors(&self) -> Vec<String> {
        let of_drop = self.problems.iter().filter(|p| p.error).map(|p| p.text.clone());
        self.no_backend.iter().cloned().chain(of_drop).collect()
    }

    /// One text per thing that could not be used: of the drop, of the adapter in view, and by name of the others.
    pub fn warnings(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.address_warning.iter().cloned().collect();
        let of_drop = self.problems.iter().filter(|p| !p.error).map(|p| p.text.clone());
        let (selected, others): (Vec<_>, Vec<_>) = self.adapters.values().partition(|a| self.selected == Some(a.item));
        let in_view = selected.iter().flat_map(|a| a.report.warnings.iter().cloned());
        let named = |a: &'_ Arc<Adapter>| {
            a.report.warnings.iter().map(|text| format!("{}: {text}", a.report.label)).collect::<Vec<_>>()
        };
        for text in of_drop.chain(in_view).chain(others.into_iter().flat_map(named)) {
            // The engine may say of a drop what its adapter's report says too, there with the adapter's name.
            if !texts.iter().any(|known| *known == text || known.ends_with(&format!(": {text}"))) {
                texts.push(text);
            }
        }
        texts
    }

    /// What the engine is at, where it has not said so itself.
    pub fn doing(&self) -> &'static str {
        if self.projection.run.is_running() {
            "Projecting"
        } else if self.extraction.run.is_running() {
            "Extracting"
        } else if self.alignment.is_running() {
            "Aligning"
        } else if self.comparison.is_running() {
            "Comparing"
        } else {
            "Analysing"
        }
    }

    /// The line that says where the page stands.
    pub fn status(&self) -> String {
        let count = |kind| self.items.iter().filter(|i| i.kind == kind).count();
        let (adapters, recalled) = (count(ItemKind::Adapter), count(ItemKind::Report));
        match self.phase {
            Phase::Idle if self.engine.is_none() => "Starting the engine …".to_owned(),
            Phase::Idle => "Ready".to_owned(),
            Phase::Loading => match &self.running {
                Some(running) => running.latest.text.clone(),
                None => "Reading headers …".to_owned(),
            },
            Phase::Analyzing => match &self.running {
                Some(running) => running.latest.text.clone(),
                None => format!("{} …", self.doing()),
            },
            Phase::Done if self.only_extracts() => {
                let states = self.alignment.checkpoints.entries.len();
                format!("{} kept", number::plural(states, "checkpoint", "checkpoints"))
            }
            Phase::Done if adapters == 0 && recalled > 0 => {
                format!("{} shown from a report", number::plural(recalled, "adapter", "adapters"))
            }
            Phase::Done if adapters == 0 => "Kept; waiting for an adapter".to_owned(),
            Phase::Done => {
                let what = number::plural(adapters, "adapter", "adapters");
                match self.seconds {
                    Some(s) => format!("{what} analysed; the last drop took {} s", number::fixed(s, 1)),
                    None => format!("{what} analysed"),
                }
            }
            Phase::Error if self.crash.is_some() => "The engine stopped".to_owned(),
            Phase::Error if self.no_backend.is_some() => "No engine".to_owned(),
            Phase::Error => "Nothing of this drop could be analysed".to_owned(),
        }
    }
}
