//! What the reference aligner answers of seven adapters and four updates of one model, and the check of a report
//! against it. Used natively and by the page's tests.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};

/// Absolute, on every cosine.
const TOLERANCE: f64 = 1e-6;

/// The folders below the fixtures that the answers are about.
pub const ADAPTERS: [&str; 4] = ["peft-lora", "peft-rslora-attn", "peft-patterns", "peft-lora-trajectory"];
pub const CHECKPOINTS: &str = "llama-mini";

pub struct Golden {
    /// adapter → module → update → cosine.
    modules: Map<String, Value>,
    /// adapter → update → cosine.
    whole: Map<String, Value>,
}

impl Golden {
    pub fn read(fixtures: &Path) -> Self {
        let read = |name: &str| {
            let path = fixtures.join("golden").join(name);
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            match serde_json::from_str(&text) {
                Ok(Value::Object(object)) => object,
                other => panic!("{name}: {other:?}"),
            }
        };
        Self { modules: read("alignment.json"), whole: read("alignment_whole.json") }
    }

    /// Compares every answer with the `alignment` part of a report, along checkpoints; gives the largest difference.
    pub fn check(&self, alignment: &Value) -> f64 {
        let rows = alignment.as_array().expect("an array");
        let rows: Vec<&Value> = rows.iter().filter(|row| row["along"] == "checkpoints").collect();
        let mut seen = BTreeSet::new();
        let mut worst: f64 = 0.0;
        for (adapter, updates) in &self.whole {
            let label = adapter.rsplit('/').next().unwrap_or(adapter);
            let updates = updates.as_object().expect("an object");
            for (update, cosine) in updates {
                let (from, to) = update.split_once("..").expect("from..to");
                let here = |row: &&&Value| row["adapter"] == label && row["from"] == from && row["to"] == to;
                let found: Vec<&&Value> = rows.iter().filter(here).collect();
                let [row] = found[..] else { panic!("{adapter} {update}: {} rows", found.len()) };
                worst = worst.max(near(&row["cosine"], cosine, &format!("{adapter} {update}")));
                let modules = self.modules[adapter].as_object().expect("an object");
                let reported = row["modules"].as_array().expect("an array");
                assert_eq!(reported.len(), modules.len(), "{adapter} {update}");
                assert_eq!(
                    (&row["matched"], &row["unmatched"]),
                    (&Value::from(modules.len()), &Value::from([""; 0].to_vec()))
                );
                for (name, cosines) in modules {
                    let module = reported.iter().find(|m| m["name"] == name.as_str());
                    let module = module.unwrap_or_else(|| panic!("{adapter} {update}: no {name}"));
                    let what = format!("{adapter} {update} {name}");
                    worst = worst.max(near(&module["cosine"], &cosines[update], &what));
                    worst = worst.max(near(&module["reference_cosine"], &cosines[update], &what));
                    seen.insert((adapter, name, update));
                }
            }
            assert_eq!(rows.iter().filter(|row| row["adapter"] == label).count(), updates.len(), "{adapter}");
        }
        let answers: usize = self
            .modules
            .values()
            .flat_map(|m| m.as_object().expect("an object").values())
            .map(|u| u.as_object().expect("an object").len())
            .sum();
        assert_eq!(seen.len(), answers);
        assert!(answers > 1000);
        worst
    }
}

fn near(reported: &Value, golden: &Value, what: &str) -> f64 {
    let (a, b) = (reported.as_f64().unwrap_or(f64::NAN), golden.as_f64().expect("a number"));
    assert!((a - b).abs() <= TOLERANCE, "{what}: {a}, the reference says {b}");
    (a - b).abs()
}
