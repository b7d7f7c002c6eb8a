//! Running programs, and saying what went wrong in a sentence.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The error is a text for the person at the terminal.
pub type Result<T> = std::result::Result<T, String>;

/// The workspace's root. Cargo names the member anew at each start: of two checkouts that share a target folder, each may
/// run the program that the other built.
pub fn root() -> PathBuf {
    let member = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let above = Path::new(&member).ancestors();
    above.into_iter().find(|folder| folder.join("Trunk.toml").is_file()).unwrap_or(Path::new(".")).to_path_buf()
}

/// A command that runs in the workspace's root.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Cargo of the toolchain that runs this program.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Where Cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    let dir = std::env::var_os("CARGO_TARGET_DIR").or_else(|| std::env::var_os("CARGO_BUILD_TARGET_DIR"));
    root().join(dir.unwrap_or_else(|| "target".into()))
}

/// Runs to the end, its output going to the terminal.
pub fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", shown(command));
    let status = command.status().map_err(|e| format!("`{}` does not start: {e}", program(command)))?;
    if status.success() { Ok(()) } else { Err(format!("Failed ({status}): {}", shown(command))) }
}

/// Runs to the end, and gives its standard output, which goes to the terminal as it comes.
pub fn run_and_keep(command: &mut Command) -> Result<String> {
    let (well, said) = run_and_hear(command)?;
    well.map(|()| said)
}

/// The same, and whether it ended well apart: what it said may explain why not.
pub fn run_and_hear(command: &mut Command) -> Result<(Result<()>, String)> {
    println!("$ {}", shown(command));
    let child = command.stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|e| format!("`{}` does not start: {e}", program(command)))?;
    let mut said = String::new();
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(io::Result::ok) {
        println!("{line}");
        said.push_str(&line);
        said.push('\n');
    }
    let status = child.wait().map_err(|e| format!("`{}` cannot be awaited: {e}", program(command)))?;
    let well = if status.success() { Ok(()) } else { Err(format!("Failed ({status}): {}", shown(command))) };
    Ok((well, said))
}

/// Its standard output if it ran and ended well.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first program of these names on PATH.
pub fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let places = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.map(|place| place.with_extension(std::env::consts::EXE_EXTENSION)).find(|place| place.is_file())
}

/// PATH with `folders` before the rest.
pub fn path_with(folders: &[PathBuf]) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(std::env::split_paths(&path));
    std::env::join_paths(all).map_err(|e| format!("PATH cannot be extended: {e}"))
}

fn program(command: &Command) -> String {
    Path::new(command.get_program()).file_stem().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}

fn shown(command: &Command) -> String {
    let args = command.get_args().map(OsStr::to_string_lossy);
    std::iter::once(program(command).into()).chain(args).collect::<Vec<_>>().join(" ")
}
