//! Schemes: their scores, their files, and what a stranger may have put into one.

use lorascope_protocol::report::{AdapterReport, DomainReport, EngineReport, saved};
use lorascope_protocol::scheme::{BuiltIn, Chosen, DEPTHS, Domain, KINDS, LEAST_ENERGY, Rule, Scheme, Traits, file};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::links::made::{llama, peft_lora, with_own_scheme};

fn object(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn written(scheme: &Scheme) -> Map<String, Value> {
    serde_json::from_str(&file::write(scheme)).expect("JSON")
}

/// A scheme of a few domains and rules, with weights from nothing to the largest.
fn any_scheme() -> impl Strategy<Value = Scheme> {
    let weight = prop_oneof![Just(0.0), 1e-9f64..10.0, Just(file::MOST_WEIGHT)];
    let condition = |words: &'static [&'static str]| prop::option::of(prop::sample::select(words));
    let rule = (
        condition(&DEPTHS),
        condition(&KINDS),
        condition(&["", "up", "down"]),
        condition(&["q", "gate"]),
        prop::collection::vec(weight, 1..5),
    );
    let scheme = (1usize..5, prop::collection::vec(rule, 0..6), prop::option::of(0.0f64..=1.0));
    scheme.prop_map(|(count, rules, tag_threshold)| {
        let keys: Vec<String> = (0..count).map(|n| format!("d{n}")).collect();
        let owned = |word: Option<&str>| word.map(str::to_owned);
        let rules = rules.into_iter().map(|(depth, kind, stack, role, weights)| Rule {
            depth: owned(depth),
            kind: owned(kind),
            stack: owned(stack),
            role: owned(role),
            weights: keys.iter().cloned().zip(weights).collect(),
        });
        Scheme {
            name: "any".to_owned(),
            built_in: None,
            rules: rules.collect(),
            domains: keys.iter().map(|key| Domain { key: key.clone(), label: String::new() }).collect(),
            tag_threshold,
        }
    })
}

