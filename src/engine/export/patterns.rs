//! `rank_pattern` and `alpha_pattern`: one value for every module, said in few words.

use std::collections::HashMap;
use std::hash::Hash;

use serde_json::{Map, Value};

use super::layers;

/// The value that most names have, the first of those on a tie, and a pattern for every name with another value.
///
/// PEFT asks of every pattern P, in file order, whether `(.*\.)?(P)$` matches a module's path from its start, and the
/// first that does wins. Here no pattern matches a module that has another value, so the order does not matter:
/// a last segment P matches exactly the modules that end with it, and stands only where all of them share the value;
/// otherwise `^` anchors whole paths, the layers with one value joined in one pattern.
pub fn table<T: Copy + Eq + Hash>(
    values: &[(&str, T)],
    to_json: impl Fn(T) -> Value,
) -> Option<(T, Map<String, Value>)> {
    let usual = most_common(values.iter().map(|(_, value)| *value))?;
    let mut shared: HashMap<&str, Option<T>> = HashMap::new();
    for &(name, value) in values {
        let held = shared.entry(leaf(name)).or_insert(Some(value));
        *held = held.filter(|&h| h == value);
    }
    let mut paths: Vec<Paths<'_, T>> = Vec::new();
    let mut known = HashMap::new();
    let mut leaves = Map::new();
    for &(name, value) in values.iter().filter(|(_, value)| *value != usual) {
        if shared.get(leaf(name)).is_some_and(Option::is_some) {
            leaves.insert(regex_lite::escape(leaf(name)), to_json(value));
            continue;
        }
        let (before, layer, after) = layers::split(name);
        let at = *known.entry((before, after, value)).or_insert_with(|| {
            paths.push(Paths { before, after, layers: Vec::new(), value });
            paths.len() - 1
        });
        paths[at].layers.push(layer);
    }
    let mut patterns: Map<String, Value> = paths.iter().map(|p| (p.pattern(), to_json(p.value))).collect();
    patterns.extend(leaves);
    Some((usual, patterns))
}

/// Paths that differ in their layer only and share a value.
struct Paths<'a, T> {
    before: &'a str,
    after: &'a str,
    /// Empty texts for a path without a layer.
    layers: Vec<&'a str>,
    value: T,
}

impl<T> Paths<'_, T> {
    fn pattern(&self) -> String {
        let (before, after) = (regex_lite::escape(self.before), regex_lite::escape(self.after));
        match self.layers.as_slice() {
            [layer] => format!("^{before}{layer}{after}"),
            layers => format!("^{before}(?:{}){after}", layers.join("|")),
        }
    }
}

/// The last segment of a path.
pub fn leaf(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn most_common<T: Copy + Eq + Hash>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: HashMap<T, usize> = HashMap::new();
    let mut order = Vec::new();
    for value in values {
        let count = counts.entry(value).or_insert(0);
        if *count == 0 {
            order.push(value);
        }
        *count += 1;
    }
    // The first of the largest: `max_by_key` takes the last.
    order.into_iter().rev().max_by_key(|value| counts[value])
}
