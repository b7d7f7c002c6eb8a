//! `cargo xtask fuzz`: the readers of dropped files on inputs that a fuzzer makes.

use crate::proc::{self, Result};

/// The targets, each with the folders of files it starts from.
const TARGETS: [(&str, &[&str]); 3] = [
    ("header", &["tests/fuzz/seeds/header", "tests/fixtures/hostile"]),
    ("gguf", &["tests/fuzz/seeds/gguf", "tests/fixtures/gguf"]),
    ("recogniser", &["tests/fuzz/seeds/recogniser"]),
];

/// The crate of the targets.
const FOLDER: &str = "tests/fuzz";

/// Runs the targets one after the other, each for so many seconds. What a run finds goes to `tests/fuzz/artifacts`; what
/// it learns to `tests/fuzz/corpus`, where the next goes on.
pub fn run(seconds: u64) -> Result<()> {
    let says = |args: &[&str]| proc::output(proc::command("cargo").args(args)).is_some();
    if !says(&["+nightly", "fuzz", "--version"]) {
        return Err(
            "Fuzzing needs a nightly Rust and cargo-fuzz: rustup toolchain install nightly --profile minimal, \
                    then cargo +nightly install cargo-fuzz --locked"
                .to_owned(),
        );
    }
    for (target, seeds) in TARGETS {
        let corpus = format!("{FOLDER}/corpus/{target}");
        std::fs::create_dir_all(proc::root().join(&corpus)).map_err(|e| format!("{corpus}: {e}"))?;
        // The readers have no unsafe code for a sanitizer to watch; the targets count their memory themselves.
        let mut cargo = proc::command("cargo");
        cargo.args(["+nightly", "fuzz", "run", "--fuzz-dir", FOLDER, "--sanitizer", "none", target]);
        cargo.arg(&corpus).args(seeds).arg("--");
        cargo.args(["-fork=0", "-max_len=16384", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"]);
        cargo.args([format!("-dict={FOLDER}/{target}.dict"), format!("-max_total_time={seconds}")]);
        proc::run(&mut cargo)?;
    }
    Ok(())
}
