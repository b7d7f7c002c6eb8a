//! The page beside AdapterSentry, in alternating pairs on the same files.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use xtask::bench::records;

use super::{Samples, profiled, report_facts, weights, write_adapters};
use crate::browser::TempDir;

#[test]
#[ignore = "a benchmark: cargo xtask bench"]
fn profiles_beside_adaptersentry() {
    let home = TempDir::new("bench");
    let adapters = write_adapters(&home, &[16, 64]);
    let sentry = Sentry::find();
    if let Some(sentry) = &sentry {
        records::fact("adaptersentry", &sentry.version);
        // Its first run compiles its modules.
        drop(sentry.scan(&adapters[0].1));
    }
    let (mut samples, mut failure) = (Samples::default(), None);
    for round in 0..records::rounds() {
        for (key, folder) in &adapters {
            let (browser, times) = profiled(folder);
            samples.push(format!("peers/{key}/page"), times.since_navigation());
            if round == 0 && key == "16" {
                report_facts(&browser);
            }
            drop(browser);
            match sentry.as_ref().map(|sentry| sentry.scan(folder)) {
                Some(Ok(seconds)) => samples.push(format!("peers/{key}/adaptersentry"), seconds),
                Some(Err(why)) => failure = Some(why),
                None => failure = Some("not installed".to_owned()),
            }
        }
    }
    samples.report();
    for (key, _) in &adapters {
        if let Some(why) = &failure {
            records::not_measured(&format!("peers/{key}/adaptersentry"), why);
        }
    }
}

struct Sentry {
    program: PathBuf,
    version: String,
}

impl Sentry {
    /// The one that `LORASCOPE_ADAPTERSENTRY` names, else the one on PATH.
    fn find() -> Option<Self> {
        let given = std::env::var_os("LORASCOPE_ADAPTERSENTRY").filter(|path| !path.is_empty()).map(PathBuf::from);
        let program = given.or_else(|| xtask::proc::on_path(&["adaptersentry"]))?;
        let version = xtask::proc::output(Command::new(&program).arg("--version"))?;
        Some(Self { program, version: version.trim().replace("adaptersentry", "AdapterSentry") })
    }

    /// Seconds of its whole process, or why it did not scan.
    fn scan(&self, adapter: &Path) -> Result<f64, String> {
        let mut command = Command::new(&self.program);
        command.arg("scan").arg(weights(adapter)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let status = command.status().map_err(|e| e.to_string())?;
        let seconds = start.elapsed().as_secs_f64();
        if status.success() { Ok(seconds) } else { Err(format!("it ended with {status}")) }
    }
}
