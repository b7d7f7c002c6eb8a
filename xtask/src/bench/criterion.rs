//! What criterion leaves in its folder: of every benchmark, `…/new/benchmark.json` (its name) and `…/new/sample.json`
//! (iterations and nanoseconds of each sample).

use std::path::Path;

use serde_json::Value;

use crate::proc::Result;

/// A benchmark's name, and the seconds of one iteration, sample by sample.
pub type Benchmark = (String, Vec<f64>);

/// Every benchmark below `folder`.
pub fn collect(folder: &Path) -> Result<Vec<Benchmark>> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(found) };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let (name, sample) = (path.join("benchmark.json"), path.join("sample.json"));
        if path.ends_with("new") && name.is_file() && sample.is_file() {
            let read = |path: &Path| -> Result<Value> {
                let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
                serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
            };
            let parsed = benchmark(&read(&name)?, &read(&sample)?);
            found.push(parsed.ok_or_else(|| format!("{} holds no benchmark of criterion's.", path.display()))?);
        } else {
            found.extend(collect(&path)?);
        }
    }
    Ok(found)
}

fn benchmark(name: &Value, sample: &Value) -> Option<Benchmark> {
    let numbers = |key: &str| sample.get(key)?.as_array()?.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>();
    let (iterations, nanoseconds) = (numbers("iters")?, numbers("times")?);
    let seconds = nanoseconds.iter().zip(&iterations).map(|(time, count)| time / count / 1e9).collect();
    Some((name.get("full_id")?.as_str()?.to_owned(), seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn samples_are_seconds_of_one_iteration() {
        let name = json!({ "full_id": "gram/16/cpu", "title": "x" });
        let sample = json!({ "sampling_mode": "Flat", "iters": [2.0, 4.0], "times": [2e9, 2e9] });
        assert_eq!(benchmark(&name, &sample), Some(("gram/16/cpu".to_owned(), vec![1.0, 0.5])));
        assert_eq!(benchmark(&json!({}), &sample), None);
        assert_eq!(benchmark(&name, &json!({ "iters": [1], "times": ["x"] })), None);
    }

    #[test]
    fn a_folder_is_searched_for_the_newest_run_of_each() {
        let folder = std::env::temp_dir().join(format!("lorascope-criterion-{}", std::process::id()));
        for (run, time) in [("new", 5e9), ("base", 7e9)] {
            let place = folder.join("gram/16_cpu").join(run);
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("benchmark.json"), json!({ "full_id": "gram/16/cpu" }).to_string()).unwrap();
            std::fs::write(place.join("sample.json"), json!({ "iters": [1], "times": [time] }).to_string()).unwrap();
        }
        let found = collect(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, Ok(vec![("gram/16/cpu".to_owned(), vec![5.0])]));
        assert_eq!(collect(&folder), Ok(vec![]), "a folder that is not there");
    }
}
