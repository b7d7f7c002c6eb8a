//! Loading by address without a browser: a network of the test's own answers as servers do, well and badly.

mod network;

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::fixtures;
use crate::started::start_plain;
use lorascope_engine::session::Session;
use lorascope_format::bytes::MemorySource;
use lorascope_kernels::Steady;
use lorascope_protocol::report::AdapterReport;
use lorascope_protocol::{About, BackendChoice, Item, ItemKind, Outcome, Problem, ToPage};
use network::{Fake, Mode};
use pollster::block_on;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
const AT: &str = "https://host.org/run/adapter_model.safetensors";

struct Loaded {
    messages: Vec<ToPage>,
    report: Vec<AdapterReport>,
}

impl Loaded {
    fn outcome(&self) -> (Outcome, Vec<Problem>) {
        match self.messages.last() {
            Some(ToPage::Finished { outcome, problems, .. }) => (*outcome, problems.clone()),
            other => panic!("the last message is {other:?}"),
        }
    }

    fn items(&self) -> Vec<&Item> {
        let items = self.messages.iter().filter_map(|m| if let ToPage::Item(item) = m { Some(item) } else { None });
        items.collect()
    }

    /// The one sentence with which nothing was loaded.
    fn error(&self) -> String {
        let (outcome, problems) = self.outcome();
        assert_eq!(outcome, Outcome::Error, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.error) && problems.len() == 1, "{problems:?}");
        problems[0].text.clone()
    }

    fn sigma(&self) -> Vec<Vec<f64>> {
        assert_eq!(self.report.len(), 1);
        self.report[0].modules.iter().map(|module| module.singular_values.clone()).collect()
    }
}

fn load(fake: &Fake, addresses: &[&str]) -> Loaded {
    let messages: Rc<RefCell<Vec<ToPage>>> = Rc::default();
    let sink = Rc::clone(&messages);
    let emit = move |message| {
        if let ToPage::Outline { .. } = &message {
            fake.log.borrow_mut().push("outline".to_owned());
        }
        sink.borrow_mut().push(message);
    };
    let started = Session::<MemorySource, Steady, _>::start(BackendChoice::Cpu, String::new(), Steady, emit);
    let mut session = block_on(started).unwrap_or_else(|why| panic!("{why}"));
    let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
    block_on(session.load_addresses(&addresses, fake));
    let report = session.report().adapters;
    drop(session);
    let messages = messages.borrow().clone();
    Loaded { messages, report }
}

