//! What the parts of a benchmark report: one JSON object a line, in the file that `LORASCOPE_BENCH_RECORDS` names.
//!
//! A line is a measurement, `{"key": "page/profile/16/drop", "samples": [1.2, 1.3]}`; the reason why there is none,
//! `{"key": …, "why_not": "not installed"}`; or a fact about the run, `{"fact": "browser", "text": "Chromium 140"}`.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::proc::Result;

/// Names the file that the parts append to.
pub const FILE: &str = "LORASCOPE_BENCH_RECORDS";
/// How many rounds a part is to take.
const ROUNDS: &str = "LORASCOPE_BENCH_ROUNDS";

/// Rounds of a benchmark: the figures are medians.
pub fn rounds() -> usize {
    let given = std::env::var(ROUNDS).ok().and_then(|text| text.parse().ok());
    given.filter(|&rounds| rounds > 0).unwrap_or(5)
}

/// Hands a number of rounds on to the parts.
pub(super) fn set_rounds(command: &mut std::process::Command, rounds: usize) {
    command.env(ROUNDS, rounds.to_string());
}

/// Reports the samples of one measurement: seconds, bytes, or whatever its key says.
pub fn report(key: &str, samples: &[f64]) {
    println!("{key}: {samples:?}");
    append(&measurement(key, samples));
}

pub(super) fn measurement(key: &str, samples: &[f64]) -> Value {
    json!({ "key": key, "samples": samples })
}

/// Reports why something was not measured.
pub fn not_measured(key: &str, why: &str) {
    println!("{key}: not measured: {why}");
    append(&json!({ "key": key, "why_not": why }));
}

/// Reports a fact about the run.
pub fn fact(name: &str, text: &str) {
    println!("{name}: {text}");
    append(&fact_record(name, text));
}

pub(super) fn fact_record(name: &str, text: &str) -> Value {
    json!({ "fact": name, "text": text })
}

/// Without a file to report to, what was printed is all.
fn append(record: &Value) {
    let Some(path) = std::env::var_os(FILE) else { return };
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| writeln!(file, "{record}"));
    written.unwrap_or_else(|e| panic!("{}: {e}", Path::new(&path).display()));
}

/// The records of one part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    samples: BTreeMap<String, Vec<f64>>,
    why_not: BTreeMap<String, String>,
    facts: BTreeMap<String, String>,
}

/// A figure of the table, or why there is none.
pub type Figure = std::result::Result<f64, String>;

impl Records {
    /// Reads a part's file; a part that was never run has no records.
    ///
    /// # Errors
    /// A file that cannot be read, or a line that is no record.
    pub fn load(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Self::parse(&text).map_err(|e| format!("{}: {e}", path.display()))
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut records = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            records.take(line).ok_or(format!("line {number} is no record: {line}"))?;
        }
        Ok(records)
    }

    /// A later record of a key takes the place of an earlier one.
    fn take(&mut self, line: &str) -> Option<()> {
        let record: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
        if let Some(fact) = text("fact") {
            self.facts.insert(fact, text("text")?);
        } else if let Some(why) = text("why_not") {
            self.why_not.insert(text("key")?, why);
        } else {
            let samples = record.get("samples")?.as_array()?;
            self.samples.insert(text("key")?, samples.iter().map(Value::as_f64).collect::<Option<_>>()?);
        }
        Some(())
    }

    #[cfg(test)]
    pub(super) fn insert(&mut self, key: String, samples: Vec<f64>) {
        self.samples.insert(key, samples);
    }

    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.why_not.is_empty()
    }

    /// The median of a measurement.
    ///
    /// # Errors
    /// Why there is none.
    pub fn median(&self, key: &str) -> Figure {
        match self.samples.get(key).and_then(|samples| median(samples)) {
            Some(median) => Ok(median),
            None => Err(self.why_not.get(key).cloned().unwrap_or_default()),
        }
    }

    /// How many samples a measurement has.
    pub fn count(&self, key: &str) -> usize {
        self.samples.get(key).map_or(0, Vec::len)
    }

    /// How many rounds there were, in words.
    pub fn rounds(&self) -> String {
        match self.fact("rounds") {
            Some("1") => "1 round".to_owned(),
            given => format!("{} rounds", given.unwrap_or("some")),
        }
    }

    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.get(name).map(String::as_str)
    }
}

/// Of an even count, the mean of the two in the middle.
fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { upper } else { (sorted[middle - 1] + upper) / 2.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_reported() {
        let lines = [
            json!({ "key": "a/b", "samples": [3.0, 1.0, 2.0] }),
            json!({ "key": "c", "why_not": "it is \"absent\"" }),
            json!({ "fact": "browser", "text": "Chromium | 1" }),
            json!({ "key": "d", "samples": [9.0] }),
            json!({ "key": "d", "samples": [1.0, 4.0] }),
        ];
        let text: Vec<String> = lines.iter().map(Value::to_string).collect();
        let records = Records::parse(&text.join("\n")).unwrap();
        assert_eq!(records.median("a/b"), Ok(2.0));
        assert_eq!(records.count("a/b"), 3);
        assert_eq!(records.median("c"), Err("it is \"absent\"".to_owned()));
        assert_eq!(records.fact("browser"), Some("Chromium | 1"));
        assert_eq!(records.median("d"), Ok(2.5), "the later record of a key counts");
        assert_eq!(records.median("never reported"), Err(String::new()));
        assert_eq!(records.count("never reported"), 0);
        assert!(!records.is_empty() && Records::default().is_empty());
    }

    #[test]
    fn what_is_no_record_is_an_error_that_names_the_line() {
        for bad in ["x", "{}", "[]", r#"{"key":"a"}"#, r#"{"key":"a","samples":[1,"b"]}"#, r#"{"fact":"a"}"#, ""] {
            let text = format!("{{\"fact\":\"a\",\"text\":\"b\"}}\n{bad}\n");
            let said = Records::parse(&text).unwrap_err();
            assert!(said.starts_with("line 2 is no record"), "{bad}: {said}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_has_no_records() {
        assert_eq!(Records::load(Path::new("/nowhere/at/all.jsonl")), Ok(Records::default()));
    }

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[5.0, 1.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0, 100.0]), Some(5.5));
    }
}
