//! From a drop to the full profile, for adapters of an 8B model's shapes.

use xtask::bench::records;

use super::{PHASES, Samples, bare_read, modules_of, phase, profiled, report_facts, weights, write_adapters};
use crate::browser::TempDir;

#[test]
#[ignore = "a benchmark: cargo xtask bench"]
fn profiles_beside_a_bare_read() {
    let home = TempDir::new("bench");
    let adapters = write_adapters(&home, &[16, 32, 64]);
    let mut samples = Samples::default();
    for round in 0..records::rounds() {
        for (key, folder) in &adapters {
            let (browser, times) = profiled(folder);
            let mut push = |what: &str, value: f64| samples.push(format!("page/profile/{key}/{what}"), value);
            push("navigation", times.since_navigation());
            push("drop", times.since_action());
            push("draw", times.draw());
            for name in PHASES {
                if let Some(seconds) = phase(&browser, name) {
                    push(name, seconds);
                }
            }
            push("bare", bare_read(&browser, &[weights(folder)]));
            if round == 0 {
                let bytes = std::fs::metadata(weights(folder)).expect("a written file").len();
                push("bytes", bytes as f64);
                assert_eq!(modules_of(&browser), if key == "tiny" { 1 } else { 224 });
                if key == "16" {
                    report_facts(&browser);
                }
            }
        }
    }
    samples.report();
}