fn bytes(path: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A network with `peft-lora` at [`AT`].
fn one(mode: Mode) -> Fake {
    let mut fake = Fake::default();
    fake.put("https://host.org/run/adapter_config.json", bytes("peft-lora/adapter_config.json"), Mode::default());
    fake.put(AT, bytes("peft-lora/adapter_model.safetensors"), mode);
    fake
}

fn dropped() -> Vec<Vec<f64>> {
    let (mut session, _) = start_plain();
    let files =
        [WEIGHTS, CONFIG].map(|name| MemorySource::new(format!("run/{name}"), bytes(&format!("peft-lora/{name}"))));
    block_on(session.load(files.to_vec()));
    let report = session.report();
    report.adapters[0].modules.iter().map(|module| module.singular_values.clone()).collect()
}

#[test]
fn every_good_way_gives_what_a_drop_gives() {
    let wanted = dropped();
    for mode in [
        Mode::default(),
        Mode { ranges: false, ..Mode::default() },
        Mode { exposed: false, ..Mode::default() },
        Mode { exposed: false, length: false, ..Mode::default() },
        Mode { ranges: false, length: false, ..Mode::default() },
        Mode { longest: 50_000, ..Mode::default() },
        Mode { longest: 50_000, exposed: false, ..Mode::default() },
        Mode { cuts: 1, cut_after: 300_000, ..Mode::default() },
        Mode { cuts: 1, cut_after: 1000, ranges: false, ..Mode::default() },
        Mode { cuts: 1, cut_after: 300_000, exposed: false, ..Mode::default() },
        Mode { statuses: vec![(429, Some(1)), (429, None)], ..Mode::default() },
        Mode { statuses: vec![(503, None)], ..Mode::default() },
        Mode { changes: 1, ..Mode::default() },
    ] {
        let fake = one(mode.clone());
        let loaded = load(&fake, &[AT]);
        let (outcome, problems) = loaded.outcome();
        assert_eq!(outcome, Outcome::Done, "{mode:?}: {problems:?}");
        assert_eq!(loaded.sigma(), wanted, "{mode:?}");
        assert!(!problems.iter().any(|problem| problem.error), "{mode:?}: {problems:?}");
        let says_whole = problems.iter().any(|problem| problem.text.contains("as a whole"));
        assert_eq!(says_whole, !mode.ranges, "{mode:?}: {problems:?}");
        assert_eq!(loaded.report[0].label, "run");
        let items = loaded.items();
        assert_eq!(items[0].address.as_deref(), Some(AT));
    }
}

#[test]
fn the_header_comes_before_the_weights_and_says_what_it_is() {
    let fake = one(Mode::default());
    let loaded = load(&fake, &[AT]);
    let len = bytes("peft-lora/adapter_model.safetensors").len();
    let log = fake.log.borrow().clone();
    assert_eq!(
        log,
        [
            format!("{AT} 0-262143"),
            "https://host.org/run/adapter_config.json 0-262143".to_owned(),
            "outline".to_owned(),
            format!("{AT} 262144-{}", len - 1),
            "outline".to_owned(),
        ]
    );
    let outline = |m: &ToPage| match m {
        ToPage::Outline { item, outline } => Some((*item, outline.clone())),
        _ => None,
    };
    let outlines = loaded.messages.iter().filter_map(outline);
    let outlines: Vec<_> = outlines.collect();
    assert_eq!(outlines[0], outlines[1], "the network's and the file's");
    let (item, outline) = &outlines[0];
    assert_eq!(loaded.items().iter().map(|held| held.item).collect::<Vec<_>>(), [*item], "it is of the item to come");
    let report = &loaded.report[0];
    assert_eq!((&outline.label, &outline.format), (&report.label, &report.format));
    assert_eq!((&outline.base_model, outline.rank), (&report.base_model, Some(report.rank)));
    assert_eq!((outline.parameters, outline.bytes), (report.parameters, len as u64));
    assert_eq!(outline.modules, report.modules.len() as u64);
    let counted = |shape: [u64; 2]| report.modules.iter().filter(|module| module.shape == shape).count() as u64;
    assert!(outline.shapes.iter().all(|known| known.count == counted(known.shape)));
    assert_eq!(outline.shapes.iter().map(|known| known.count).sum::<u64>(), outline.modules);
}

#[test]
fn bad_answers_are_told_in_words() {
    let html = b"<!doctype html><title>Log in</title>".to_vec();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".to_vec();
    let always = |status| Mode { statuses: vec![(status, None); 9], ..Mode::default() };
    let weights = || bytes("peft-lora/adapter_model.safetensors");
    let half = || weights()[..200_000].to_vec();
    for (file, mode, word) in [
        (weights(), Mode { cors: false, ..Mode::default() }, "host.org does not let other pages read its files"),
        (weights(), always(404), "no such file (404)"),
        (weights(), always(401), "without a login (401)"),
        (weights(), always(403), "without a login (403)"),
        (weights(), always(500), "a fault of its own (500)"),
        (weights(), always(418), "answers with 418"),
        (weights(), always(429), "too many requests"),
        (weights(), Mode { statuses: vec![(429, Some(3600))], ..Mode::default() }, "too many requests"),
        (weights(), Mode { cuts: 99, cut_after: 1000, ..Mode::default() }, "broke off after 2.0 kB"),
        (weights(), Mode { cuts: 99, cut_after: 1000, ranges: false, ..Mode::default() }, "broke off after 1.0 kB"),
        (weights(), Mode { changes: 99, ..Mode::default() }, "changed on the server"),
        (html.clone(), Mode::default(), "a web page (HTML)"),
        (html, Mode { ranges: false, ..Mode::default() }, "a web page (HTML)"),
        (pointer, Mode::default(), "Git LFS pointer"),
        (half(), Mode::default(), "truncated"),
        (vec![], Mode::default(), "empty"),
        (b"PK\x03\x04".to_vec(), Mode::default(), "zip archive"),
    ] {
        let mut fake = Fake::default();
        fake.put(AT, file, mode.clone());
        let loaded = load(&fake, &[AT]);
        let said = loaded.error();
        assert!(said.contains(word), "{mode:?}: {said}");
        assert_eq!(loaded.outcome().1[0].about, About::Address(AT.to_owned()), "{mode:?}");
    }
}

#[test]
fn repositories_of_the_hub() {
    let hub = "https://huggingface.co/org/name/resolve";
    let weights = bytes("peft-lora/adapter_model.safetensors");
    let mut fake = Fake::default();
    fake.put(&format!("{hub}/main/{WEIGHTS}"), weights.clone(), Mode::default());
    fake.put(&format!("{hub}/main/{CONFIG}"), bytes("peft-lora/adapter_config.json"), Mode::default());
    let loaded = load(&fake, &["org/name"]);
    assert_eq!(loaded.sigma(), dropped());
    assert_eq!(loaded.report[0].label, "name");
    assert_eq!(loaded.items()[0].address.as_deref(), Some("org/name"));

    // Without the usual file: what the list says, here one of two in a folder.
    let mut fake = Fake::default();
    let list = r#"[{"type":"directory","path":"last"},{"type":"file","path":"last/lora v2.safetensors","size":1},
        {"type":"file","path":"model.safetensors"},{"type":"file","path":"last/adapter_config.json"}]"#;
    let listing = "https://huggingface.co/api/models/org/name/tree/v2?recursive=true";
    fake.put(listing, list.as_bytes().to_vec(), Mode { ranges: false, ..Mode::default() });
    fake.put(&format!("{hub}/v2/last/lora%20v2.safetensors"), weights, Mode::default());
    fake.put(&format!("{hub}/v2/last/{CONFIG}"), bytes("peft-lora/adapter_config.json"), Mode::default());
    let loaded = load(&fake, &["org/name@v2"]);
    assert_eq!(loaded.outcome().0, Outcome::Done, "{:?}", loaded.outcome());
    assert_eq!(loaded.sigma(), dropped());
    assert_eq!(loaded.report[0].label, "lora v2.safetensors");

    let mut fake = Fake::default();
    fake.put(listing, b"[]".to_vec(), Mode::default());
    let said = load(&fake, &["org/name@v2"]).error();
    assert!(said.starts_with("org/name@v2: it holds no .safetensors file"), "{said}");
}

