//! What the page is told, when a comparison is gone, and what it costs.

use lorascope_format::bytes::MemorySource;
use lorascope_kernels::Steady;
use lorascope_protocol::report::{NotAnalyzed, PairReport};
use lorascope_protocol::{
    BackendChoice, Head, MODULES_PER_MESSAGE, Outcome, PIECE_BYTES, PairPiece, Piece, Question, Refusal, ToPage,
};
use pollster::block_on;

use super::bench::{Bench, Switch, bench, bench_with};
use super::crafted::{K, Modules, Q, V, adapter};
use crate::common::fixture;
use crate::dialect::File;
use crate::numbers::Numbers;
use crate::started::backends;

fn simple(label: &str, seed: u64, names: &[&str]) -> Vec<MemorySource> {
    let mut numbers = Numbers::new(seed);
    let modules: Modules<'_> = names.iter().map(|name| (*name, numbers.matrix(12, 2), numbers.matrix(2, 10))).collect();
    adapter(label, &modules, 1.0).0
}

fn is_gone(messages: &[ToPage]) -> bool {
    messages.iter().filter(|message| **message == ToPage::Gone { job: 1 }).count() == 1
}

/// The messages carry all that the report holds, in pieces.
#[test]
fn messages_carry_the_report_in_pieces() {
    let layers: Vec<String> = (0..450).map(|n| format!("model.layers.{n}.self_attn.q_proj")).collect();
    let of_a: Vec<String> = (0..350).map(|n| format!("model.layers.{n}.mlp.up_proj")).collect();
    let long = format!("model.{}", "very_long_name.".repeat(300));
    let of_b: Vec<String> = (0..90).map(|n| format!("{long}{n}.mlp.down_proj")).collect();
    let names = |own: &[String]| -> Vec<String> { layers.iter().chain(own).cloned().collect() };
    let (names_a, names_b) = (names(&of_a), names(&of_b));
    let drop = |label: &str, seed: u64, names: &[String]| {
        simple(label, seed, &names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let mut bench = bench(BackendChoice::Cpu);
    bench.drop_files([drop("a", 1, &names_a), drop("b", 2, &names_b), drop("c", 3, &names_a)].concat());
    let ids = ["a", "b", "c"].map(|label| bench.item(label));
    bench.take();
    block_on(bench.session.ask(1, Question::Compare));
    let report = bench.session.report().comparison.unwrap();
    assert_eq!(report.adapters, ["a", "b", "c"]);
    let (mut figures, mut progress) = (Vec::new(), Vec::new());
    let messages = bench.take();
    for message in &messages {
        match message {
            ToPage::Result { job: Some(1), head: Head::Comparison { items, left_out }, pieces: 1 } => {
                assert_eq!((&items[..], &left_out[..]), (&ids[..], &[][..]));
            }
            ToPage::Piece(Piece::Compared(pairs)) => figures.extend(pairs.iter().copied()),
            ToPage::Progress(of) => progress.push(of.clone()),
            ToPage::Finished { outcome, problems, .. } => assert_eq!((*outcome, problems.len()), (Outcome::Done, 0)),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(messages.last(), Some(ToPage::Finished { .. })));
    assert_eq!(figures, report.pairs.iter().map(|pair| pair.figures).collect::<Vec<_>>());
    assert_eq!(progress[0].text, "Comparing 3 adapters: 0 of 800 modules");
    assert!(progress.is_sorted_by_key(|of| of.done) && progress.iter().all(|of| of.done < of.total));
    for pair in &report.pairs {
        let [a, b] = [pair.a, pair.b].map(|n| ids[n as usize]);
        block_on(bench.session.ask(2, Question::Pair { a, b }));
        let mut told = PairReport { a: pair.a, b: pair.b, figures: pair.figures, ..PairReport::default() };
        let messages = bench.take();
        let [ToPage::Result { job: Some(2), head: Head::Pair, pieces }, rest @ ..] = &messages[..] else {
            panic!("{messages:?}")
        };
        assert_eq!(*pieces, rest.len());
        for message in rest {
            let ToPage::Piece(Piece::Pair(piece)) = message else { panic!("{message:?}") };
            let bytes = serde_json::to_string(piece).unwrap().len();
            assert!(bytes <= PIECE_BYTES * 3 / 2, "a message of {bytes} bytes");
            let count = match piece.clone() {
                PairPiece::Modules(some) => add(&mut told.modules, some),
                PairPiece::OnlyA(some) => add(&mut told.only_a, some),
                PairPiece::OnlyB(some) => add(&mut told.only_b, some),
                PairPiece::NotCompared(some) => add(&mut told.not_compared, some),
            };
            assert!((1..=MODULES_PER_MESSAGE).contains(&count));
        }
        assert_eq!(&told, pair);
    }
    // 450, 350 of a alone in two, 90 long names of b alone in more than their number asks for.
    block_on(bench.session.ask(2, Question::Pair { a: ids[0], b: ids[1] }));
    assert!(bench.take().len() > 3 + 2 + 3);
    // What is not there has no lists, so that every question has its answer.
    block_on(bench.session.ask(2, Question::Pair { a: ids[1], b: 77 }));
    assert_eq!(bench.take(), [ToPage::Result { job: Some(2), head: Head::Pair, pieces: 0 }]);
}

fn add<T>(all: &mut Vec<T>, some: Vec<T>) -> usize {
    let count = some.len();
    all.extend(some);
    count
}

#[test]
fn fewer_than_two_adapters_are_not_compared() {
    let mut bench = bench(BackendChoice::Cpu);
    let refused = |bench: &mut Bench<_, Steady>| {
        block_on(bench.session.ask(1, Question::Compare));
        let messages = bench.take();
        assert!(bench.session.report().comparison.is_none());
        let [ToPage::Refused { job: 1, why: Some(Refusal::Words(text)) }, ToPage::Finished { .. }] = &messages[..]
        else {
            panic!("{messages:?}")
        };
        text.clone()
    };
    bench.take();
    assert!(refused(&mut bench).contains("two adapters"));
    bench.drop_files(simple("one", 1, &[Q]));
    bench.take();
    assert!(refused(&mut bench).contains("two adapters"));
    // One whose every update is on the base's weights does not count, and is named.
    let mut file = File::new(3);
    file.random(&format!("base_model.model.{Q}.ia3_l"), &[12, 1]);
    let base = crate::common::f32_file(&[(&format!("{Q}.weight"), &[12, 10])]);
    bench.drop_files(vec![file.at("ia3/adapter_model.safetensors"), MemorySource::new("base.safetensors", base)]);
    bench.take();
    let text = refused(&mut bench);
    assert!(text.contains("ia3") && text.contains("two thin factors"), "{text}");
    bench.drop_files(simple("two", 2, &[Q]));
    bench.take();
    block_on(bench.session.ask(1, Question::Compare));
    let messages = bench.take();
    let left_out = messages.iter().find_map(|message| match message {
        ToPage::Result { head: Head::Comparison { items, left_out }, .. } => Some((items.len(), left_out.clone())),
        _ => None,
    });
    let Some((2, left_out)) = left_out else { panic!("{messages:?}") };
    assert!(matches!(&left_out[..], [NotAnalyzed { name, .. }] if name == "ia3"), "{left_out:?}");
}

/// A comparison goes with what it was made of, and with what would have been part of it.
#[test]
fn a_comparison_is_gone_with_its_adapters() {
    let mut bench = bench(BackendChoice::Cpu);
    bench.drop_files([simple("one", 1, &[Q]), simple("two", 2, &[Q, K])].concat());
    let (one, two) = (bench.item("one"), bench.item("two"));
    // Its scale is assumed, as it has no configuration.
    let bare = simple("bare", 3, &[Q, V]).into_iter().take(1).collect::<Vec<_>>();
    bench.drop_files(bare);
    let bare = bench.item("bare");
    let compare = |bench: &mut Bench<_, Steady>| {
        block_on(bench.session.ask(1, Question::Compare));
        assert!(bench.session.report().comparison.is_some());
        bench.take();
    };
    let gone = |bench: &mut Bench<_, Steady>, what: &str| {
        assert!(is_gone(&bench.take()), "{what}");
        assert!(bench.session.report().comparison.is_none(), "{what}");
    };
    compare(&mut bench);
    let before = bench.session.report().comparison.unwrap().pairs[1].figures;
    block_on(bench.session.set_scale(bare, -2.0));
    gone(&mut bench, "a scale set by hand");
    compare(&mut bench);
    let after = bench.session.report().comparison.unwrap().pairs[1].figures;
    assert_eq!(after.shared_cosine, before.shared_cosine.map(|cosine| -cosine), "the sign of a scale counts");
    assert!((after.norms[1] - 2.0 * before.norms[1]).abs() < 1e-12 && after.interference != before.interference);

    let config =
        MemorySource::new("bare/adapter_config.json", br#"{"peft_type":"LORA","r":2,"lora_alpha":6}"#.to_vec());
    block_on(bench.session.load(vec![config]));
    gone(&mut bench, "a configuration that came later");
    compare(&mut bench);
    block_on(bench.session.load(simple("four", 4, &[Q])));
    gone(&mut bench, "another adapter");
    compare(&mut bench);
    block_on(bench.session.remove(two));
    gone(&mut bench, "an adapter that was removed");
    // What is no adapter changes nothing, nor does a drop of which nothing can be used.
    compare(&mut bench);
    let base = crate::common::f32_file(&[(&format!("{Q}.weight"), &[12, 10])]);
    block_on(bench.session.load(vec![MemorySource::new("base.safetensors", base)]));
    block_on(bench.session.load(vec![MemorySource::new("broken.safetensors", vec![1, 2, 3])]));
    block_on(bench.session.set_scale(one, f64::NAN));
    assert!(!bench.take().iter().any(|message| matches!(message, ToPage::Gone { .. })));
    assert!(bench.session.report().comparison.is_some());
    bench.session.clear();
    assert!(bench.session.report().comparison.is_none());
}

#[test]
fn a_cancel_keeps_the_last_comparison() {
    for choice in backends() {
        let switch = Switch::default();
        let mut bench = bench_with(choice, switch.clone());
        bench.drop_files([simple("one", 1, &[Q]), simple("two", 2, &[Q, K])].concat());
        let ids = ["one", "two"].map(|label| bench.item(label));
        block_on(bench.session.ask(1, Question::Compare));
        let before = bench.session.report().comparison;
        assert!(before.is_some());
        bench.take();
        switch.0.set(true);
        block_on(bench.session.ask(1, Question::Compare));
        let messages = bench.take();
        assert!(messages.contains(&ToPage::Refused { job: 1, why: None }), "{messages:?}");
        assert!(matches!(messages.last(), Some(ToPage::Finished { .. })));
        block_on(bench.session.ask(1, Question::Overlap { a: ids[0], b: ids[1], name: Q.to_owned() }));
        assert_eq!(bench.take(), [ToPage::Refused { job: 1, why: None }]);
        assert_eq!(bench.session.report().comparison, before);
    }
}

/// Every factor is read once and made orthonormal once, whatever the number of pairs, and a batch is few dispatches.
#[test]
fn what_a_comparison_costs() {
    let folders = [30, 60, 90, 120].map(|step| format!("peft-lora-trajectory/checkpoint-{step}"));
    let files = folders.iter().flat_map(|folder| {
        ["adapter_model.safetensors", "adapter_config.json"].map(|file| fixture(&format!("{folder}/{file}")))
    });
    let files: Vec<MemorySource> = files.collect();
    for choice in backends() {
        let mut bench = bench(choice);
        bench.drop_files(files.clone());
        let before = bench.session.engine().counts;
        block_on(bench.session.ask(1, Question::Compare));
        let counts = bench.session.engine().counts;
        // 42 modules of rank 8 in F32, six layers of q, k, v, o, gate, up and down.
        let sides = 2 * (128 + 128) + 2 * (64 + 128) + 3 * (344 + 128);
        assert_eq!(counts.bytes_read - before.bytes_read, 4 * 6 * sides * 8 * 4, "{choice:?}");
        assert_eq!(counts.fallbacks, before.fallbacks);
        if choice == BackendChoice::WebGpu {
            // A scan, at most four Gram matrices and three products between them; the vectors, their Gram matrix and
            // the products of the pairs.
            let (dispatches, readbacks) = (counts.dispatches - before.dispatches, counts.readbacks - before.readbacks);
            assert!((5..=11).contains(&dispatches), "{dispatches} dispatches");
            assert!((4..=7).contains(&readbacks), "{readbacks} readbacks");
            let uploaded = counts.bytes_uploaded - before.bytes_uploaded;
            assert!(uploaded < 2 * 4 * 6 * sides * 8 * 4, "{uploaded} bytes");
        }
    }
}

/// A device that is lost in between changes nothing but the counts.
#[test]
fn a_lost_gpu_is_made_up_for() {
    use lorascope_engine::session::Backend;
    let mut bench = bench(BackendChoice::WebGpu);
    bench.drop_files([simple("one", 1, &[Q, K]), simple("two", 2, &[Q, K])].concat());
    block_on(bench.session.ask(1, Question::Compare));
    let before = bench.session.report().comparison.unwrap().pairs[0].figures;
    match bench.session.backend() {
        Backend::Gpu(gpu) => gpu.destroy(),
        Backend::Cpu(_) => panic!("there is no device to lose"),
    }
    block_on(bench.session.ask(1, Question::Compare));
    let after = bench.session.report().comparison.unwrap().pairs[0].figures;
    assert!((after.cosine.unwrap() - before.cosine.unwrap()).abs() < 1e-7);
    assert!(bench.session.engine().reason.contains("lost"));
}
