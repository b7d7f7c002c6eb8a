//! Classification schemes: domains, and rules that weigh each module's energy into them.
//!
//! A scheme is data, so that it can be edited, saved as JSON and carried by a link. Its scores are a heuristic
//! about where energy sits, not a measurement of skill.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::profile::Profile;
use lorascope_protocol::report::{DomainReport, LEGAL_EXAM, LEGAL_EXAM_TAGS};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scheme {
    pub name: String,
    /// The domains' keys, in the order in which they are shown and in which ties are broken.
    pub domains: Vec<String>,
    /// The first rule that matches a module gives its weights.
    pub rules: Vec<Rule>,
    /// A domain with at least this score is a tag, and the best one where none has; absent where there are no tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_threshold: Option<f64>,
    /// Below this total energy there is no evidence.
    pub least_energy: f64,
    /// Every domain's score where there is no evidence.
    pub score_without_evidence: f64,
}

/// Weights for the modules of a depth, a kind, a stack and a role; an absent condition matches every module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Domain → factor on the module's energy; a domain that is not named gets none of it.
    pub weights: BTreeMap<String, f64>,
}

/// What a rule can ask of a module: the reference's words, and its place by [`lorascope_format::adapter::names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits<'a> {
    pub profile: Profile,
    pub stack: &'a str,
    pub role: &'a str,
}

impl From<Profile> for Traits<'_> {
    /// A module of no stack and no role.
    fn from(profile: Profile) -> Self {
        Self { profile, stack: "", role: "" }
    }
}

impl Rule {
    fn new(depth: Option<&str>, kind: Option<&str>, weights: &[(&str, f64)]) -> Self {
        Self {
            depth: depth.map(str::to_owned),
            kind: kind.map(str::to_owned),
            stack: None,
            role: None,
            weights: weights.iter().map(|&(domain, weight)| (domain.to_owned(), weight)).collect(),
        }
    }

    /// All of the energy of a stack's modules, or of a role's, to one domain.
    pub(super) fn whole(stack: Option<&str>, role: Option<&str>, domain: &str) -> Self {
        Self {
            stack: stack.map(str::to_owned),
            role: role.map(str::to_owned),
            ..Self::new(None, None, &[(domain, 1.0)])
        }
    }

    fn matches(&self, of: Traits<'_>) -> bool {
        let is = |condition: &Option<String>, word: &str| condition.as_deref().is_none_or(|wanted| wanted == word);
        is(&self.depth, of.profile.depth)
            && is(&self.kind, of.profile.kind)
            && is(&self.stack, of.stack)
            && is(&self.role, of.role)
    }
}

impl Scheme {
    /// The built-in scheme for language models, which answers as the reference does.
    pub fn legal_exam() -> Self {
        const STATUTE: &str = "statute_recall";
        const LOGIC: &str = "logic_reasoning";
        const STYLE: &str = "style_gutachtenstil";
        Self {
            name: LEGAL_EXAM.to_owned(),
            domains: [STATUTE, LOGIC, STYLE].map(str::to_owned).to_vec(),
            rules: vec![
                Rule::new(Some("early"), None, &[(STATUTE, 1.5), (LOGIC, 0.5)]),
                Rule::new(None, Some("embed"), &[(STATUTE, 1.5), (LOGIC, 0.5)]),
                Rule::new(Some("mid"), Some("attn"), &[(LOGIC, 1.5)]),
                Rule::new(Some("mid"), None, &[(STYLE, 1.2), (LOGIC, 0.8)]),
                Rule::new(None, Some("mlp"), &[(STYLE, 1.8)]),
                Rule::new(None, None, &[(LOGIC, 1.2), (STYLE, 0.5)]),
            ],
            tag_threshold: Some(LEGAL_EXAM_TAGS),
            least_energy: 1e-10,
            score_without_evidence: 0.33,
        }
    }

    /// Scores and tags of modules, given as their traits and energies ‖ΔW‖²_F (finite).
    pub fn score<'a, T: Into<Traits<'a>> + Copy>(&self, modules: &[(T, f64)]) -> DomainReport {
        let modules: Vec<(Traits<'_>, f64)> = modules.iter().map(|&(traits, energy)| (traits.into(), energy)).collect();
        let total: f64 = modules.iter().map(|(_, energy)| energy).sum();
        let scores = if total < self.least_energy { None } else { self.shares(&modules) };
        let evidence = scores.is_some();
        let scores = scores.unwrap_or_else(|| vec![self.score_without_evidence; self.domains.len()]);
        let tags = self.tag_threshold.map(|least| self.tags(&scores, least)).unwrap_or_default();
        let scores = self.domains.iter().cloned().zip(scores.into_iter().map(serde_json::Value::from)).collect();
        DomainReport { scheme: self.name.clone(), scores, tags, tag_threshold: self.tag_threshold, evidence }
    }

    /// Each domain's part of the weighted energy; `None` where the rules give no domain anything.
    fn shares(&self, modules: &[(Traits<'_>, f64)]) -> Option<Vec<f64>> {
        // Relative to the largest energy, so that the sums stay finite whatever the adapter's numbers are.
        let largest = modules.iter().map(|(_, energy)| *energy).fold(0.0, f64::max);
        let mut sums = vec![0.0; self.domains.len()];
        for &(traits, energy) in modules {
            let Some(rule) = self.rules.iter().find(|rule| rule.matches(traits)) else { continue };
            for (sum, domain) in sums.iter_mut().zip(&self.domains) {
                *sum += energy / largest * rule.weights.get(domain).copied().unwrap_or_default();
            }
        }
        let total: f64 = sums.iter().sum();
        (total > 0.0 && total.is_finite()).then(|| sums.iter().map(|sum| sum / total).collect())
    }

    /// The domains at or above the threshold, else the best one; the first on a tie.
    fn tags(&self, scores: &[f64], least: f64) -> Vec<String> {
        let scored = || self.domains.iter().zip(scores.iter().copied());
        let tags: Vec<String> = scored().filter(|&(_, s)| s >= least).map(|(d, _)| d.clone()).collect();
        if !tags.is_empty() {
            return tags;
        }
        let best = scored().reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.into_iter().map(|(domain, _)| domain.clone()).collect()
    }
}
