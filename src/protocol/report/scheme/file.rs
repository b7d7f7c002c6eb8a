//! A scheme as a JSON file: `{"lorascope_scheme": 1, "name": …, "domains": […], "rules": […], "tag_threshold": …}`.
//!
//! Whoever made the file may be a stranger, so that every part of it is checked before it is used.

use std::collections::HashSet;

use lorascope_format::container::quoted;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{BY_BLOCK, DEPTHS, Domain, KINDS, LEGAL_EXAM, Rule, Scheme};

/// What marks the file, and its version.
pub const KEY: &str = "lorascope_scheme";
const VERSION: u64 = 1;

/// Characters of a name, a label or a word.
pub const MOST_TEXT: usize = 80;
pub const MOST_DOMAINS: usize = 24;
const MOST_RULES: usize = 512;
/// The largest weight: sums of them over a model stay far from the end of double precision.
pub const MOST_WEIGHT: f64 = 1e6;

/// The file, one value a line.
pub fn write(scheme: &Scheme) -> String {
    let mut object = Map::new();
    object.insert(KEY.to_owned(), VERSION.into());
    object.extend(to_object(scheme));
    // Fails only for keys that are no texts, of which there is none.
    serde_json::to_string_pretty(&object).unwrap_or_default()
}

/// Whether a JSON object says of itself that it is a scheme.
pub fn is_one(object: &Map<String, Value>) -> bool {
    object.contains_key(KEY)
}

/// The scheme in a file.
///
/// # Errors
/// What is wrong with it and what to do, to stand behind the file's name.
pub fn read(mut object: Map<String, Value>) -> Result<Scheme, String> {
    let said =
        |what: String| format!("this scheme cannot be used: {what}. Mend it, or save it again where it came from.");
    match object.remove(KEY).and_then(|version| version.as_u64()) {
        Some(VERSION) => {}
        Some(newer @ VERSION..) => {
            return Err(format!(
                "this scheme was saved by a newer Lorascope (version {newer}, and this page reads {VERSION}). Reload the \
                 page to get the newest."
            ));
        }
        _ => return Err(said(format!("its `{KEY}` is not {VERSION}"))),
    }
    let scheme = from_object(object).map_err(said)?;
    check(&scheme).map_err(said)?;
    Ok(scheme)
}

/// The parts of a scheme that are there, in order.
fn to_object(scheme: &Scheme) -> Map<String, Value> {
    let domains = scheme.domains.iter().map(|Domain { key, label }| {
        let label = Some(label).filter(|label| !label.is_empty());
        object([("key", Some(key.as_str().into())), ("label", label.map(|label| label.as_str().into()))])
    });
    let rules = scheme.rules.iter().map(|rule| {
        let word = |word: &Option<String>| word.as_deref().map(Value::from);
        let weights: Map<_, _> = rule.weights.iter().map(|(key, weight)| (key.clone(), (*weight).into())).collect();
        object([
            ("depth", word(&rule.depth)),
            ("kind", word(&rule.kind)),
            ("stack", word(&rule.stack)),
            ("role", word(&rule.role)),
            ("weights", Some(weights.into())),
        ])
    });
    fields([
        ("name", Some(scheme.name.as_str().into())),
        ("domains", Some(domains.collect())),
        ("rules", Some(rules.collect())),
        ("tag_threshold", scheme.tag_threshold.map(Value::from)),
    ])
}

fn fields<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn object<const N: usize>(all: [(&str, Option<Value>); N]) -> Value {
    fields(all).into()
}

/// # Errors
/// What in it is not of a scheme's form, as part of a sentence.
fn from_object(object: Map<String, Value>) -> Result<Scheme, String> {
    let mut scheme = Fields { of: "it".to_owned(), left: object };
    let name = scheme.text("name")?.ok_or("it has no `name`")?;
    let domains = scheme.list("domains", |of, left| {
        let mut domain = Fields { of, left };
        let key = domain.text("key")?.ok_or_else(|| format!("{} has no `key`", domain.of))?;
        let label = domain.text("label")?.unwrap_or_default();
        domain.end(Domain { key, label })
    })?;
    let rules = scheme.list("rules", |of, left| {
        let mut rule = Fields { of, left };
        let (depth, kind) = (rule.text("depth")?, rule.text("kind")?);
        let (stack, role) = (rule.text("stack")?, rule.text("role")?);
        let Some(Value::Object(weights)) = rule.left.remove("weights") else {
            return Err(format!("the `weights` of {} are not there or no object", rule.of));
        };
        let weight = |(key, weight): (String, Value)| {
            let weight = weight.as_f64().ok_or_else(|| format!("a weight of {} is no number", rule.of))?;
            Ok((key, weight))
        };
        let weights = weights.into_iter().map(weight).collect::<Result<_, String>>()?;
        rule.end(Rule { depth, kind, stack, role, weights })
    })?;
    let tag_threshold = match scheme.left.remove("tag_threshold") {
        Some(least) => Some(least.as_f64().ok_or("its `tag_threshold` is no number")?),
        None => None,
    };
    scheme.end(Scheme { name, built_in: None, domains, rules, tag_threshold })
}

