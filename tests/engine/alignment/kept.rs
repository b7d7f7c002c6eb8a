//! What is computed once is kept: other orders and other scales read only what is new.

use lorascope_format::bytes::MemorySource;
use lorascope_protocol::report::Along;
use lorascope_protocol::{BackendChoice, ItemId, Question};
use pollster::block_on;

use super::bench::{Switch, bench, bench_with, said};
use super::run::{K, Q, Run, adapter_file, safetensors};
use crate::numbers::Numbers;
use crate::started::backends;

/// The order is that of the steps; by hand it is another one, for which only what is new is read.
#[test]
fn another_order_reads_only_what_is_new() {
    for choice in backends() {
        let run = Run::new();
        let mut bench = run.start(choice);
        let states = [("step-100", 3.0), ("base", 0.0), ("step-20", 1.0), ("final", 4.0)];
        bench.drop_files(states.map(|(name, n)| run.state(&format!("{name}.safetensors"), n)).to_vec());
        assert_eq!(
            bench.pairs(),
            ["lora: base → step-20", "lora: step-20 → step-100", "lora: step-100 → final", "lora: base → final"]
        );
        let ids: Vec<ItemId> = ["base", "step-100", "final"].map(|label| bench.item(label)).to_vec();
        let before = bench.session.engine().counts.bytes_read;
        block_on(bench.session.ask(1, Question::Align { along: Along::Checkpoints, order: ids.clone() }));
        // Only base → step-100 is new: two weights of two states, and the factors.
        let weight = 10 * 12 * 4;
        let factors = 2 * (2 * 12 + 10 * 2) * 4;
        assert_eq!(bench.session.engine().counts.bytes_read - before, 2 * 2 * weight + factors);
        assert_eq!(bench.pairs(), ["lora: base → step-100", "lora: step-100 → final", "lora: base → final"]);
        let there = bench.one("base", "step-100").whole.cosine.expect("a cosine");
        let back = [ids[1], ids[0]].to_vec();
        block_on(bench.session.ask(1, Question::Align { along: Along::Checkpoints, order: back }));
        let back = bench.one("step-100", "base").whole.cosine.expect("a cosine");
        assert!((there + back).abs() < 1e-9 && there.abs() > 1e-3, "{there} there, {back} back");
        // A checkpoint that goes takes its updates along.
        block_on(bench.session.remove(ids[0]));
        assert_eq!(bench.pairs(), [""; 0]);
    }
}

#[test]
fn a_scale_set_by_hand_turns_the_cosine() {
    let run = Run::new();
    let mut bench = bench(BackendChoice::Cpu);
    // Without its configuration the scale is only assumed.
    bench.drop_files(vec![
        run.adapter[0].clone(),
        run.state("base.safetensors", 0.0),
        run.state("step-1.safetensors", 1.0),
    ]);
    let before = bench.one("base", "step-1");
    let item = bench.item("lora");
    let read = bench.session.engine().counts.bytes_read;
    block_on(bench.session.set_scale(item, -3.0));
    assert_eq!(bench.session.engine().counts.bytes_read, read, "nothing is read again");
    let after = bench.one("base", "step-1");
    assert_eq!(after.whole.cosine, before.whole.cosine.map(|cosine| -cosine));
    let ratio = after.whole.relative_norm.expect("a norm") / before.whole.relative_norm.expect("a norm");
    assert!((ratio - 3.0).abs() < 1e-12, "{ratio}");
    assert_eq!(after.modules[0].reference_cosine, before.modules[0].reference_cosine);
}

/// What was cancelled begins again when it is asked for, not with a scale or a drop that brings nothing.
#[test]
fn a_cancelled_alignment_stays_cancelled() {
    let run = Run::new();
    let switch = Switch::default();
    let mut bench = bench_with(BackendChoice::Cpu, switch.clone());
    bench.drop_files(vec![
        run.adapter[0].clone(),
        run.state("base.safetensors", 0.0),
        run.state("step-1.safetensors", 1.0),
    ]);
    let lora = bench.item("lora");
    let back = ["step-1", "base"].map(|label| bench.item(label)).to_vec();
    switch.0.set(true);
    block_on(bench.session.ask(1, Question::Align { along: Along::Checkpoints, order: back.clone() }));
    said(&bench.ended().1, "Cancelled");
    switch.0.set(false);
    let read = bench.bytes_read();
    block_on(bench.session.set_scale(lora, 2.0));
    assert_eq!((bench.bytes_read(), bench.pairs().len()), (read, 0));
    bench.drop_files(vec![MemorySource::new("notes.txt", b"nothing".to_vec())]);
    assert_eq!((bench.bytes_read(), bench.pairs().len()), (read, 0));
    block_on(bench.session.ask(1, Question::Align { along: Along::Checkpoints, order: back }));
    assert_eq!(bench.pairs(), ["lora: step-1 → base"]);
}

