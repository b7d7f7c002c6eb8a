//! What the page says of its state: the status line, errors and warnings.

use std::sync::Arc;

use super::arriving::Adapter;
use super::number;
use super::shown::{Phase, State};
use lorascope_protocol::{About, ItemKind, Problem};

/// A sentence about what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    /// It is of an address, which can be tried again.
    pub can_retry: bool,
}

impl Notice {
    fn new(text: String) -> Notice {
        Notice { text, can_retry: false }
    }

    fn of(problem: &Problem) -> Notice {
        Notice { text: problem.text.clone(), can_retry: matches!(problem.about, About::Address(_)) }
    }
}

impl State {
    /// One notice per problem that stopped everything, the engine's own first.
    pub fn errors(&self) -> Vec<Notice> {
        let of_drop = self.problems.iter().filter(|p| p.error).map(Notice::of);
        self.no_backend.iter().cloned().map(Notice::new).chain(of_drop).collect()
    }

    /// One notice per thing that could not be used: of the drop, of the adapter in view, and by name of the others.
    pub fn warnings(&self) -> Vec<Notice> {
        let mut notices: Vec<Notice> = self.address_warning.iter().cloned().map(Notice::new).collect();
        let of_drop = self.problems.iter().filter(|p| !p.error).map(Notice::of);
        let (selected, others): (Vec<_>, Vec<_>) = self.adapters.values().partition(|a| self.selected == Some(a.item));
        let in_view = selected.iter().flat_map(|a| a.report.warnings.iter().cloned().map(Notice::new));
        let named = |a: &'_ Arc<Adapter>| {
            let with_label = |text| Notice::new(format!("{}: {text}", a.report.label));
            a.report.warnings.iter().map(with_label).collect::<Vec<_>>()
        };
        for notice in of_drop.chain(in_view).chain(others.into_iter().flat_map(named)) {
            if !notices.contains(&notice) {
                notices.push(notice);
            }
        }
        notices
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
