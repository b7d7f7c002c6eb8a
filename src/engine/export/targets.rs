//! `target_modules`: the modules of an adapter, said so that PEFT finds these and no others.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::patterns::leaf;

/// The targets that name the modules at `paths` in a model with weights at `all`.
///
/// PEFT asks of every module of the model whether its path is a target or ends with `.` and a target. A last segment
/// stands for its modules where all that have it are among `paths`, which can be told only if `all` is `complete`;
/// otherwise whole paths do. Where another path ends with one of those, a regular expression names them all.
pub fn targets(paths: &[&str], all: &[&str], complete: bool) -> Value {
    let chosen: HashSet<&str> = paths.iter().copied().collect();
    let held: HashSet<&str> = all.iter().chain(paths).flat_map(|path| lineage(path)).collect();
    let mut spared: HashSet<&str> = HashSet::new();
    let mut shorter: HashSet<&str> = HashSet::new();
    for &path in held.iter().filter(|path| !chosen.contains(*path)) {
        spared.insert(leaf(path));
        // What a target would find too.
        shorter.extend(path.match_indices('.').map(|(dot, _)| &path[dot + 1..]));
    }
    let mut names: Vec<&str> = Vec::new();
    let mut named = HashSet::new();
    for &path in paths {
        let name = if complete && !spared.contains(leaf(path)) { leaf(path) } else { path };
        if named.insert(name) {
            names.push(name);
        }
    }
    if names.iter().any(|name| shorter.contains(name)) {
        let escaped: Vec<String> = paths.iter().map(|path| regex_lite::escape(path)).collect();
        return json!(escaped.join("|"));
    }
    json!(names)
}

/// A module and those that contain it.
fn lineage(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.').map(|(dot, _)| &path[..dot]).chain([path])
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &[&str] = &[
        "model.embed_tokens",
        "model.layers.0.q",
        "model.layers.0.k",
        "model.layers.0.mlp.0",
        "model.layers.1.q",
        "model.layers.1.k",
        "model.layers.1.mlp.0",
        "lm_head",
    ];

    /// The modules of a model that PEFT would adapt.
    fn found<'a>(targets: &Value, all: &[&'a str]) -> Vec<&'a str> {
        let mut modules: Vec<&str> = all.iter().flat_map(|path| lineage(path)).collect();
        modules.sort_unstable();
        modules.dedup();
        let is_target = |path: &&str| match targets {
            Value::String(pattern) => regex_lite::Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(path),
            Value::Array(names) => names
                .iter()
                .map(|name| name.as_str().unwrap())
                .any(|name| *path == name || path.ends_with(&format!(".{name}"))),
            other => panic!("{other}"),
        };
        modules.into_iter().filter(is_target).collect()
    }

    #[test]
    fn exactly_the_modules_are_found() {
        for (chosen, complete, wanted) in [
            (&["model.layers.0.q", "model.layers.1.q", "lm_head"][..], true, json!(["q", "lm_head"])),
            (&["model.layers.0.q", "model.layers.1.q"], false, json!(["model.layers.0.q", "model.layers.1.q"])),
            (&["model.layers.1.q", "model.layers.0.k", "model.layers.1.k"], true, json!(["model.layers.1.q", "k"])),
            // A layer is a `0` too.
            (
                &["model.layers.0.mlp.0", "model.layers.1.mlp.0"],
                true,
                json!(["model.layers.0.mlp.0", "model.layers.1.mlp.0"]),
            ),
            (&["model.embed_tokens"], true, json!(["embed_tokens"])),
        ] {
            let said = targets(chosen, MODEL, complete);
            assert_eq!(said, wanted);
            let mut sorted = chosen.to_vec();
            sorted.sort_unstable();
            assert_eq!(found(&said, MODEL), sorted);
        }
    }

    #[test]
    fn a_path_that_another_one_ends_with_is_anchored() {
        let all = ["layers.0.q", "layers.0.k", "draft.layers.0.q"];
        for complete in [true, false] {
            let said = targets(&["layers.0.q", "layers.0.k"], &all, complete);
            assert!(said.is_string(), "{said}");
            assert_eq!(found(&said, &all), ["layers.0.k", "layers.0.q"]);
        }
    }
}