/// Only updates from or to an adapter go by its scale.
#[test]
fn a_scale_reads_only_the_updates_that_it_is_part_of() {
    let mut numbers = Numbers::new(5);
    let mut file = |path: &str| {
        let (b, a) = (numbers.matrix(10, 2), numbers.matrix(2, 12));
        adapter_file(path, Q, &b, &a)
    };
    let mut bench = bench(BackendChoice::Cpu);
    bench.drop_files(vec![
        file("run-1/adapter_model.safetensors"),
        file("run-2/adapter_model.safetensors"),
        file("run-3/adapter_model.safetensors"),
        file("other/adapter_model.safetensors"),
    ]);
    let order = ["run-1", "run-2", "run-3"].map(|label| bench.item(label)).to_vec();
    let other = bench.item("other");
    block_on(bench.session.ask(1, Question::Align { along: Along::Adapters, order: order.clone() }));
    assert_eq!(bench.pairs().len(), 4 * 3, "{:#?}", bench.pairs());
    let (first, own) = (bench.one("run-1", "run-2"), bench.alignment().len());
    let read = bench.bytes_read();
    // Refused; of an adapter that is no state; and of a state.
    block_on(bench.session.set_scale(order[0], f64::NAN));
    assert_eq!((bench.bytes_read(), bench.alignment().len()), (read, own));
    block_on(bench.session.set_scale(other, 2.0));
    assert_eq!((bench.bytes_read(), bench.alignment().len()), (read, own));
    block_on(bench.session.set_scale(order[2], 2.0));
    assert!(bench.bytes_read() > read);
    assert_eq!((bench.alignment().len(), bench.one("run-1", "run-2")), (own, first));
}

/// A shard of two that a checkpoint lies in.
fn shard(run: &Run, number: u32, module: &str, n: f64) -> MemorySource {
    let path = format!("step-5/model-0000{number}-of-00002.safetensors");
    MemorySource::new(path, safetensors(&[run.weight(module, n)]))
}

/// A weight that only one end of an update has is not read.
#[test]
fn what_has_nothing_beside_it_is_not_read() {
    for choice in backends() {
        let run = Run::new();
        let mut bench = run.start(choice);
        bench.drop_files(vec![run.state("base/model.safetensors", 0.0), shard(&run, 1, Q, 1.0)]);
        let read = bench.bytes_read();
        let back = ["step-5", "base"].map(|label| bench.item(label)).to_vec();
        block_on(bench.session.ask(1, Question::Align { along: Along::Checkpoints, order: back }));
        let (weight, factors) = (10 * 12 * 4, (2 * 12 + 10 * 2) * 4);
        assert_eq!(bench.bytes_read() - read, 2 * weight + factors);
        assert_eq!(bench.one("step-5", "base").matched, 1);
    }
}

/// Adapters that neither are compared nor stand at the end of an update are not read.
#[test]
fn only_what_takes_part_is_read() {
    let mut numbers = Numbers::new(7);
    let mut file = |folder: &str| {
        let (b, a) = (numbers.matrix(10, 2), numbers.matrix(2, 12));
        adapter_file(&format!("{folder}/adapter_model.safetensors"), Q, &b, &a)
    };
    let mut bench = bench(BackendChoice::Cpu);
    bench.drop_files(vec![file("checkpoint-1"), file("checkpoint-2")]);
    assert_eq!(bench.pairs().len(), 2);
    let mut reads = Vec::new();
    for late in ["late-x", "late-y"] {
        let read = bench.bytes_read();
        bench.drop_files(vec![file(late)]);
        reads.push(bench.bytes_read() - read);
    }
    assert_eq!(bench.pairs().len(), 4, "{:#?}", bench.pairs());
    assert_eq!(reads[0], reads[1]);
}

/// More files of a checkpoint that was left out by hand do not put it back.
#[test]
fn what_was_left_out_stays_out() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    bench.drop_files(vec![
        run.state("base/model.safetensors", 0.0),
        run.state("mid/model.safetensors", 1.0),
        shard(&run, 1, Q, 2.0),
    ]);
    let order = ["base", "mid"].map(|label| bench.item(label)).to_vec();
    block_on(bench.session.ask(1, Question::Align { along: Along::Checkpoints, order }));
    bench.drop_files(vec![shard(&run, 2, K, 4.0)]);
    assert_eq!(bench.pairs(), ["lora: base → mid"]);
    // One that is new joins.
    bench.drop_files(vec![run.state("new/model.safetensors", 3.0)]);
    assert_eq!(bench.pairs(), ["lora: base → mid", "lora: mid → new", "lora: base → new"]);
}
