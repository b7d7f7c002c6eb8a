//! The tools that a build needs: found on PATH in their exact version, or installed once per user.
//!
//! They go to `<cache>/lorascope/tools/<name>-<version>/bin`, where the next clone finds them.

use std::path::{Path, PathBuf};

use crate::proc::{self, Result};

pub const WASM: &str = "wasm32-unknown-unknown";

/// Newer ones need a newer Rust than the pinned one.
const TRUNK: &str = "0.21.14";
const GECKODRIVER: &str = "0.37.1";

/// The wasm32 target, clippy and rustfmt of the toolchain in use.
pub fn ensure_rust() -> Result<()> {
    let libdir = proc::output(proc::command("rustc").args(["--print", "target-libdir", "--target", WASM]));
    if !libdir.is_some_and(|dir| Path::new(dir.trim()).is_dir()) {
        rustup(&["target", "add", WASM])?;
    }
    for (component, subcommand) in [("clippy", "clippy"), ("rustfmt", "fmt")] {
        if proc::output(proc::cargo().args([subcommand, "--version"])).is_none() {
            rustup(&["component", "add", component])?;
        }
    }
    Ok(())
}

fn rustup(args: &[&str]) -> Result<()> {
    proc::run(proc::command("rustup").args(args)).map_err(|e| {
        format!(
            "{e}\nThis Rust lacks a part that Lorascope needs. With rustup (https://rustup.rs): rustup {}",
            args.join(" ")
        )
    })
}

/// The folder of `trunk`.
pub fn ensure_trunk() -> Result<PathBuf> {
    ensure("trunk", TRUNK, &["trunk"], &["--locked", "--no-default-features"])
}

/// The folder of `wasm-bindgen` and `wasm-bindgen-test-runner`, of exactly the version in Cargo.lock.
pub fn ensure_wasm_bindgen() -> Result<PathBuf> {
    let version = locked_version("wasm-bindgen")?;
    // Without `--locked`: the crate's own lock file names versions that no longer build.
    ensure("wasm-bindgen-cli", &version, &["wasm-bindgen", "wasm-bindgen-test-runner"], &[])
}

/// The folder of `geckodriver`, which drives Firefox for the tests.
pub fn ensure_geckodriver() -> Result<PathBuf> {
    ensure("geckodriver", GECKODRIVER, &["geckodriver"], &["--locked"])
}

/// The `geckodriver` that an earlier run has installed.
pub fn installed_geckodriver() -> Option<PathBuf> {
    let driver = home("geckodriver", GECKODRIVER).ok()?.join("bin/geckodriver");
    Some(driver.with_extension(std::env::consts::EXE_EXTENSION)).filter(|driver| driver.is_file())
}

/// The folder that a tool is installed into.
fn home(name: &str, version: &str) -> Result<PathBuf> {
    Ok(cache()?.join("tools").join(format!("{name}-{version}")))
}

fn ensure(name: &str, version: &str, programs: &[&str], options: &[&str]) -> Result<PathBuf> {
    let on_path = proc::on_path(&programs[..1]);
    if let Some(folder) =
        on_path.as_deref().and_then(Path::parent).filter(|folder| is_complete(folder, programs, version))
    {
        return Ok(folder.to_path_buf());
    }
    let home = home(name, version)?;
    let bin = home.join("bin");
    if is_complete(&bin, programs, version) {
        return Ok(bin);
    }
    println!("Installing {name} {version} into {} (once, some minutes)", home.display());
    // Kept until the install succeeds: one that was interrupted goes on where it stopped.
    let scratch = home.with_file_name("build");
    let mut install = proc::cargo();
    // Away from the workspace, whose settings are not the tool's. A link-time optimised Trunk takes minutes more.
    install.current_dir(std::env::temp_dir()).env("CARGO_TARGET_DIR", &scratch).env_remove("RUSTFLAGS");
    for (key, value) in [("LTO", "off"), ("CODEGEN_UNITS", "16"), ("OPT_LEVEL", "1")] {
        install.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
    }
    install.args(["install", name, "--version", version, "--root"]).arg(&home).args(options);
    proc::run(&mut install)?;
    // Only scratch: if it cannot go, the next install uses it.
    drop(std::fs::remove_dir_all(&scratch));
    if is_complete(&bin, programs, version) {
        Ok(bin)
    } else {
        Err(format!("{name} {version} was installed into {}, but does not run there.", home.display()))
    }
}

fn is_complete(folder: &Path, programs: &[&str], version: &str) -> bool {
    programs.iter().all(|program| {
        let said = proc::output(proc::command(folder.join(program)).arg("--version"));
        said.is_some_and(|text| text.split_whitespace().any(|word| word == version))
    })
}

/// A folder of this user for what every clone shares.
fn cache() -> Result<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = match std::env::consts::OS {
        "windows" => var("LOCALAPPDATA"),
        "macos" => var("HOME").map(|home| home.join("Library/Caches")),
        _ => var("XDG_CACHE_HOME").or_else(|| var("HOME").map(|home| home.join(".cache"))),
    };
    base.map(|base| base.join("lorascope")).ok_or("No cache folder: set HOME (or LOCALAPPDATA on Windows).".into())
}

fn locked_version(name: &str) -> Result<String> {
    let lock = proc::root().join("Cargo.lock");
    let text = std::fs::read_to_string(&lock).map_err(|e| format!("{}: {e}", lock.display()))?;
    version_in_lock(&text, name).ok_or(format!("{} does not name {name}.", lock.display()))
}

fn version_in_lock(text: &str, name: &str) -> Option<String> {
    let wanted = format!("name = \"{name}\"");
    let mut lines = text.lines().skip_while(|line| *line != wanted).skip(1);
    Some(lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_gives_the_package_of_exactly_this_name() {
        let lock =
            "[[package]]\nname = \"a-b\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\nversion = \"2.0.0\"\n";
        assert_eq!(version_in_lock(lock, "a").as_deref(), Some("2.0.0"));
        assert_eq!(version_in_lock(lock, "b"), None);
    }

    #[test]
    fn this_workspace_locks_wasm_bindgen() {
        let version = locked_version("wasm-bindgen").unwrap();
        assert_eq!(version.split('.').count(), 3, "{version}");
    }
}
