use super::*;
use crate::model::domains::{no_evidence, unplaced};
use crate::model::testing::{adapter, module, placed};
use lorascope_protocol::report::ModuleReport;
use lorascope_protocol::scheme::{LEGAL_EXAM_TAGS, Rule};

fn of(modules: Vec<ModuleReport>) -> Adapter {
    let mut report = adapter("a");
    report.domains = Scheme::legal_exam().score_modules(&modules);
    Adapter { item: 1, report, modules }
}

fn llama() -> Adapter {
    let mut modules = vec![module("layers.0.q_proj", Some(0), "q", 4), module("layers.5.up_proj", Some(5), "up", 2)];
    (modules[1].kind, modules[1].depth) = ("mlp".to_owned(), "late".to_owned());
    of(modules)
}

#[test]
fn a_copy_gives_the_same_scores_and_every_row_can_be_edited() {
    let adapter = llama();
    let mut schemes = Schemes::default();
    let before = schemes.scored(&adapter);
    assert_eq!(before, adapter.report.domains);
    schemes.copy(&adapter);
    let own = schemes.own().expect("a copy").clone();
    assert_eq!((own.name.as_str(), own.rules.len()), ("Legal exam copy", 12));
    assert_eq!(own.domains[0].label, "Statute recall");
    assert_eq!((schemes.scored(&adapter).scores, own.tag_threshold), (before.scores, Some(LEGAL_EXAM_TAGS)));
    let row = own.rules.iter().position(|rule| row_words(rule) == "Early layers, attention").expect("a row");
    schemes.edit(Edit::Weight(row, 2, "0,5".to_owned())).expect("a number");
    assert_eq!(schemes.own().unwrap().rules[row].weights["style_gutachtenstil"], 0.5);
    for wrong in ["-1", "x", "", "NaN", "inf", "1e9"] {
        assert!(schemes.edit(Edit::Weight(row, 2, wrong.to_owned())).is_err(), "{wrong}");
    }
    assert_eq!(schemes.own().unwrap().rules[row].weights["style_gutachtenstil"], 0.5, "as it was");
    schemes.edit(Edit::Weight(row, 2, "0".to_owned())).expect("a number");
    assert_eq!(schemes.own(), Some(&own), "a weight of 0 is none");
}

#[test]
fn a_copy_by_block_has_a_row_for_every_part() {
    let modules = placed(&["down_blocks.0.resnets.0.conv1", "up_blocks.0.resnets.0.conv1", "conv_in"]);
    let mut adapter = of(modules);
    adapter.report.domains = Scheme::of_blocks(&adapter.modules).score_modules(&adapter.modules);
    let mut schemes = Schemes::default();
    schemes.copy(&adapter);
    let rows: Vec<String> = schemes.own().expect("a copy").rules.iter().map(row_words).collect();
    assert_eq!(rows, ["Beside the stacks", "Down", "Up"]);
    assert_eq!(schemes.scored(&adapter).scores, adapter.report.domains.scores);
}

/// A link or a saved report may hold an adapter without modules.
#[test]
fn a_copy_for_no_modules_can_be_edited() {
    let mut adapter = of(Vec::new());
    adapter.report.domains = Scheme::of_blocks(&[]).score_modules(&[]);
    let mut schemes = Schemes::default();
    schemes.copy(&adapter);
    assert_eq!(schemes.own().map(|own| (own.domains.len(), file::check(own))), Some((1, Ok(()))));
}

