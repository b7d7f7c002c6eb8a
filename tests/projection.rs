//! Projection through a whole session, on both backends: what the reference answers, what the file holds, and what
//! cannot be done is said in words.

#![cfg(not(target_arch = "wasm32"))]

mod common;
#[path = "common/projections.rs"]
mod projections;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use common::{fixture, fixtures};
use lorascope::compute::Steady;
use lorascope::projection::{OutputType, RankRule, Request, Size, SizeOf};
use lorascope::protocol::{BackendChoice, ItemId, ItemKind, ProjectionFile, ToPage};
use lorascope::report::ProjectionReport;
use lorascope::session::Session;
use lorascope::source::MemorySource;
use pollster::block_on;
use projections::{Golden, Run};

const BACKENDS: [BackendChoice; 2] = [BackendChoice::Cpu, BackendChoice::WebGpu];

type Messages = Rc<RefCell<Vec<ToPage>>>;

/// A session with one adapter, and what it says.
struct Bench<E: Fn(ToPage)> {
    session: Session<MemorySource, Steady, E>,
    messages: Messages,
    item: ItemId,
}

fn bench(choice: BackendChoice, files: Vec<MemorySource>) -> Bench<impl Fn(ToPage)> {
    let messages = Messages::default();
    let sink = Rc::clone(&messages);
    let emit = move |message| sink.borrow_mut().push(message);
    let mut session =
        block_on(Session::start(choice, "unnamed".to_owned(), Steady, emit)).unwrap_or_else(|why| panic!("{why}"));
    block_on(session.load(files));
    let item = items(&messages, ItemKind::Adapter)[0];
    Bench { session, messages, item }
}

fn items(messages: &Messages, kind: ItemKind) -> Vec<ItemId> {
    let messages = messages.borrow();
    let items = messages.iter().filter_map(|message| match message {
        ToPage::Item(item) if item.kind == kind => Some(item.item),
        _ => None,
    });
    items.collect()
}

fn adapter(folder: &str) -> Vec<MemorySource> {
    ["adapter_model.safetensors", "adapter_config.json"].map(|file| fixture(&format!("{folder}/{file}"))).to_vec()
}

impl<E: Fn(ToPage)> Bench<E> {
    /// The projection and its file, or the sentence why there is none.
    fn project(&mut self, request: &Request) -> Result<(ProjectionReport, Vec<u8>), String> {
        self.messages.borrow_mut().clear();
        block_on(self.session.project(self.item, request));
        for message in self.messages.borrow().iter() {
            if let ToPage::NotProjected { text } = message {
                return Err(text.clone().unwrap_or_default());
            }
        }
        let report = self.session.report().projection.expect("a projection");
        Ok((report, self.download(ProjectionFile::Adapter)))
    }

    fn download(&self, file: ProjectionFile) -> Vec<u8> {
        let download = self.session.download(file).unwrap_or_else(|text| panic!("{text}"));
        download.pieces.iter().flat_map(|piece| piece.iter().copied()).collect()
    }
}

fn request(run: &Run) -> Request {
    let sizes = run.sizes.iter().map(|(name, &shape)| Size { of: SizeOf::Module(name.clone()), shape });
    Request {
        method: run.method.clone(),
        rank: run.rank.map_or(RankRule::Source, RankRule::Number),
        sizes: sizes.collect(),
        dtype: Some(OutputType::F32),
        ..Request::default()
    }
}

#[test]
fn every_answer_of_the_reference() {
    let golden = Golden::read(&fixtures());
    for choice in BACKENDS {
        let mut bench = bench(choice, adapter("peft-lora"));
        let mut checked = BTreeSet::new();
        for run in golden.runs() {
            let (report, file) = bench.project(&request(&run)).unwrap_or_else(|text| panic!("{run:?}: {text}"));
            checked.extend(golden.check(&run, &file, &serde_json::to_value(&report).unwrap()));
        }
        assert_eq!(checked, golden.keys(), "{choice:?}");
    }
}
