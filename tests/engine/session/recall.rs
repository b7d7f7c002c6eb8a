//! Reports that come back: dropped as a file, or by a link.

use std::collections::HashSet;

use lorascope_protocol::report::Report;
use lorascope_protocol::{Refusal, link};
use serde_json::{Value, json};

use super::*;

fn saved_report() -> (Report, String) {
    let (mut session, _) = start(BackendChoice::Cpu, Steady);
    block_on(session.load([adapter("peft-lora"), adapter("peft-patterns")].concat()));
    let report = session.report();
    let json = serde_json::to_string_pretty(&report).expect("JSON");
    (report, json)
}

fn file(text: &str) -> MemorySource {
    MemorySource::new("saved/lorascope.json", text.as_bytes().to_vec())
}

/// Outcome and problems of the last drop.
fn ending(messages: &Messages) -> (Outcome, Vec<String>) {
    match messages.borrow().last() {
        Some(ToPage::Finished { outcome, problems, .. }) => {
            (*outcome, problems.iter().map(|p| p.text.clone()).collect())
        }
        other => panic!("the last message is {other:?}"),
    }
}

fn reports(messages: &Messages) -> Vec<(ItemId, String)> {
    let messages = messages.borrow();
    let items = messages.iter().filter_map(|m| match m {
        ToPage::Item(item) if item.kind == ItemKind::Report => Some((item.item, item.label.clone())),
        _ => None,
    });
    items.collect()
}

#[test]
fn a_saved_report_gives_the_same_numbers_back() {
    let (report, json) = saved_report();
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(vec![file(&json)]));
    assert_eq!(ending(&messages), (Outcome::Done, vec![]));
    assert_eq!(reports(&messages).len(), 2);
    assert!(session.report().adapters == report.adapters, "another report came back");
    assert_eq!(session.report().files.iter().map(|f| f.name.as_str()).collect::<HashSet<_>>().len(), 1);
    // They stay usable beside an adapter of the same name, and go like every other item.
    block_on(session.load(adapter("peft-lora")));
    assert_eq!(ending(&messages).0, Outcome::Done);
    let labels: Vec<String> = session.report().adapters.iter().map(|a| a.label.clone()).collect();
    assert_eq!(labels.iter().collect::<HashSet<_>>().len(), 3, "{labels:?}");
    for (item, _) in reports(&messages) {
        block_on(session.remove(item));
    }
    assert_eq!(session.report().adapters.len(), 1);
    session.clear();
    assert!(session.report().adapters.is_empty());
}

#[test]
fn a_link_is_shown_again_and_again() {
    let (mut report, _) = saved_report();
    let adapter = &report.adapters[0];
    let payload = link::write(adapter, &adapter.modules, link::SHORT).expect("a link");
    report.adapters = vec![link::read(&payload.text).expect("it opens")];
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.recall(report.clone()));
    assert_eq!(ending(&messages), (Outcome::Done, vec![]));
    assert_eq!(session.report().adapters, report.adapters);
    block_on(session.recall(report.clone()));
    block_on(session.recall(report.clone()));
    let labels: HashSet<String> = reports(&messages).into_iter().map(|(_, label)| label).collect();
    assert_eq!(labels.len(), 3, "{labels:?}");
    assert!(session.report().files.is_empty());
    report.adapters.clear();
    block_on(session.recall(report));
    assert_eq!(ending(&messages).0, Outcome::Error);
}

#[test]
fn what_needs_tensors_says_so() {
    let (_, json) = saved_report();
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(vec![file(&json)]));
    let item = reports(&messages)[0].0;
    block_on(
        session
            .ask(1, Question::Project { item, request: Box::new(lorascope_protocol::projection::Request::default()) }),
    );
    let messages = messages.borrow();
    let said = messages.iter().find_map(|m| match m {
        ToPage::Refused { why: Some(why), .. } => Some(why.to_string()),
        _ => None,
    });
    assert_eq!(said, Some(Refusal::NeedsItsFile.to_string()));
}

#[test]
fn other_and_damaged_reports_are_named() {
    let (_, json) = saved_report();
    let value: Value = serde_json::from_str(&json).expect("JSON");
    let changed = |change: fn(&mut Value)| {
        let mut value = value.clone();
        change(&mut value);
        value.to_string()
    };
    let cases = [
        (changed(|v| v["lorascope"] = json!(2)), "newer Lorascope"),
        (changed(|v| v["lorascope"] = json!(0)), "damaged"),
        (changed(|v| v["lorascope"] = json!("1")), "damaged"),
        (changed(|v| v["adapters"] = json!({})), "damaged"),
        (changed(|v| v["adapters"] = json!([])), "no adapter"),
        (changed(|v| v["adapters"][0]["modules"][3]["frobenius"] = json!(-1.0)), "damaged"),
        (changed(|v| v["adapters"][0]["modules"][3]["frobenius"] = json!(null)), "damaged"),
        (changed(|v| v["adapters"][0]["modules"][3]["shape"] = json!([u64::MAX, 1])), "damaged"),
        (changed(|v| v["adapters"][0]["modules"][0]["energy_share"] = json!(2.0)), "damaged"),
        (changed(|v| v["adapters"][0]["domains"]["scores"]["logic_reasoning"] = json!("x")), "damaged"),
        (changed(|v| v["adapters"][0]["energy"] = json!(-0.5)), "damaged"),
        (json[..json.len() / 2].to_owned(), "damaged"),
        (json.replacen("1.", "1e999", 1), "damaged"),
    ];
    for (text, word) in cases {
        let (mut session, messages) = start(BackendChoice::Cpu, Steady);
        block_on(session.load(vec![file(&text)]));
        let (outcome, problems) = ending(&messages);
        assert_eq!((outcome, problems.len()), (Outcome::Error, 1), "{word}: {problems:?}");
        assert!(problems[0].starts_with("saved/lorascope.json: ") && problems[0].contains(word), "{problems:?}");
    }
}

#[test]
fn other_parts_of_a_report_are_not_lost_in_silence() {
    let (mut report, _) = saved_report();
    report.comparison = Some(Default::default());
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(vec![file(&serde_json::to_string(&report).expect("JSON"))]));
    let (outcome, problems) = ending(&messages);
    assert_eq!(outcome, Outcome::Done);
    assert!(problems.len() == 1 && problems[0].contains("comparison"), "{problems:?}");
}

/// Beyond the length of every other JSON file, and told by its first bytes.
#[test]
fn a_report_of_many_modules_is_read() {
    let (mut report, _) = saved_report();
    let modules = report.adapters[0].modules.clone();
    report.adapters[0].modules = modules.iter().cycle().take(8_000).cloned().collect();
    let json = serde_json::to_string_pretty(&report).expect("JSON");
    assert!(json.len() > 4 << 20);
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(vec![file(&json)]));
    assert_eq!(ending(&messages), (Outcome::Done, vec![]));
    assert_eq!(session.report().adapters[0].modules.len(), 8_000);
}
