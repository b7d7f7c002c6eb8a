//! What a person changes in a scheme.

use lorascope_protocol::scheme::file::{MOST_DOMAINS, MOST_WEIGHT};
use lorascope_protocol::scheme::{Domain, Rule, Scheme};

use crate::model::domains::sentence_case;
use crate::model::grid::stack_words;

/// One change. Texts are what a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    Name(String),
    /// The label of the domain at this place.
    Label(usize, String),
    /// The weight of a row for the domain at the second place.
    Weight(usize, usize, String),
    /// In percent; empty for no tags.
    Threshold(String),
    AddDomain,
    RemoveDomain(usize),
}

impl Edit {
    pub(super) fn apply(self, scheme: &mut Scheme) -> Result<(), String> {
        match self {
            Self::Name(name) => name.trim().clone_into(&mut scheme.name),
            Self::Label(at, label) => {
                let domain = scheme.domains.get_mut(at).ok_or("There is no such domain.")?;
                label.trim().clone_into(&mut domain.label);
            }
            Self::Weight(row, at, text) => {
                let key = scheme.domains.get(at).ok_or("There is no such domain.")?.key.clone();
                let rule = scheme.rules.get_mut(row).ok_or("There is no such row.")?;
                let weight = number(&text).filter(|weight| (0.0..=MOST_WEIGHT).contains(weight));
                match weight.ok_or("A weight is a number from 0 to 1,000,000.")? {
                    0.0 => rule.weights.remove(&key),
                    weight => rule.weights.insert(key, weight),
                };
            }
            Self::Threshold(text) if text.trim().is_empty() => scheme.tag_threshold = None,
            Self::Threshold(text) => {
                let percent = number(&text).filter(|percent| (0.0..=100.0).contains(percent));
                let percent =
                    percent.ok_or("The share for a tag is a number from 0 to 100 %; left empty, there are no tags.")?;
                scheme.tag_threshold = Some(percent / 100.0);
            }
            Self::AddDomain => {
                if scheme.domains.len() >= MOST_DOMAINS {
                    return Err(format!("A scheme has at most {MOST_DOMAINS} domains."));
                }
                let is_free = |key: &String| scheme.domains.iter().all(|domain| domain.key != *key);
                let next = scheme.domains.len() + 1;
                let key = (next..).map(|n| format!("domain_{n}")).find(is_free).unwrap_or_default();
                let label = sentence_case(&key.replace('_', " "));
                scheme.domains.push(Domain { key, label });
            }
            Self::RemoveDomain(at) if scheme.domains.len() > 1 && at < scheme.domains.len() => {
                let Domain { key, .. } = scheme.domains.remove(at);
                scheme.rules.iter_mut().for_each(|rule| {
                    rule.weights.remove(&key);
                });
            }
            Self::RemoveDomain(_) => return Err("A scheme has one domain at least.".to_owned()),
        }
        Ok(())
    }
}

/// With a point or a comma, as people write it.
fn number(text: &str) -> Option<f64> {
    text.trim().replace(',', ".").parse().ok()
}

/// What a row weighs: "Early layers, attention", "Text encoder 2", "All other modules".
pub fn row_words(rule: &Rule) -> String {
    let depth = rule.depth.as_deref().map(|depth| match depth {
        "early" => "Early layers".to_owned(),
        "mid" => "Middle layers".to_owned(),
        "late" => "Late layers".to_owned(),
        other => other.to_owned(),
    });
    let kind = rule.kind.as_deref().map(|kind| match kind {
        "embed" => "embeddings".to_owned(),
        "attn" => "attention".to_owned(),
        "mlp" => "MLP".to_owned(),
        "other" => "other modules".to_owned(),
        other => other.to_owned(),
    });
    let stack = rule.stack.as_deref().map(|stack| match stack {
        "" => "beside the stacks".to_owned(),
        stack => stack_words(stack),
    });
    let role = rule.role.as_deref().map(|role| match role {
        "" => "no known role".to_owned(),
        role => role.replace('_', " "),
    });
    let parts: Vec<String> = [depth, kind, stack, role].into_iter().flatten().collect();
    match parts.as_slice() {
        [] => "All other modules".to_owned(),
        parts => sentence_case(&parts.join(", ")),
    }
}
