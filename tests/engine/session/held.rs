//! What a session holds and tells: drops, configurations, cancels, removals.

use super::*;

/// The messages together carry what the report holds, no one of them more than its share.
#[test]
fn messages_carry_the_report_in_pieces() {
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(adapter("peft-lora")));
    assert_eq!(sent(&messages.borrow()), session.report().adapters);
    session.clear();
    messages.borrow_mut().clear();
    block_on(session.load(vec![MemorySource::new("long.safetensors", long_lists())]));
    let report = session.report().adapters.remove(0);
    assert_eq!((report.modules.len(), report.not_analyzed.len()), (1, 20_000));
    assert_eq!(report.metadata["ss_bucket_info"].len(), 1 << 20);
    assert_eq!(sent(&messages.borrow()), [report]);
}

/// What the page puts together of the messages about one adapter, each of bounded size.
fn sent(messages: &[ToPage]) -> Vec<AdapterReport> {
    let mut adapters: Vec<(usize, AdapterReport)> = Vec::new();
    for message in messages {
        match message {
            ToPage::Result { head: Head::Adapter { report, .. }, pieces, .. } => {
                let AdapterReport { modules, not_analyzed, warnings, metadata, .. } = report.as_ref();
                assert!(modules.is_empty() && not_analyzed.is_empty() && warnings.is_empty() && metadata.is_empty());
                adapters.push((*pieces, report.as_ref().clone()));
            }
            ToPage::Piece(Piece::Adapter(piece)) => {
                let (left, report) = adapters.last_mut().unwrap();
                *left -= 1;
                let bytes = serde_json::to_string(piece).unwrap().len();
                // By a rough count, of which escapes and digits are no part.
                assert!(bytes <= 2 * PIECE_BYTES, "a message of {bytes} bytes");
                match piece.clone() {
                    AdapterPiece::Modules(some) => {
                        assert!(some.len() <= MODULES_PER_MESSAGE);
                        report.modules.extend(some);
                    }
                    AdapterPiece::NotAnalyzed(some) => report.not_analyzed.extend(some),
                    AdapterPiece::Warnings(some) => report.warnings.extend(some),
                    AdapterPiece::Metadata(some) => {
                        for (key, text) in some {
                            report.metadata.entry(key).or_default().push_str(&text);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    adapters.into_iter().inspect(|(left, _)| assert_eq!(*left, 0)).map(|(_, report)| report).collect()
}

/// One LoRA pair, 20,000 other tensors, and a megabyte in one entry of metadata.
fn long_lists() -> Vec<u8> {
    let names = ["A", "B"].map(|factor| format!("base_model.model.layers.0.q.lora_{factor}.weight"));
    let names = names.into_iter().chain((0..20_000).map(|n| format!("base_model.model.layers.{n}.norm.extra")));
    let entry = |(n, name): (usize, String)| {
        format!(r#""{name}":{{"dtype":"F32","shape":[1,1],"data_offsets":[{},{}]}}"#, 4 * n, 4 * n + 4)
    };
    let tensors: Vec<String> = names.enumerate().map(entry).collect();
    let long = "é".repeat(1 << 19);
    let metadata = serde_json::json!({ "format": "pt", "ss_bucket_info": long, "ss_tag_frequency": "" });
    let body = 0.5f32.to_le_bytes().repeat(tensors.len());
    crate::common::file(&format!(r#"{{"__metadata__":{metadata},{}}}"#, tensors.join(",")), &body)
}

#[test]
fn a_second_drop_adds_and_everything_can_be_removed() {
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(adapter("peft-lora")));
    block_on(session.load(adapter("peft-rslora-attn")));
    let labels: Vec<String> = session.report().adapters.iter().map(|a| a.label.clone()).collect();
    assert_eq!(labels, ["peft-lora", "peft-rslora-attn"]);
    let items: Vec<u32> = messages
        .borrow()
        .iter()
        .filter_map(|m| if let ToPage::Item(item) = m { Some(item.item) } else { None })
        .collect();
    assert_eq!(items.len(), 2);
    block_on(session.remove(items[0]));
    assert_eq!(verdict(&messages).0, Outcome::Done);
    assert_eq!(session.report().files.len(), 2);
    block_on(session.remove(items[1]));
    assert_eq!(verdict(&messages).0, Outcome::Idle);
    block_on(session.load(adapter("peft-lora")));
    session.clear();
    assert!(matches!(messages.borrow().last(), Some(ToPage::Cleared { .. })));
    assert!(session.report().adapters.is_empty() && session.engine().counts.bytes_read == 0);
}

/// Without a configuration the scale is an assumption, said so, and can be set by hand or by the file later.
#[test]
fn an_assumed_scale_can_be_replaced() {
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(weights("peft-lora")));
    let report = session.report().adapters.remove(0);
    assert!(report.modules[0].scale_source.starts_with("assumed"), "{}", report.modules[0].scale_source);
    let item = messages.borrow().iter().find_map(|m| match m {
        ToPage::Item(item) if item.kind == ItemKind::Adapter && item.scale_assumed => Some(item.item),
        _ => None,
    });
    block_on(session.set_scale(item.unwrap(), 2.0));
    let by_hand = session.report().adapters.remove(0);
    agrees_with_the_writing_library(&by_hand, "peft-lora");
    block_on(session.set_scale(item.unwrap(), f64::NAN));
    assert_eq!(verdict(&messages).1.len(), 1);
    assert_eq!(session.report().adapters[0], by_hand);

    block_on(session.load(vec![fixture("peft-lora/adapter_config.json")]));
    assert_eq!(verdict(&messages), (Outcome::Done, vec![]));
    let by_file = session.report().adapters.remove(0);
    assert_eq!((session.report().adapters.len(), session.report().files.len()), (1, 2));
    agrees_with_the_writing_library(&by_file, "peft-lora");
    assert!(by_file.modules[0].scale_source.contains("adapter_config"));
}

#[test]
fn a_configuration_may_come_first() {
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(vec![fixture("peft-lora/adapter_config.json")]));
    let (outcome, problems) = verdict(&messages);
    assert!(outcome == Outcome::Error && problems[0].error && problems[0].text.contains("adapter_config.json"));
    block_on(session.load(weights("peft-lora")));
    assert_eq!(verdict(&messages), (Outcome::Done, vec![]));
    agrees_with_the_writing_library(&session.report().adapters[0], "peft-lora");
    assert_eq!(session.report().files.len(), 2);
}

/// What only the values show is still said after a configuration came.
#[test]
fn a_module_left_out_is_still_named_after_its_configuration_came() {
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(vec![fixture("hostile/nan-and-ok.safetensors")]));
    block_on(session.load(vec![fixture("hostile/adapter_config.json")]));
    assert_eq!(verdict(&messages), (Outcome::Done, vec![]));
    let adapter = session.report().adapters.remove(0);
    assert_eq!(adapter.modules.len(), 1);
    assert_eq!(adapter.modules[0].scale, 2.0);
    assert!(adapter.warnings.iter().any(|w| w.contains("layers.1.self_attn") && w.contains("NaN")), "{adapter:?}");
    assert!(adapter.not_analyzed.iter().any(|n| n.name.contains("layers.1.self_attn")), "{adapter:?}");
}

/// A cancelled drop does not use up the configuration that waited for it.
#[test]
fn a_cancel_leaves_a_waiting_configuration_waiting() {
    let countdown = CancelAt(Rc::new(Cell::new(u32::MAX)));
    let (mut session, messages) = start(BackendChoice::Cpu, countdown.clone());
    block_on(session.load(vec![fixture("peft-lora/adapter_config.json")]));
    countdown.0.set(5);
    block_on(session.load(weights("peft-lora")));
    assert!(session.report().adapters.is_empty());
    countdown.0.set(u32::MAX);
    block_on(session.load(weights("peft-lora")));
    assert_eq!(verdict(&messages), (Outcome::Done, vec![]));
    agrees_with_the_writing_library(&session.report().adapters[0], "peft-lora");
}

/// Of a cancelled drop the finished adapters stay, and so does the configuration that an adapter was given: the page
/// hears what is left of the alignments.
#[test]
fn a_cancel_tells_what_is_aligned() {
    let countdown = CancelAt(Rc::new(Cell::new(u32::MAX)));
    let (mut session, messages) = start(BackendChoice::Cpu, countdown.clone());
    let folder = |n: u32| format!("peft-lora-trajectory/checkpoint-{n}");
    block_on(session.load([30, 60].into_iter().flat_map(|n| weights(&folder(n))).collect()));
    let told = || {
        messages
            .borrow()
            .iter()
            .filter_map(|m| match m {
                ToPage::Result { head: Head::Alignments { .. }, pieces, .. } => Some(*pieces),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    // An alignment and its modules each.
    assert_eq!((told(), session.report().alignment.len()), (vec![2; 2], 2));
    messages.borrow_mut().clear();
    countdown.0.set(5);
    block_on(
        session.load([vec![fixture(&format!("{}/adapter_config.json", folder(30)))], weights("peft-lora")].concat()),
    );
    assert_eq!(session.report().adapters.len(), 2, "the third was cancelled");
    assert_eq!((told(), session.report().alignment.len()), (vec![0; 2], 0));
}

/// Whenever the cancel comes, the session ends idle and the next drop works.
#[test]
fn a_cancel_ends_idle_and_the_next_drop_works() {
    for choice in backends() {
        for beat in [1, 2, 40, 90, 130] {
            let countdown = CancelAt(Rc::new(Cell::new(beat)));
            let (mut session, messages) = start(choice, countdown.clone());
            block_on(session.load(adapter("peft-lora")));
            assert_eq!(verdict(&messages).0, Outcome::Idle, "{choice:?} at beat {beat}");
            countdown.0.set(u32::MAX);
            block_on(session.load(adapter("peft-lora")));
            assert_eq!(verdict(&messages).0, Outcome::Done);
            agrees_with_the_writing_library(&session.report().adapters[0], "peft-lora");
        }
    }
}

/// A checkpoint that an index joins to another one is gone, and its extraction with it.
#[test]
fn what_is_joined_takes_its_extraction_along() {
    let mut numbers = crate::numbers::Numbers::new(23);
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    let part = |path: &str, name: &str| MemorySource::new(path, crate::common::f32_file(&[(name, &[4, 8])]));
    block_on(session.load(vec![
        state("m/a.safetensors", &numbers.matrix(12, 20)),
        part("m/b.safetensors", "b.weight"),
        state("other/c.safetensors", &numbers.matrix(12, 20)),
    ]));
    let (from, to) = (item(&messages, "a"), item(&messages, "c"));
    let rank = ExtractRank::Number(2);
    block_on(
        session.ask(1, Question::Extract(ExtractRequest { from, to, rank, dtype: OutputType::F32, embeddings: false })),
    );
    assert!(session.report().extraction.is_some());
    let map =
        serde_json::json!({ "model.layers.0.self_attn.q_proj.weight": "a.safetensors", "b.weight": "b.safetensors" });
    let text = serde_json::json!({ "metadata": {}, "weight_map": map }).to_string();
    block_on(session.load(vec![MemorySource::new("m/model.safetensors.index.json", text.into_bytes())]));
    assert!(messages.borrow().contains(&ToPage::Removed { item: from }));
    assert!(session.report().extraction.is_none());
    assert!(messages.borrow().contains(&ToPage::Gone { job: 1 }));
}

/// A configuration that reads the tensors another way has them computed again.
#[test]
fn a_configuration_may_make_another_formula_of_the_tensors() {
    let names = ["base_model.model.lin0.lora_A.weight", "base_model.model.lin0.lora_B.weight"];
    let bytes = crate::common::f32_file(&[(names[0], &[2, 4]), (names[1], &[6, 2])]);
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(vec![MemorySource::new("q/adapter_model.safetensors", bytes)]));
    let plain = session.report().adapters.remove(0);
    assert_eq!((plain.modules[0].algorithm.as_str(), plain.modules[0].shape), ("LoRA", [6, 4]));
    let config = r#"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "use_qalora": true, "qalora_group_size": 3}"#;
    block_on(session.load(vec![MemorySource::new("q/adapter_config.json", config.as_bytes())]));
    assert_eq!(verdict(&messages), (Outcome::Done, vec![]));
    let pooled = session.report().adapters.remove(0);
    assert_eq!((pooled.modules[0].algorithm.as_str(), pooled.modules[0].shape), ("QALoRA", [6, 12]));
    // Every number is 0.5, so that ΔW = 2·(2·0.5·0.5)·4/3 everywhere, over 6 × 12.
    let expected = 2.0 * 0.5 * 4.0 / 3.0 * 72f64.sqrt();
    assert!((pooled.modules[0].frobenius - expected).abs() < 1e-6 * expected, "{}", pooled.modules[0].frobenius);
}

/// The scale has a part inside of a DoRA's update: one that is set by hand is computed with the base again.
#[test]
fn a_scale_set_by_hand_reaches_into_what_the_base_gives() {
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    let mut files = weights("peft-dora");
    files.push(fixture("llama-mini/base/model.safetensors"));
    block_on(session.load(files));
    let assumed = session.report().adapters.remove(0);
    assert!(assumed.modules.iter().all(|m| m.note.as_ref().is_some_and(|note| note.starts_with("exact"))));
    let item = messages.borrow().iter().find_map(|m| match m {
        ToPage::Item(item) if item.kind == ItemKind::Adapter => Some(item.item),
        _ => None,
    });
    block_on(session.set_scale(item.unwrap(), 2.0));
    let by_hand = session.report().adapters.remove(0);
    let expected = json("expected/peft-dora.json");
    for (module, before) in by_hand.modules.iter().zip(&assumed.modules) {
        let wanted = expected["modules"][&module.name]["frobenius"].as_f64().unwrap();
        assert!((module.frobenius - wanted).abs() < 1e-4 * wanted, "{}", module.name);
        assert!((before.frobenius - wanted).abs() > 1e-3 * wanted, "{}", module.name);
        assert_eq!((module.scale, module.scale_source.as_str()), (2.0, "set by hand"));
    }
}
