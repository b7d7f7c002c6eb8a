//! Links of every version that was ever written, kept as they were made: each still shows what it showed.

use std::fs;

use lorascope_protocol::link;
use lorascope_protocol::report::AdapterReport;
use serde_json::Value;

use crate::links::made::{share, with_own_scheme};

/// Numbers by their rounding on another machine, all else exactly.
fn assert_like(shown: &Value, kept: &Value, path: &str) {
    match (shown, kept) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-12 * b.abs(), "{path}: {a}, kept is {b}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{path}");
            a.iter().zip(b).enumerate().for_each(|(n, (a, b))| assert_like(a, b, &format!("{path}[{n}]")));
        }
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{path}");
            a.iter().for_each(|(key, a)| assert_like(a, &b[key], &format!("{path}.{key}")));
        }
        (a, b) => assert_eq!(a, b, "{path}"),
    }
}

#[test]
fn links_of_every_version_show_what_they_showed() {
    let folder = &xtask::proc::root().join("tests/links").display().to_string();
    if std::env::var_os("LORASCOPE_KEEP_LINKS").is_some() {
        keep(folder);
    }
    let versions: [(u8, &[&str]); 2] = [(1, &["peft-lora", "kohya-locon-measures"]), (2, &["own-scheme"])];
    assert_eq!(versions.map(|(version, _)| version), [1, link::VERSION], "every version keeps a link of it");
    for (version, names) in versions {
        for name in names {
            let stem = format!("{folder}/v{version}-{name}");
            let text = fs::read_to_string(format!("{stem}.txt")).unwrap_or_else(|e| panic!("{stem}.txt: {e}"));
            let kept = fs::read_to_string(format!("{stem}.json")).unwrap_or_else(|e| panic!("{stem}.json: {e}"));
            let kept: AdapterReport = serde_json::from_str(&kept).expect("a report");
            let shown = link::read(text.trim()).unwrap_or_else(|e| panic!("{stem}: {e}"));
            let json = |report: &AdapterReport| serde_json::to_value(report).expect("JSON");
            assert_like(&json(&shown), &json(&kept), &stem);
        }
    }
}

/// Writes the newest version's; never over those that are there.
fn keep(folder: &str) {
    let links = [("own-scheme", share(&with_own_scheme()).text)];
    for (name, text) in links {
        let stem = format!("{folder}/v{}-{name}", link::VERSION);
        assert!(!fs::exists(format!("{stem}.txt")).expect("a folder"), "{stem}.txt is there and stays");
        let json = serde_json::to_string(&link::read(&text).expect("it opens")).expect("JSON");
        fs::write(format!("{stem}.txt"), text + "\n").expect("room on the disk");
        fs::write(format!("{stem}.json"), json + "\n").expect("room on the disk");
    }
}
