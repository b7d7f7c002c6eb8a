//! `cargo xtask bench`: runs the parts one after the other, each with the machine to itself, and writes one document
//! of what they reported.
//!
//! A part is a program of the workspace that appends [`records`] to a file of its own, `target/bench/<part>.jsonl`.
//! What a part reported stays there, so that the document can be written again after another part has run. Kernels
//! that were measured on another machine, with a GPU perhaps, are a section more: their file is to lie beside the
//! others as `kernels-<any name>.jsonl`.

use std::path::PathBuf;

use crate::browser::Browser;
use crate::proc::{self, Result};
use crate::{build, steps};

mod criterion;
mod docs;
mod kernels;
pub mod machine;
mod markdown;
mod page;
mod peers;
mod projection;

pub mod records;

use records::{FILE, Records};

/// The parts, in the document's order.
const PARTS: [&str; 4] = ["page", "peers", "projection", "kernels"];

/// What a person asks of `cargo xtask bench`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The parts to run; all if it is empty.
    pub only: Vec<String>,
    /// The page is measured as it lies in `dist/`.
    pub keep_page: bool,
    /// docs/benchmarks.md gets the document.
    pub write_docs: bool,
    pub rounds: Option<usize>,
}

/// Runs the parts and writes `target/bench/bench.md`.
pub fn run(wish: &Wish) -> Result<()> {
    if let Some(unknown) = wish.only.iter().find(|name| !PARTS.contains(&name.as_str())) {
        return Err(format!("There is no part `{unknown}`. The parts: {}", PARTS.join(", ")));
    }
    let wanted: Vec<&str> =
        PARTS.into_iter().filter(|part| wish.only.is_empty() || wish.only.iter().any(|only| only == part)).collect();
    let in_a_browser = |part: &&str| ["page", "peers"].contains(part);
    let browser = if wanted.iter().any(in_a_browser) { Some(Browser::ensure()?) } else { None };
    if browser.is_some() && !wish.keep_page {
        build::page(build::Kind::Release)?;
    }
    std::fs::create_dir_all(folder()).map_err(|e| format!("{}: {e}", folder().display()))?;
    for part in wanted {
        println!("\n── {part}");
        measure(part, browser.as_ref(), wish.rounds)?;
    }
    let document = document()?;
    let path = folder().join("bench.md");
    std::fs::write(&path, &document).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("\n{document}\nWritten to {}", path.display());
    if wish.write_docs { docs::write(&document) } else { Ok(()) }
}

fn folder() -> PathBuf {
    proc::target_dir().join("bench")
}

fn file(part: &str) -> PathBuf {
    folder().join(format!("{part}.jsonl"))
}

/// Runs one part. Its records take the place of the last ones only once it has ended well.
fn measure(part: &str, browser: Option<&Browser>, rounds: Option<usize>) -> Result<()> {
    let fresh = folder().join(format!("{part}.new"));
    let said = |e: std::io::Error| format!("{}: {e}", fresh.display());
    let facts = [("date", machine::today()), ("machine", machine::name())];
    let facts = facts.map(|(name, text)| format!("{}\n", records::fact_record(name, &text)));
    std::fs::write(&fresh, facts.concat()).map_err(said)?;
    let mut command = match (part, browser) {
        ("page", Some(browser)) => {
            let mut tests = steps::page_tests(browser);
            tests.args(["--test-threads=1", "--nocapture", "--ignored", "bench::", "--skip", "bench::peers::"]);
            tests
        }
        ("peers", Some(browser)) => {
            let mut tests = steps::page_tests(browser);
            tests.args(["--test-threads=1", "--nocapture", "--ignored", "bench::peers::"]);
            tests
        }
        (name, _) => {
            let mut cargo = proc::cargo();
            cargo.args(["bench", "--package", "lorascope-kernels", "--bench", name]);
            cargo
        }
    };
    command.env(FILE, &fresh);
    if let Some(rounds) = rounds {
        records::set_rounds(&mut command, rounds);
    }
    // Criterion leaves its figures in a folder of its own.
    let home = folder().join("criterion");
    if part == "kernels" && home.exists() {
        std::fs::remove_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
    }
    proc::run(command.env("CRITERION_HOME", &home))?;
    if part == "kernels" {
        let mut text = std::fs::read_to_string(&fresh).map_err(said)?;
        for (name, samples) in criterion::collect(&home)? {
            text += &format!("{}\n", records::measurement(&format!("kernels/{name}"), &samples));
        }
        std::fs::write(&fresh, text).map_err(said)?;
    }
    std::fs::rename(&fresh, file(part)).map_err(said)
}

/// What the parts reported.
#[derive(Clone, Debug, Default)]
struct Reports {
    page: Records,
    peers: Records,
    projection: Records,
    /// Of this machine, then of others.
    kernels: Vec<Records>,
}

fn document() -> Result<String> {
    let load = |part| Records::load(&file(part));
    let mut kernels = vec![load("kernels")?];
    let entries = std::fs::read_dir(folder()).map_err(|e| format!("{}: {e}", folder().display()))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut brought: Vec<String> =
        names.filter(|name| name.starts_with("kernels-") && name.ends_with(".jsonl")).collect();
    brought.sort();
    for name in brought {
        kernels.push(Records::load(&folder().join(name))?);
    }
    Ok(written(&Reports { page: load("page")?, peers: load("peers")?, projection: load("projection")?, kernels }))
}

/// The document: a heading for every part, its machine and day, and its table.
fn written(reports: &Reports) -> String {
    let mut sections = vec![
        ("The page", &reports.page, page::section(&reports.page)),
        ("Beside AdapterSentry", &reports.peers, peers::section(&reports.peers)),
        ("Beside the full SVD", &reports.projection, projection::section(&reports.projection, &reports.page)),
    ];
    sections.extend(reports.kernels.iter().map(|records| ("Kernels", records, kernels::section(records))));
    let sections = sections.into_iter().map(|(head, records, body)| {
        let body = if records.is_empty() { "Not measured.".to_owned() } else { body };
        format!("**{head}.** {}{body}\n", origin(records))
    });
    sections.collect::<Vec<_>>().join("\n")
}

/// "AMD EPYC, 2 cores …, 2026-01-31. " of a part that was run.
fn origin(records: &Records) -> String {
    match (records.fact("machine"), records.fact("date")) {
        (Some(machine), Some(date)) if !records.is_empty() => format!("{machine}; {date}. "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_was_not_run_says_so() {
        let document = written(&Reports { kernels: vec![Records::default()], ..Reports::default() });
        assert_eq!(document.matches("Not measured.").count(), PARTS.len(), "{document}");
    }

    #[test]
    fn a_part_that_was_run_names_its_machine_and_day() {
        let facts = r#"{"fact":"machine","text":"ENIAC, 1 cores"}
            {"fact":"date","text":"1946-02-15"}"#;
        let measured = format!("{facts}\n{}", r#"{"key":"page/profile/16/drop","samples":[1.0]}"#);
        let reports = Reports {
            page: Records::parse(&measured).unwrap(),
            peers: Records::parse(facts).unwrap(),
            ..Reports::default()
        };
        let document = written(&reports);
        assert!(document.contains("**The page.** ENIAC, 1 cores; 1946-02-15. "), "{document}");
        assert!(document.contains("**Beside AdapterSentry.** Not measured."), "{document}");
    }

    #[test]
    fn an_unknown_part_is_refused_before_anything_runs() {
        let wish = Wish { only: vec!["kernel".to_owned()], ..Wish::default() };
        assert!(run(&wish).unwrap_err().contains("page, peers, projection, kernels"));
    }
}
