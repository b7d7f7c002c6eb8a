//! The static page: Trunk's release build of `www/index.html` into `dist/`.

use std::path::PathBuf;

use crate::proc::{self, Result};
use crate::tools;

/// The folder that holds the built page.
pub fn dist() -> PathBuf {
    proc::root().join("dist")
}

/// Builds the page. `dev`: without optimisation, for a quick look.
pub fn page(dev: bool) -> Result<()> {
    tools::ensure_rust()?;
    let path = proc::path_with(&[tools::ensure_trunk()?, tools::ensure_wasm_bindgen()?])?;
    // After this, Trunk needs no network; `--offline` also keeps it from fetching another wasm-bindgen.
    proc::run(proc::cargo().args(["fetch", "--target", tools::WASM]))?;
    let mut trunk = proc::command("trunk");
    trunk.env("PATH", path).env_remove("NO_COLOR").args(["build", "--offline", "true", "--skip-version-check"]);
    if !dev {
        trunk.args(["--release", "true"]);
    }
    proc::run(&mut trunk)?;
    let index = dist().join("index.html");
    if index.is_file() { Ok(()) } else { Err(format!("Trunk ended well but left no {}.", index.display())) }
}
