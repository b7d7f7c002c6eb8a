//! What reports say, held fast: a digest of each of the CPU engine's, and the GPU engine's whole. A change that is to
//! change nothing leaves them as they are; one that changes a report on purpose writes them anew
//! (`LORASCOPE_WRITE_DIGESTS=1 cargo test --workspace --test engine digests::`), and its diff says which.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{self, fixtures, hostile, hostile_manifest};
use crate::dropped::{Dropped, drops_on};
use crate::gpu::scenes::{ALL, same_value};
use lorascope_format::bytes::MemorySource;
use lorascope_protocol::{BackendChoice, Problem};
use serde_json::{Value, json};

/// Folders of `tests/fixtures` that are not dropped as they are.
const NOT_DROPPED: [&str; 4] = ["expected", "golden", "hostile", "reports"];

#[test]
fn the_cpus_reports_have_their_digests() {
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut add = |name: String, value: &Value| texts.push((name, format!("{:#}", rounded(value))));
    for (name, files) in dropped_folders() {
        add(name, &said(&drops_on(BackendChoice::Cpu, vec![files])));
    }
    for (name, _, _) in hostile_manifest() {
        let files = vec![hostile(&name), common::fixture("hostile/adapter_config.json")];
        add(format!("hostile/{name}"), &said(&drops_on(BackendChoice::Cpu, vec![files])));
    }
    for scene in ALL {
        add(format!("{scene:?}"), &without_engine(&scene.on_cpu()));
    }
    let line =
        |(name, text): &(String, String)| format!("{:08x} {:>8} {name}", crc32fast::hash(text.as_bytes()), text.len());
    let lines: Vec<String> = texts.iter().map(line).collect();
    let path = folder().join("cpu.txt");
    if is_writing() {
        return write(&path, &(lines.join("\n") + "\n"));
    }
    let committed = read(&path);
    let committed: Vec<&str> = committed.lines().collect();
    assert_eq!(committed.len(), lines.len(), "other files are dropped than those that {} has", path.display());
    let mut changed = String::new();
    for ((line, committed), (name, text)) in lines.iter().zip(committed).zip(&texts) {
        if line != committed {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.replace('/', "-") + ".report.json");
            write(&kept, text);
            writeln!(changed, "{line}, not {committed}: {}", kept.display()).expect("a String takes all");
        }
    }
    assert!(changed.is_empty(), "These reports have changed; what they say now:\n{changed}");
}

/// On the device that gave them they have the same numbers within 1e-9, on others within what is promised.
#[test]
fn the_gpus_reports_are_as_they_were() {
    let device = folder().join("gpu/device.txt");
    let mut given = Vec::new();
    for (name, files) in dropped_folders() {
        given.push((name, drops_on(BackendChoice::WebGpu, vec![files]).report));
    }
    for scene in ALL {
        given.push((format!("{scene:?}"), scene.on_gpu(|_| {}).report));
    }
    let adapter =
        |engine: &lorascope_protocol::report::EngineReport| engine.adapter_name.clone().expect("a GPU has a name");
    let name = adapter(&given[0].1.engine);
    if is_writing() {
        write(&device, &(name + "\n"));
    } else {
        let is_same = read(&device).trim() == name;
        let within = if is_same { 1e-9 } else { 1e-6 };
        println!("{name}: {}", if is_same { "the device that gave the reports" } else { "another device" });
        for (name, report) in &given {
            let committed: Value = serde_json::from_str(&read(&file_of(name))).expect("JSON");
            same_value(&without_engine(report), &committed, 1.0, within, name);
        }
        return;
    }
    for (name, report) in &given {
        write(&file_of(name), &without_engine(report).to_string());
    }
}

/// Every folder of adapters and checkpoints as one drop, and an adapter beside the run that it comes from.
fn dropped_folders() -> Vec<(String, Vec<MemorySource>)> {
    let mut names: Vec<String> = fs::read_dir(fixtures())
        .expect("the fixtures are there")
        .map(|entry| entry.expect("it can be listed").file_name().into_string().expect("plain names"))
        .filter(|name| !NOT_DROPPED.contains(&name.as_str()))
        .collect();
    names.sort();
    let mut dropped: Vec<(String, Vec<MemorySource>)> =
        names.into_iter().map(|name| (name.clone(), files_below(&name))).collect();
    let beside = [files_below("llama-mini"), files_below("peft-lora"), files_below("peft-dora")].concat();
    dropped.push(("llama-mini, peft-lora and peft-dora".to_owned(), beside));
    dropped
}

/// The files of a folder of fixtures under the paths that a drop of it gives them.
fn files_below(folder: &str) -> Vec<MemorySource> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(fixtures().join(folder)).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        let name = format!("{folder}/{}", entry.file_name().and_then(|n| n.to_str()).expect("plain names"));
        if entry.is_dir() { files.extend(files_below(&name)) } else { files.push(common::fixture(&name)) }
    }
    files
}

fn said(dropped: &Dropped) -> Value {
    let problem = |problem: &Problem| json!({ "error": problem.error, "text": problem.text });
    let problems: Vec<Value> = dropped.problems.iter().map(problem).collect();
    json!({ "outcome": dropped.outcome, "problems": problems, "report": without_engine(&dropped.report) })
}

/// A report without what the engine says of itself.
fn without_engine(report: &lorascope_protocol::report::Report) -> Value {
    let mut value = serde_json::to_value(report).expect("JSON");
    value.as_object_mut().expect("an object").remove("engine");
    value
}

/// To eight digits, and what is nothing beside numbers near 1 as 0: a processor that adds in another order gives the
/// same.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let x = number.as_f64().filter(|x| x.abs() > 1e-12).unwrap_or(0.0);
            format!("{x:.7e}").into()
        }
        Value::Array(all) => all.iter().map(rounded).collect(),
        Value::Object(all) => all.iter().map(|(key, value)| (key.clone(), rounded(value))).collect(),
        other => other.clone(),
    }
}

fn folder() -> PathBuf {
    xtask::proc::root().join("tests/digests")
}

fn file_of(name: &str) -> PathBuf {
    folder().join("gpu").join(name.to_owned() + ".json")
}

fn is_writing() -> bool {
    std::env::var_os("LORASCOPE_WRITE_DIGESTS").is_some()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("a file in a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}
