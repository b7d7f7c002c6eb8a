//! The same weight twice in one file, under the names of two tools: as one fused matrix and as its parts, or under two
//! spellings of one name. A tool applies the one that it knows, so that only one of them counts in what is said of the
//! whole adapter.

use std::collections::HashMap;

use super::naming::folded;
use super::{Copied, Module};
use crate::container::quoted;

/// A matrix that holds the rows of others, and theirs in the same order: endings of [`folded`] names, which begin with
/// what stands between a name's parts.
const FUSED: &[(&[&str], &[&[&str]])] = &[
    (
        // The longer before those that they end in.
        &["_to_qkv", "_qkv", "_qkv_proj", "_in_proj", "_c_attn", "_query_key_value"],
        &[
            &["_to_q", "_to_k", "_to_v"],
            &["_q_proj", "_k_proj", "_v_proj"],
            &["_query", "_key", "_value"],
            &["_wq", "_wk", "_wv"],
            &["_q", "_k", "_v"],
        ],
    ),
    (&["_gate_up_proj", "_w13"], &[&["_gate_proj", "_up_proj"], &["_w1", "_w3"]]),
];

/// Two spellings of an attention's output; of the first, the second is the one that counts.
const SPELLED: &[(&str, &str)] = &[("_out", "_to_out_0"), ("_out", "_out_proj"), ("_to_out", "_to_out_0")];

/// A module that counts: its number, and the ending of its folded name; none where it is all that they share.
type Original = (usize, &'static str);

/// Modules by [`folded`] name.
struct Known<'a> {
    modules: &'a [Module],
    by_name: HashMap<&'a str, usize>,
}

impl Known<'_> {
    fn at(&self, stem: &str, ending: &str) -> Option<usize> {
        self.by_name.get(format!("{stem}{ending}").as_str()).copied()
    }

    fn words(&self, of: &[Original]) -> String {
        let words = of.iter().map(|&(at, ending)| written(&self.modules[at].name, ending));
        words.collect::<Vec<_>>().join(", ")
    }

    /// The modules that `fused` holds once more, how their names end, and whether they are all of it.
    fn parts(&self, fused: &Module, name: &str) -> Option<(Vec<Original>, bool)> {
        let of = |endings: &[&str], all: &[&[&'static str]]| {
            let stem = endings.iter().find_map(|ending| name.strip_suffix(ending))?;
            all.iter().find_map(|parts| {
                let found: Vec<Original> =
                    parts.iter().filter_map(|&part| Some((self.at(stem, part)?, part))).collect();
                let shapes = || found.iter().map(|&(at, _)| self.modules[at].shape);
                let rows = shapes().map(|[rows, _]| rows).fold(0, u64::saturating_add);
                let is_all = found.len() == parts.len();
                let fits = if is_all { rows == fused.shape[0] } else { rows < fused.shape[0] };
                let is_it = !found.is_empty() && fits && shapes().all(|[_, cols]| cols == fused.shape[1]);
                is_it.then_some((found, is_all))
            })
        };
        FUSED.iter().find_map(|(endings, all)| of(endings, all))
    }

    /// The module that is the same one under another name.
    fn spelled(&self, module: &Module, name: &str) -> Option<Vec<Original>> {
        SPELLED.iter().find_map(|&(ending, other)| {
            let at = self.at(name.strip_suffix(ending)?, other)?;
            is_alike(&self.modules[at], module).then(|| vec![(at, other)])
        })
    }
}

/// Sets [`Module::copy_of`] of what the file holds once more. The modules stay where they are from now on. Gives a
/// sentence about what it holds once more in part, which is no copy.
pub fn mark(modules: &mut [Module]) -> Option<String> {
    let names: Vec<String> = modules.iter().map(|module| folded(&module.name)).collect();
    let mut known = Known { modules, by_name: HashMap::with_capacity(names.len()) };
    let mut copies: Vec<(usize, Vec<Original>)> = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let first = *known.by_name.entry(name).or_insert(n);
        if first != n && is_alike(&known.modules[first], &known.modules[n]) {
            copies.push((n, vec![(first, "")]));
        }
    }
    let mut in_part = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let module = &known.modules[n];
        if module.expert.is_none() && known.by_name.get(name.as_str()) == Some(&n) {
            match known.parts(module, name) {
                Some((parts, true)) => copies.push((n, parts)),
                Some((parts, false)) => in_part.push((n, known.words(&parts))),
                None => copies.extend(known.spelled(module, name).map(|of| (n, of))),
            }
        }
    }
    let copies: Vec<(usize, Copied)> = copies
        .into_iter()
        .map(|(n, of)| (n, Copied { words: known.words(&of), of: of.into_iter().map(|(at, _)| at).collect() }))
        .collect();
    let sentence = in_part.first().map(|(n, words)| {
        format!(
            "{} modules stand in the file once fused and once more in part: first {}, of which {} are there too, and not \
             all. A tool applies one of the two; both are counted.",
            in_part.len(),
            quoted(&known.modules[*n].name),
            quoted(words),
        )
    });
    for (n, copied) in copies {
        modules[n].copy_of = Some(copied);
    }
    sentence
}

fn is_alike(a: &Module, b: &Module) -> bool {
    a.shape == b.shape
}

/// What stands in the place of an ending in a name, which folding leaves as long as it was; all of it for no ending.
fn written<'a>(name: &'a str, ending: &str) -> &'a str {
    let from = (name.len() + 1).saturating_sub(ending.len());
    if ending.is_empty() { name } else { name.get(from..).unwrap_or(name) }
}
