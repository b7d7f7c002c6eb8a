//! A session that is dropped files, and what it said.

use std::cell::Cell;
use std::rc::Rc;

use lorascope_engine::session::Session;
use lorascope_format::bytes::MemorySource;
use lorascope_kernels::gpu::Mishaps;
use lorascope_kernels::{Pulse, Steady};
use lorascope_protocol::report::AlignmentReport;
use lorascope_protocol::{BackendChoice, ItemId, Outcome, ToPage};
use pollster::block_on;

use crate::common::{fixture, fixtures};
use crate::started::{Messages, start_with, verdict};

pub struct Bench<E: Fn(ToPage), P = Steady> {
    pub session: Session<MemorySource, P, E>,
    messages: Messages,
}

pub fn bench(choice: BackendChoice) -> Bench<impl Fn(ToPage)> {
    bench_with(choice, Steady)
}

pub fn bench_with<P: Pulse + Clone>(choice: BackendChoice, pulse: P) -> Bench<impl Fn(ToPage), P> {
    bench_of(choice, pulse, Rc::default())
}

/// With what goes wrong with its GPU.
pub fn bench_of<P: Pulse + Clone>(choice: BackendChoice, pulse: P, mishaps: Rc<Mishaps>) -> Bench<impl Fn(ToPage), P> {
    let (session, messages) = start_with(choice, pulse, mishaps);
    Bench { session, messages }
}

/// Cancels whatever runs for as long as it says so.
#[derive(Clone, Default)]
pub struct Switch(pub Rc<Cell<bool>>);

impl Pulse for Switch {
    async fn beat(&self) -> bool {
        self.0.get()
    }
}

impl<E: Fn(ToPage), P: Pulse + Clone> Bench<E, P> {
    /// Drops files; gives how it ended and what was said.
    pub fn drop_files(&mut self, files: Vec<MemorySource>) -> (Outcome, Vec<String>) {
        self.messages.borrow_mut().clear();
        block_on(self.session.load(files));
        self.ended()
    }

    pub fn ended(&self) -> (Outcome, Vec<String>) {
        let (outcome, problems) = verdict(&self.messages);
        (outcome, problems.into_iter().map(|problem| problem.text).collect())
    }

    /// What the page has been told, from here on anew.
    pub fn take(&self) -> Vec<ToPage> {
        self.messages.take()
    }

    pub fn bytes_read(&self) -> u64 {
        self.session.engine().counts.bytes_read
    }

    pub fn alignment(&self) -> Vec<AlignmentReport> {
        self.session.report().alignment
    }

    pub fn one(&self, from: &str, to: &str) -> AlignmentReport {
        let found = self.alignment().into_iter().find(|row| row.from == from && row.to == to);
        found.unwrap_or_else(|| panic!("no {from} → {to} in {:#?}", self.pairs()))
    }

    pub fn pairs(&self) -> Vec<String> {
        self.alignment().iter().map(|row| format!("{}: {} → {}", row.adapter, row.from, row.to)).collect()
    }

    pub fn item(&self, label: &str) -> ItemId {
        let messages = self.messages.borrow();
        let found = messages.iter().find_map(|message| match message {
            ToPage::Item(item) if item.label == label => Some(item.item),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no item {label}"))
    }
}

/// The files below a fixture folder, as its drop gives them.
pub fn below(folder: &str) -> Vec<MemorySource> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(fixtures().join(&path)).unwrap_or_else(|e| panic!("{path}: {e}")) {
            let entry = entry.expect("an entry");
            let name = format!("{path}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                open.push(name);
            } else {
                files.push(fixture(&name));
            }
        }
    }
    files
}

pub fn said(problems: &[String], words: &str) {
    assert!(problems.iter().any(|text| text.contains(words)), "{problems:#?} should say {words:?}");
}
