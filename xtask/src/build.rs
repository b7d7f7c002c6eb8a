//! The static page: Trunk's build of `www/index.html` into `dist/`.

use std::path::PathBuf;
use std::process::Command;

use crate::proc::{self, Result};
use crate::tools;

/// The folder that holds the built page.
pub fn dist() -> PathBuf {
    proc::root().join("dist")
}

/// How a page is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Small and fast, optimised across crates.
    Release,
    /// There soon, and soon again after a change.
    Quick,
}

/// Builds the page.
pub fn page(kind: Kind) -> Result<()> {
    proc::run(&mut trunk("build", kind)?)?;
    let index = dist().join("index.html");
    if index.is_file() { Ok(()) } else { Err(format!("Trunk ended well but left no {}.", index.display())) }
}

/// Builds the page anew whenever a file changes, until it is ended.
pub fn watch(kind: Kind) -> Result<()> {
    proc::run(&mut trunk("watch", kind)?)
}

fn trunk(command: &str, kind: Kind) -> Result<Command> {
    tools::ensure_rust()?;
    let path = proc::path_with(&[tools::ensure_trunk()?, tools::ensure_wasm_bindgen()?])?;
    // After this, Trunk needs no network; `--offline` also keeps it from fetching another wasm-bindgen.
    proc::run(proc::cargo().args(["fetch", "--target", tools::WASM]))?;
    let mut trunk = proc::command("trunk");
    trunk.env("PATH", path).env_remove("NO_COLOR").args([command, "--offline", "true", "--skip-version-check"]);
    if kind == Kind::Release {
        trunk.args(["--release", "true"]);
    }
    Ok(trunk)
}