#[test]
fn domains_come_and_go_with_their_weights() {
    let adapter = llama();
    let mut schemes = Schemes::default();
    schemes.copy(&adapter);
    schemes.edit(Edit::AddDomain).unwrap();
    schemes.edit(Edit::Label(3, " <b>Mine</b> ".to_owned())).unwrap();
    for row in 0..12 {
        schemes.edit(Edit::Weight(row, 3, "1".to_owned())).unwrap();
    }
    assert_eq!(schemes.own().unwrap().domains[3].label, "<b>Mine</b>");
    for _ in 0..3 {
        schemes.edit(Edit::RemoveDomain(0)).unwrap();
    }
    assert!(schemes.edit(Edit::RemoveDomain(0)).is_err());
    let scored = schemes.scored(&adapter);
    assert_eq!(serde_json::to_string(&scored.scores).unwrap(), r#"{"domain_4":1.0}"#);
    assert!(schemes.own().unwrap().rules.iter().all(|rule| rule.weights.len() == 1));
    schemes.edit(Edit::Threshold(" 50 ".to_owned())).unwrap();
    assert_eq!(schemes.own().unwrap().tag_threshold, Some(0.5));
    schemes.edit(Edit::Threshold(String::new())).unwrap();
    assert_eq!(schemes.own().unwrap().tag_threshold, None);
    assert!(schemes.edit(Edit::Threshold("101".to_owned())).is_err());
}

#[test]
fn energy_that_no_row_weighs_is_said() {
    let mut adapter = llama();
    adapter.modules.iter_mut().zip([0.75, 0.25]).for_each(|(m, share)| m.energy_share = share);
    let mut schemes = Schemes::default();
    schemes.copy(&adapter);
    let clear = |schemes: &mut Schemes, row: &str| {
        let at = schemes.own().unwrap().rules.iter().position(|rule| row_words(rule) == row).expect("a row");
        (0..3).for_each(|domain| schemes.edit(Edit::Weight(at, domain, "0".to_owned())).unwrap());
    };
    assert_eq!(unplaced(&schemes.scored(&adapter), &adapter.modules), None);
    clear(&mut schemes, "Late layers, MLP");
    let said = unplaced(&schemes.scored(&adapter), &adapter.modules).expect("a sentence");
    assert!(said.starts_with("25.0"), "{said}");
    clear(&mut schemes, "Early layers, attention");
    let scored = schemes.scored(&adapter);
    assert!(!scored.evidence && scored.tags.is_empty(), "{scored:?}");
    assert!(no_evidence(4.0).contains("gives no weight") && no_evidence(0.0).contains("next to nothing"));
}

#[test]
fn names_are_told_apart_and_built_in_ones_are_kept() {
    let adapter = llama();
    let mut schemes = Schemes::default();
    schemes.copy(&adapter);
    let first = schemes.choice;
    schemes.choice = Choice::LegalExam;
    schemes.copy(&adapter);
    assert_eq!(schemes.own().unwrap().name, "Legal exam copy (2)");
    for taken in ["Legal exam copy", LEGAL_EXAM, "By block", " "] {
        assert!(schemes.edit(Edit::Name(taken.to_owned())).is_err(), "{taken}");
    }
    schemes.edit(Edit::Name("mine".to_owned())).unwrap();
    let keys: Vec<String> = schemes.options(&adapter.report.domains).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["fitting", LEGAL_EXAM, BY_BLOCK, "own-1", "own-2"]);
    assert!(keys.iter().all(|key| Choice::from_key(key).map(Choice::key).as_ref() == Some(key)));
    schemes.discard();
    assert_eq!((schemes.choice, schemes.own()), (Choice::Fitting, None));
    schemes.choice = first;
    assert!(schemes.own().is_some());
}

#[test]
fn what_was_dropped_goes_with_its_item_until_it_is_edited() {
    let adapter = llama();
    let scheme = Scheme { name: "dropped".to_owned(), built_in: None, ..Scheme::legal_exam() };
    let mut schemes = Schemes::default();
    schemes.dropped(4, scheme.clone());
    assert_eq!(schemes.own(), Some(&scheme));
    schemes.lost(3);
    assert!(schemes.own().is_some());
    schemes.lost(4);
    assert_eq!((schemes.choice, schemes.options(&adapter.report.domains).len()), (Choice::Fitting, 3));
    schemes.dropped(5, scheme.clone());
    schemes.edit(Edit::Name("mine".to_owned())).unwrap();
    schemes.lost_all();
    assert_eq!(schemes.own().map(|own| own.name.as_str()), Some("mine"));
    schemes.choice = Choice::Fitting;
    // A report with a scheme: it is there to choose once.
    let carried = DomainReport { own: Some(scheme), ..adapter.report.domains.clone() };
    schemes.came_with(&carried);
    schemes.came_with(&carried);
    assert_eq!(schemes.options(&adapter.report.domains)[0].1, "Legal exam (fits)");
    assert!(schemes.options(&carried)[0].1.ends_with("(of the report)"));
    // Dropped twice it goes with the second item, and two of one long name are told apart by names that can be used.
    let long =
        |least| Scheme { name: "x".repeat(79), built_in: None, tag_threshold: Some(least), ..Scheme::legal_exam() };
    schemes.dropped(7, long(0.1));
    schemes.dropped(8, long(0.1));
    schemes.lost(7);
    assert_eq!(schemes.own(), Some(&long(0.1)));
    schemes.dropped(9, long(0.2));
    assert_eq!(schemes.own().map(file::check), Some(Ok(())));
    assert!(schemes.own().is_some_and(|own| own.name.ends_with("x (2)")));
    schemes.lost_all();
    assert_eq!((schemes.options(&carried).len(), schemes.choice), (5, Choice::Fitting));
}

#[test]
fn a_row_without_conditions_is_the_rest() {
    assert_eq!(row_words(&Rule::default()), "All other modules");
    let rule = Rule { stack: Some("text_encoder_2".into()), role: Some("cross_q".into()), ..Rule::default() };
    assert_eq!(row_words(&rule), "Text encoder 2, cross q");
}
