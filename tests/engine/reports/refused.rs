//! What is named and not computed.

use super::{never_says, reported, says};
use crate::dialect::File;
use crate::dropped::drops;

/// sd-scripts' OFT by numbered blocks is no checkpoint.
#[test]
fn flux_oft_numbered() {
    let case = reported("flux-oft-numbered");
    case.drop_each(&["flux-oft.safetensors"], |dropped| {
        assert!(dropped.report.adapters.iter().all(|adapter| adapter.modules.is_empty()));
        says(dropped, "oft");
        says(dropped, "base");
        never_says(dropped, "checkpoint without|waits|kept and waiting");
    });
}

/// A checkpoint of SVDQuant has a low-rank branch of the same names, and is none.
#[test]
fn a_quantised_checkpoint_is_no_lora() {
    let mut file = File::new(320);
    for n in 0..2 {
        for (end, shape) in [("qweight", [8, 4]), ("lora_down", [8, 16]), ("lora_up", [8, 16])] {
            file.random(&format!("transformer_blocks.{n}.mlp_fc1.{end}"), &shape);
        }
    }
    let dropped = drops(vec![vec![file.at("svdq-int4_r32-flux.1-dev.safetensors")]]);
    assert!(dropped.report.adapters.is_empty());
    never_says(&dropped, "nunchaku|original lora");
}

/// Nunchaku's packed factors look like plain ones, and are none.
#[test]
fn nunchaku_packed() {
    let case = reported("nunchaku-packed");
    case.drop_each(&["nunchaku.safetensors"], |dropped| {
        assert!(dropped.report.adapters.iter().all(|adapter| adapter.modules.is_empty()));
        says(dropped, "nunchaku");
        says(dropped, "original");
    });
}
