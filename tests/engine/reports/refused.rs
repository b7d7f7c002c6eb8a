//! What is named and not computed.

use super::{never_says, reported, says};

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