#[test]
fn what_can_be_had_of_several_is_shown() {
    let mut fake = one(Mode::default());
    let other = "https://other.org/run/adapter_model.safetensors";
    fake.put(other, bytes("peft-rslora-attn/adapter_model.safetensors"), Mode::default());
    fake.put(
        "https://other.org/run/adapter_config.json",
        bytes("peft-rslora-attn/adapter_config.json"),
        Mode::default(),
    );
    let loaded = load(&fake, &[AT, "org/absent", other, "what", AT]);
    let (outcome, problems) = loaded.outcome();
    assert_eq!(outcome, Outcome::Done);
    let texts: Vec<&str> = problems.iter().map(|problem| problem.text.as_str()).collect();
    assert!(texts[0].starts_with("org/absent: there is no such repository"), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("what: not an address")), "{texts:?}");
    assert!(problems.iter().all(|problem| !problem.error));
    // The same path on two hosts: each keeps its own configuration.
    let labels: Vec<&str> = loaded.report.iter().map(|adapter| adapter.label.as_str()).collect();
    assert_eq!(labels, ["run", "other.org/run"], "in the order of their addresses");
    let scale = |n: usize| loaded.report[n].modules[0].scale;
    assert_ne!(scale(0), scale(1));
    let adapters = loaded.items().into_iter().filter(|item| item.kind == ItemKind::Adapter);
    let addresses: Vec<_> = adapters.map(|item| item.address.as_deref()).collect();
    // As they are analysed.
    assert_eq!(addresses, [Some(other), Some(AT)]);
    // Every header before the first weights.
    let log = fake.log.borrow();
    let first_rest = log.iter().position(|entry| entry.contains(" 262144-")).expect("weights are fetched");
    assert!(log.iter().skip(first_rest).all(|entry| !entry.contains(" 0-")), "{log:?}");
}
