//! The neutral scheme: where the update's energy sits, by the parts of the model, without a claim about what they do.
//!
//! A model of several stacks (text encoders; down, mid and up; double and single blocks) has a domain for each, in the
//! order of the forward pass, and one for what lies beside them. A model of one stack (Wan's `blocks.N`) has no such
//! parts. Its depth is on the heatmap already, so that its domains are what the modules do: attention,
//! cross-attention, feed-forward and the rest.
//!
//! Every module counts in full and in one domain only. There are no tags: the part with the most modules would nearly
//! always be the one.

use std::collections::BTreeSet;

use super::{BY_BLOCK, BuiltIn, Domain, Rule, Scheme};
use lorascope_format::adapter::names::{Side, stack_order};

/// What lies in no block of a model that has several stacks: embedders, the first and the last convolution.
pub const BESIDE: &str = "beside_the_blocks";
/// Blocks without a name beside those of named stacks.
const UNNAMED: &str = "other_blocks";

/// Domains of a model of one stack, with the roles that belong to them; every other role is `other`.
const BY_ROLE: &[(&str, &[&str])] = &[
    ("attention", &["q", "k", "v", "qkv", "o"]),
    ("cross_attention", &["cross_q", "cross_k", "cross_v", "cross_qkv", "cross_o"]),
    ("attention_and_feed_forward", &["qkv_mlp", "o_mlp"]),
    ("feed_forward", &["router", "gate", "gate_up", "up", "down"]),
    ("modulation", &["modulation", "time"]),
    ("convolution", &["conv"]),
    ("embedding", &["embed"]),
    ("other", &[]),
];

/// The scheme for modules of these layers, stacks and roles.
pub fn by_block<'a>(modules: impl IntoIterator<Item = (Option<u32>, &'a str, &'a str)>) -> Scheme {
    let (mut layered, mut stacks, mut roles) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (layer, stack, role) in modules {
        if layer.is_some() {
            layered.insert(stack);
        }
        stacks.insert(stack);
        roles.insert(role);
    }
    let (domains, rules) = if layered.len() > 1 { by_stack(&stacks, layered.contains("")) } else { by_role(&roles) };
    Scheme {
        name: BY_BLOCK.to_owned(),
        built_in: Some(BuiltIn::ByBlock),
        domains: domains.iter().map(|key| Domain::of(key)).collect(),
        rules,
        tag_threshold: None,
    }
}

fn by_stack(stacks: &BTreeSet<&str>, unnamed: bool) -> (Vec<String>, Vec<Rule>) {
    let mut stacks: Vec<&str> = stacks.iter().copied().collect();
    stacks.sort_by_key(|stack| stack_order(stack, Side::Layers));
    let domain = |stack: &str| match stack.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "" if unnamed => UNNAMED.to_owned(),
        "" => BESIDE.to_owned(),
        // The levels of a half that counts them are one part.
        half @ ("down" | "up") => half.to_owned(),
        _ => stack.to_owned(),
    };
    let rules: Vec<Rule> = stacks.iter().map(|stack| Rule::whole(Some(stack), None, &domain(stack))).collect();
    let mut domains: Vec<String> = Vec::new();
    for domain in stacks.iter().map(|stack| domain(stack)) {
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    // What is beside the blocks reads as the rest, not as a part between them.
    domains.sort_by_key(|domain| domain == BESIDE);
    (domains, rules)
}

fn by_role(roles: &BTreeSet<&str>) -> (Vec<String>, Vec<Rule>) {
    let of = |role: &str| BY_ROLE.iter().find(|(_, roles)| roles.contains(&role)).map_or("other", |(domain, _)| domain);
    let present: BTreeSet<&str> = roles.iter().map(|role| of(role)).collect();
    let domains = BY_ROLE.iter().map(|(domain, _)| *domain).filter(|domain| present.contains(domain));
    let rules = roles.iter().map(|role| Rule::whole(None, Some(role), of(role))).collect();
    (domains.map(str::to_owned).collect(), rules)
}