/// The fields of an object that have not been read yet.
struct Fields {
    /// What it is, in words.
    of: String,
    left: Map<String, Value>,
}

impl Fields {
    fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.left.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("the `{key}` of {} is no text", self.of)),
        }
    }

    /// A list of objects, each told its name.
    fn list<T>(
        &mut self,
        key: &str,
        read: impl Fn(String, Map<String, Value>) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let Some(Value::Array(list)) = self.left.remove(key) else {
            return Err(format!("its `{key}` are not there or no list"));
        };
        let one = |(value, number): (Value, usize)| {
            let name = format!("entry {number} of `{key}`");
            let Value::Object(object) = value else { return Err(format!("{name} is no object")) };
            read(name, object)
        };
        list.into_iter().zip(1..).map(one).collect()
    }

    /// What was read, unless something else is left: a slip of the pen would otherwise be lost in silence.
    fn end<T>(self, read: T) -> Result<T, String> {
        match self.left.keys().next() {
            None => Ok(read),
            Some(key) => Err(format!("{} has the field {}, which no scheme has", self.of, quoted(key))),
        }
    }
}

// By way of a JSON value, so that the page holds one reader and one writer of it and not one for each form in which
// reports travel.
impl Serialize for Scheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        to_object(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Scheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_object(Map::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Whether a scheme that is not built in can be used.
///
/// # Errors
/// What is wrong, as part of a sentence.
pub fn check(scheme: &Scheme) -> Result<(), String> {
    let is_unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let text = |what: &str, text: &str| match text.chars().count() {
        _ if text.contains(is_unseen) => Err(format!("{what} {} has a character that is not seen", quoted(text))),
        _ if text.trim().is_empty() => Err(format!("{what} is empty")),
        MOST_TEXT.. => Err(format!("{what} {} has {MOST_TEXT} characters or more", quoted(text))),
        _ => Ok(()),
    };
    text("its name", &scheme.name)?;
    let plain = scheme.name.trim().to_lowercase().replace([' ', '_'], "-");
    if [LEGAL_EXAM, BY_BLOCK].contains(&plain.as_str()) {
        return Err(format!("its name {} is that of a built-in scheme", quoted(&scheme.name)));
    }
    if scheme.domains.is_empty() || scheme.domains.len() > MOST_DOMAINS {
        return Err(format!("it has {} domains, and 1 to {MOST_DOMAINS} can be shown", scheme.domains.len()));
    }
    if scheme.rules.len() > MOST_RULES {
        return Err(format!("it has {} rules, and at most {MOST_RULES} are read", scheme.rules.len()));
    }
    let mut keys = HashSet::new();
    for domain in &scheme.domains {
        text("the key of a domain", &domain.key)?;
        // In a browser's objects these are no plain keys, or come before all others.
        if domain.key == "__proto__" || domain.key.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("a domain cannot have the key {}: use a word", quoted(&domain.key)));
        }
        if !domain.label.is_empty() {
            text("the label of a domain", &domain.label)?;
        }
        if !keys.insert(domain.key.as_str()) {
            return Err(format!("two of its domains have the key {}", quoted(&domain.key)));
        }
    }
    for (rule, number) in scheme.rules.iter().zip(1..) {
        for (what, word, words) in [("depth", &rule.depth, DEPTHS.as_slice()), ("kind", &rule.kind, &KINDS)] {
            if let Some(word) = word.as_deref().filter(|word| !words.contains(word)) {
                let words = words.join(", ");
                return Err(format!("the {what} {} of rule {number} is none of {words}", quoted(word)));
            }
        }
        for (what, word) in [("stack", &rule.stack), ("role", &rule.role)] {
            // The stack of a model that has only one is empty.
            if let Some(word) = word.as_deref().filter(|word| !word.is_empty()) {
                text(&format!("the {what} of rule {number}"), word)?;
            }
        }
        for (key, weight) in &rule.weights {
            if !keys.contains(key.as_str()) {
                return Err(format!("rule {number} weighs {}, which is no domain of it", quoted(key)));
            }
            if !(0.0..=MOST_WEIGHT).contains(weight) {
                return Err(format!(
                    "rule {number} gives {} the weight {weight}, which is not in 0 to 1e6",
                    quoted(key)
                ));
            }
        }
    }
    match scheme.tag_threshold {
        Some(least) if !(0.0..=1.0).contains(&least) => Err(format!("its tag_threshold {least} is not in 0 to 1")),
        _ => Ok(()),
    }
}
