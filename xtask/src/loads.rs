//! `cargo xtask loads`: the built page in many fresh Firefox processes, each with a new profile, to count those in which
//! it never comes to a result. A start that hangs once in thirty times shows in no test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::proc::{self, Result};
use crate::serve::Server;
use crate::{build, firefox};

/// What the page is given to do, and reports by requests for files that are not there.
const SCRIPT: &str = include_str!("loads.js");
const NAME: &str = "told.js";

/// What to load, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub count: usize,
    /// With WebGPU, which Firefox does not have everywhere by default.
    pub webgpu: bool,
    /// Without the page's own way out of a hang.
    pub no_watchdog: bool,
    /// How long one load may take.
    pub patience: Duration,
}

/// How far a load came; milliseconds since it began.
enum Outcome {
    Done { ready: f64, done: f64 },
    Failed(String),
    Hung(String),
}

/// Loads the page in `dist/`, prints what came of each load, and fails if one came to no result.
pub fn run(wish: Wish) -> Result<()> {
    let program = firefox::program()?;
    let folder = Folder::new("loads-page")?;
    prepare(&build::dist(), &folder.0)?;
    let (mut ready_after, mut done_after, mut bad) = (Vec::new(), Vec::new(), 0);
    for number in 1..=wish.count {
        let said = match load(&program, &folder.0, wish)? {
            Outcome::Done { ready, done } => {
                ready_after.push(ready);
                done_after.push(done);
                format!("ready after {ready} ms, done after {done} ms")
            }
            Outcome::Failed(how) => {
                bad += 1;
                format!("FAILED: {how}")
            }
            Outcome::Hung(how) => {
                bad += 1;
                format!("HUNG: {how}")
            }
        };
        println!("{number:>4} of {}: {said}", wish.count);
    }
    println!("\n{} loads, {bad} without a result", wish.count);
    for (what, times) in [("ready", &mut ready_after), ("done", &mut done_after)] {
        times.sort_by(f64::total_cmp);
        if let (Some(first), Some(middle), Some(last)) = (times.first(), times.get(times.len() / 2), times.last()) {
            println!("{what} after {first} to {last} ms, median {middle} ms");
        }
    }
    if bad == 0 { Ok(()) } else { Err(format!("{bad} of {} loads came to no result.", wish.count)) }
}

/// One load in a browser of its own.
fn load(program: &Path, folder: &Path, wish: Wish) -> Result<Outcome> {
    let server = Server::start(folder.to_path_buf(), 0).map_err(|e| format!("no free port on 127.0.0.1: {e}"))?;
    let profile = Folder::new("loads-profile")?;
    let mut settings = firefox::quiet();
    if wish.webgpu {
        settings.extend(firefox::webgpu());
    }
    let lines: String = settings.iter().map(|(name, value)| format!("user_pref({name:?}, {value});\n")).collect();
    fs::write(profile.0.join("user.js"), lines).map_err(|e| format!("a profile cannot be written: {e}"))?;
    let address = format!("{}/{}", server.address(), if wish.no_watchdog { "?watchdog=off" } else { "" });
    let mut command = proc::command(program);
    command.args(["--headless", "--no-remote", "--profile"]).arg(&profile.0).arg(address);
    let browser = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _browser = Process(browser.map_err(|e| format!("{} does not start: {e}", program.display()))?);
    let start = Instant::now();
    loop {
        std::thread::sleep(Duration::from_millis(50));
        let requests = server.requests();
        let told =
            |step: &str| requests.iter().find_map(|line| line.split_once(&format!("/told-{step}?"))?.1.parse().ok());
        if let (Some(ready), Some(done)) = (told("ready"), told("done")) {
            return Ok(Outcome::Done { ready, done });
        }
        if told("error").is_some() {
            return Ok(Outcome::Failed("the page says that there is an error".to_owned()));
        }
        if start.elapsed() > wish.patience {
            let reached = if told("ready").is_some() { "with the sample" } else { "before the engine was up" };
            return Ok(Outcome::Hung(format!("{reached}; it had asked for {}", requests.join(", "))));
        }
    }
}

/// A copy of the page with the script in it, after its own.
fn prepare(page: &Path, copy: &Path) -> Result<()> {
    let said = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let index = page.join("index.html");
    let text =
        fs::read_to_string(&index).map_err(|e| format!("{e}\nRun cargo xtask build first.", e = said(&index, e)))?;
    copy_folder(page, copy).map_err(|e| said(page, e))?;
    let script = format!("<script type=\"module\" src=\"{NAME}\"></script></body>");
    if text.matches("</body>").count() != 1 {
        return Err(format!("{} has no end of its body to put a script before.", index.display()));
    }
    fs::write(copy.join("index.html"), text.replace("</body>", &script)).map_err(|e| said(copy, e))?;
    fs::write(copy.join(NAME), SCRIPT).map_err(|e| said(copy, e))
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&copy)?;
            copy_folder(&entry.path(), &copy)?;
        } else {
            fs::copy(entry.path(), copy)?;
        }
    }
    Ok(())
}

/// A browser that goes with its load.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A temporary folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(purpose: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("lorascope-{purpose}-{}", std::process::id()));
        // One that was left behind by a process of this number.
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The browser's last processes may still be writing: the next folder of this name is empty all the same.
        drop(fs::remove_dir_all(&self.0));
    }
}
