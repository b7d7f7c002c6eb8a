//! What the values of an adapter's tensors give, on both backends.

use super::*;

#[test]
fn fixtures_give_what_the_writing_library_applies() {
    for choice in backends() {
        for name in FIXTURES {
            let (mut session, messages) = start(choice, Steady);
            block_on(session.load(adapter(name)));
            assert_eq!(verdict(&messages), (Outcome::Done, vec![]), "{choice:?} {name}");
            let report = session.report();
            agrees_with_the_writing_library(&report.adapters[0], name);
            assert_eq!(report.files.len(), 2);
            let counts = report.engine.counts;
            let all: u64 = report.files.iter().map(|f| f.bytes).sum();
            // The head of a file is read once more than the rest, to tell what it is.
            assert!(
                (4 * report.adapters[0].parameters..=all + 4096).contains(&counts.bytes_read),
                "{name}: {counts:?}"
            );
            assert_eq!(counts.dispatches == 0, choice == BackendChoice::Cpu);
        }
    }
}

/// What is wrong with values, and only shows once they are read.
#[test]
fn hostile_values_are_told_apart() {
    let manifest = json("hostile/manifest.json");
    for choice in backends() {
        for name in ["nan-and-ok", "inf-and-ok", "nan-only", "huge-values", "subnormal", "all-zero", "ok"] {
            let (mut session, messages) = start(choice, Steady);
            let file = format!("{name}.safetensors");
            block_on(session.load(vec![fixture(&format!("hostile/{file}")), fixture("hostile/adapter_config.json")]));
            let (outcome, problems) = verdict(&messages);
            let report = session.report();
            let entry = &manifest[&file];
            let says = |texts: &[String]| {
                let pattern = regex_lite::Regex::new(entry["must_say"].as_str().unwrap()).unwrap();
                assert!(texts.iter().any(|text| pattern.is_match(text)), "{name}: {texts:?}");
            };
            match entry["verdict"].as_str().unwrap() {
                "refuse" => {
                    assert_eq!((outcome, problems.len()), (Outcome::Error, 1), "{name}: {problems:?}");
                    assert!(problems[0].error && problems[0].text.contains(&file));
                    says(&[problems[0].text.clone()]);
                }
                "warn" => {
                    assert_eq!(outcome, Outcome::Done, "{name}");
                    says(&report.adapters[0].warnings);
                    assert_eq!(report.adapters[0].modules.len(), 1);
                }
                _ => {
                    assert_eq!((outcome, problems), (Outcome::Done, vec![]), "{name}");
                    assert_eq!(report.adapters[0].warnings, [""; 0], "{name}");
                }
            }
            // Nothing but finite numbers: serde_json writes the others as null.
            assert!(!serde_json::to_string(&report).unwrap().contains("null"), "{name}");
        }
    }
}

#[test]
fn huge_values_have_the_right_energy_on_both_backends() {
    let norm = |choice| {
        let (mut session, _) = start(choice, Steady);
        block_on(
            session.load(vec![fixture("hostile/huge-values.safetensors"), fixture("hostile/adapter_config.json")]),
        );
        session.report().adapters[0].modules[0].frobenius
    };
    let norms: Vec<f64> = backends().into_iter().map(norm).collect();
    assert!(norms[0].is_finite() && norms[0] > 1e20, "{norms:?}");
    for other in &norms[1..] {
        close(*other, norms[0], 1e-6 * norms[0], "the Frobenius norm");
    }
}

/// What a GPU's arithmetic cannot hold is computed on the CPU.
#[test]
fn very_large_and_very_small_updates_are_extracted() {
    for choice in backends() {
        for size in [1e-31, 1.0, 1e12] {
            let mut numbers = crate::numbers::Numbers::new(19);
            let base = numbers.matrix(24, 20) * size;
            let update = numbers.matrix(24, 2) * numbers.matrix(2, 20) * size;
            let (mut session, messages) = start(choice, Steady);
            block_on(
                session.load(vec![state("base.safetensors", &base), state("step.safetensors", &(&base + &update))]),
            );
            let (from, to) = (item(&messages, "base"), item(&messages, "step"));
            let rank = ExtractRank::Number(2);
            block_on(session.ask(
                1,
                Question::Extract(ExtractRequest { from, to, rank, dtype: OutputType::F32, embeddings: false }),
            ));
            let report = session.report();
            let extraction =
                report.extraction.unwrap_or_else(|| panic!("{choice:?} {size:e}: {:?}", verdict(&messages)));
            let (norm, error) = (extraction.update_norm, extraction.error);
            close(norm, update.norm(), 1e-5 * update.norm(), &format!("{choice:?} {size:e}: the norm"));
            assert!(error <= 1e-5, "{choice:?} {size:e}: {error:e}");
            let again = choice == BackendChoice::WebGpu && size != 1.0;
            assert_eq!(report.engine.counts.fallbacks > 0, again, "{choice:?} {size:e}");
        }
    }
}