fn any_modules() -> impl Strategy<Value = Vec<(Traits<'static>, f64)>> {
    let words = (
        prop::sample::select(&DEPTHS[..]),
        prop::sample::select(&KINDS[..]),
        prop::sample::select(&["", "up", "down", "mid"][..]),
        prop::sample::select(&["q", "gate", "other"][..]),
    );
    let energy = prop_oneof![Just(0.0), 1e-14f64..1.0, 1e100f64..1e300];
    let module = (words, energy);
    let module = module.prop_map(|((depth, kind, stack, role), energy)| (Traits { depth, kind, stack, role }, energy));
    prop::collection::vec(module, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scores_are_shares_whatever_the_scheme_and_the_order(
        scheme in prop_oneof![any_scheme(), Just(Scheme::legal_exam())],
        modules in any_modules(),
        turn in 0usize..30,
    ) {
        let report = scheme.score(&modules);
        let numbers = |report: &DomainReport| -> Vec<f64> {
            report.scores.values().map(|score| score.as_f64().unwrap_or(f64::NAN)).collect()
        };
        let scores = numbers(&report);
        prop_assert_eq!(scores.len(), scheme.domains.len());
        prop_assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{:?}", scores);
        let even = if scheme.built_in.is_some() { 0.33 } else { 1.0 / scores.len() as f64 };
        if report.evidence {
            prop_assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{:?}", scores);
        } else {
            prop_assert!(scores.iter().all(|score| *score == even), "{:?}", scores);
        }
        let total: f64 = modules.iter().map(|(_, energy)| energy).sum();
        prop_assert!(!report.evidence || total >= LEAST_ENERGY);
        let is_tagged = scheme.tag_threshold.is_some() && (report.evidence || scheme.built_in.is_some());
        prop_assert_eq!(report.tags.is_empty(), !is_tagged);

        let mut turned = modules.clone();
        turned.rotate_left(turn % modules.len().max(1));
        turned.reverse();
        let other = scheme.score(&turned);
        prop_assert_eq!(other.evidence, report.evidence);
        for (a, b) in scores.iter().zip(numbers(&other)) {
            prop_assert!((a - b).abs() < 1e-12, "{} and {}", a, b);
        }
    }

    #[test]
    fn a_file_comes_back_as_it_was(scheme in any_scheme()) {
        prop_assert_eq!(file::read(written(&scheme)), Ok(scheme.clone()));
        let copy = scheme.copied("copy".to_owned());
        prop_assert_eq!(file::check(&copy), Ok(()));
        let report = llama(3, 2);
        let (a, b) = (scheme.score_modules(&report.modules), copy.score_modules(&report.modules));
        prop_assert_eq!(a.scores, b.scores, "a copy gives the same scores");
    }
}

#[test]
fn a_damaged_or_hostile_file_is_a_sentence() {
    let good = written(&Scheme::legal_exam().copied("mine".to_owned()));
    assert!(file::read(good.clone()).is_ok());
    let with = |key: &str, value: Value| {
        let mut object = good.clone();
        object.insert(key.to_owned(), value);
        file::read(object).expect_err("it is refused")
    };
    let rule = |value: Value| with("rules", json!([value]));
    let many: Vec<Value> = (0..30).map(|n| json!({ "key": format!("k{n}") })).collect();
    let cases = [
        (with("lorascope_scheme", json!(2)), "newer Lorascope"),
        (with("lorascope_scheme", json!("1")), "`lorascope_scheme` is not 1"),
        (with("name", json!("")), "its name is empty"),
        (with("name", json!("legal-exam")), "built-in scheme"),
        (with("name", json!(" By Block")), "built-in scheme"),
        (with("name", json!("a\u{202e}b")), "not seen"),
        (with("domains", json!([{ "key": "a\u{0}" }])), "not seen"),
        (with("name", json!("x".repeat(500))), "80 characters"),
        (with("name", json!(null)), "the `name` of it is no text"),
        (with("domains", json!([])), "0 domains"),
        (with("domains", json!(many)), "30 domains"),
        (with("domains", json!([{ "key": "a" }, { "key": "a" }])), "the key `a`"),
        (with("domains", json!([{ "key": "a", "color": "red" }])), "color"),
        (with("domains", json!({})), "`domains` are not there or no list"),
        (with("domains", json!(["a"])), "entry 1 of `domains` is no object"),
        (with("domains", json!([{ "label": "A" }])), "entry 1 of `domains` has no `key`"),
        (with("tag_threshold", json!(1.5)), "tag_threshold 1.5"),
        (with("tag_threshold", json!(-0.1)), "tag_threshold -0.1"),
        (with("rulez", json!([])), "rulez"),
        (with("rules", json!(vec![json!({ "weights": {} }); 600])), "600 rules"),
        (rule(json!({ "depth": "deep", "weights": {} })), "`deep` of rule 1"),
        (rule(json!({ "kind": "attention", "weights": {} })), "none of embed, attn, mlp, other"),
        (rule(json!({ "weights": { "logic": 1 } })), "`logic`, which is no domain"),
        (rule(json!({ "weights": { "logic_reasoning": -1 } })), "weight -1"),
        (rule(json!({ "weights": { "logic_reasoning": 1e300 } })), "not in 0 to 1e6"),
        (rule(json!({ "weights": { "logic_reasoning": "1" } })), "a weight of entry 1 of `rules` is no number"),
        (with("tag_threshold", json!("35 %")), "`tag_threshold` is no number"),
        (rule(json!({ "role": "x".repeat(100), "weights": {} })), "the role of rule 1"),
        (rule(json!({})), "weights"),
        (with("domains", json!([{ "key": "__proto__" }])), "__proto__"),
        (with("domains", json!([{ "key": "2024" }])), "use a word"),
        (rule(json!({ "stack": "a\u{200b}", "weights": {} })), "the stack of rule 1"),
        (file::read(object(json!({ "lorascope_scheme": 1 }))).expect_err("it is refused"), "name"),
    ];
    for (said, part) in cases {
        assert!(said.contains(part) && said.starts_with("this scheme"), "{said:?} does not say {part:?}");
    }
    let mut without = good;
    without.remove("tag_threshold");
    assert_eq!(file::read(without).map(|scheme| scheme.tag_threshold), Ok(None), "no tags");
}

#[test]
fn a_report_is_scored_by_the_chosen_scheme() {
    let report = peft_lora();
    let own = Scheme::legal_exam().copied("mine".to_owned());
    let by = |chosen: &Chosen| chosen.score(&report.domains, &report.modules);
    assert_eq!(by(&Chosen::Fitting), report.domains);
    assert_eq!(by(&Chosen::LegalExam), report.domains, "it is that one already");
    let mine = by(&Chosen::Own(Box::new(own.clone())));
    assert_eq!((mine.scheme.as_str(), mine.own.as_ref()), ("mine", Some(&own)));
    for (key, score) in &report.domains.scores {
        let difference = score.as_f64().unwrap() - mine.scores[key].as_f64().unwrap();
        assert!(difference.abs() < 1e-12, "{key}");
    }
    let blocks = by(&Chosen::ByBlock);
    assert_eq!((blocks.scheme.as_str(), blocks.own), ("by-block", None));
    // A scheme of the same name that says something else is another one.
    let mut other = own;
    other.rules[0].weights.clear();
    let other = Chosen::Own(Box::new(other)).score(&mine, &report.modules);
    assert_ne!(other.own, mine.own);
}

/// A report whose scheme is not that of its scores is no report of ours.
#[test]
fn a_scheme_that_is_only_called_like_a_built_in_one_has_no_rule_of_its_own() {
    let called = Scheme { built_in: None, ..Scheme::legal_exam() };
    let report = called.score::<Traits<'_>>(&[]);
    let scores: Vec<_> = report.scores.values().filter_map(Value::as_f64).collect();
    assert_eq!((scores, report.tags.len(), report.built_in()), (vec![1.0 / 3.0; 3], 0, None));
    let report = Scheme::legal_exam().score::<Traits<'_>>(&[]);
    assert_eq!((report.tags.len(), report.built_in()), (1, Some(BuiltIn::LegalExam)));
}

#[test]
fn a_saved_report_holds_the_scheme_of_its_scores() {
    let report = with_own_scheme();
    let saved = |change: fn(&mut AdapterReport)| {
        let mut report = report.clone();
        change(&mut report);
        let json = json!({
            "lorascope": 1, "engine": EngineReport::default(), "files": [], "adapters": [report],
        });
        saved::read(&json.to_string()).map(|report| report.adapters.len())
    };
    assert_eq!(saved(|_| ()), Ok(1));
    for change in [
        (|report| report.domains.scheme = "legal-exam".to_owned()) as fn(&mut AdapterReport),
        |report| report.domains.tag_threshold = None,
        |report| drop(report.domains.scores.insert("more".to_owned(), 0.5.into())),
        |report| report.domains.own.as_mut().unwrap().domains[0].key = "other".to_owned(),
        |report| report.domains.own.as_mut().unwrap().rules[0].depth = Some("deep".to_owned()),
    ] {
        let error = saved(change).expect_err("it is refused");
        assert!(error.contains("its scheme cannot be used"), "{error}");
    }
    // Norms whose squares no f64 holds are energy all the same.
    let mut huge = report.clone();
    huge.modules.iter_mut().for_each(|module| module.frobenius = 1e200);
    let scored = Scheme::legal_exam().score_modules(&huge.modules);
    assert!(scored.evidence && scored.scores.values().all(|score| score.as_f64().is_some_and(f64::is_finite)));
}
