//! What is computed once is kept: other orders and other scales read only what is new.

use lorascope::protocol::{BackendChoice, ItemId};
use lorascope::report::Along;
use pollster::block_on;

use super::bench::{BACKENDS, bench};
use super::run::Run;

/// The order is that of the steps; by hand it is another one, for which only what is new is read.
#[test]
fn another_order_reads_only_what_is_new() {
    for choice in BACKENDS {
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
        block_on(bench.session.align(Along::Checkpoints, ids.clone()));
        // Only base → step-100 is new: two weights of two states, and the factors.
        let weight = 10 * 12 * 4;
        let factors = 2 * (2 * 12 + 10 * 2) * 4;
        assert_eq!(bench.session.engine().counts.bytes_read - before, 2 * 2 * weight + factors);
        assert_eq!(bench.pairs(), ["lora: base → step-100", "lora: step-100 → final", "lora: base → final"]);
        let there = bench.one("base", "step-100").whole.cosine.expect("a cosine");
        let back = [ids[1], ids[0]].to_vec();
        block_on(bench.session.align(Along::Checkpoints, back));
        let back = bench.one("step-100", "base").whole.cosine.expect("a cosine");
        assert!((there + back).abs() < 1e-9 && there.abs() > 1e-3, "{there} there, {back} back");
        // A checkpoint that goes takes its updates along.
        bench.session.remove(ids[0]);
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
