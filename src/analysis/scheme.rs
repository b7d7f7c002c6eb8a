//! Classification schemes: domains, and rules that weigh each module's energy into them.
//!
//! A scheme is data, so that it can be edited, saved as JSON and carried by a link. Its scores are a heuristic
//! about where energy sits, not a measurement of skill.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::profile::Profile;
use crate::report::DomainReport;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scheme {
    pub name: String,
    /// The domains' keys, in the order in which they are shown and in which ties are broken.
    pub domains: Vec<String>,
    /// The first rule that matches a module gives its weights.
    pub rules: Vec<Rule>,
    /// A domain with at least this score is a tag.
    pub tag_threshold: f64,
    /// Below this total energy there is no evidence.
    pub least_energy: f64,
    /// Every domain's score where there is no evidence.
    pub score_without_evidence: f64,
}

/// Weights for the modules of a depth and a kind; an absent condition matches every module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Domain → factor on the module's energy; a domain that is not named gets none of it.
    pub weights: BTreeMap<String, f64>,
}

impl Rule {
    fn new(depth: Option<&str>, kind: Option<&str>, weights: &[(&str, f64)]) -> Self {
        let weights = weights.iter().map(|&(domain, weight)| (domain.to_owned(), weight)).collect();
        Self { depth: depth.map(str::to_owned), kind: kind.map(str::to_owned), weights }
    }

    fn matches(&self, profile: Profile) -> bool {
        self.depth.as_deref().is_none_or(|depth| depth == profile.depth)
            && self.kind.as_deref().is_none_or(|kind| kind == profile.kind)
    }
}

impl Scheme {
    /// The built-in scheme, which answers as the reference does.
    pub fn legal_exam() -> Self {
        const STATUTE: &str = "statute_recall";
        const LOGIC: &str = "logic_reasoning";
        const STYLE: &str = "style_gutachtenstil";
        Self {
            name: "legal-exam".to_owned(),
            domains: [STATUTE, LOGIC, STYLE].map(str::to_owned).to_vec(),
            rules: vec![
                Rule::new(Some("early"), None, &[(STATUTE, 1.5), (LOGIC, 0.5)]),
                Rule::new(None, Some("embed"), &[(STATUTE, 1.5), (LOGIC, 0.5)]),
                Rule::new(Some("mid"), Some("attn"), &[(LOGIC, 1.5)]),
                Rule::new(Some("mid"), None, &[(STYLE, 1.2), (LOGIC, 0.8)]),
                Rule::new(None, Some("mlp"), &[(STYLE, 1.8)]),
                Rule::new(None, None, &[(LOGIC, 1.2), (STYLE, 0.5)]),
            ],
            tag_threshold: 0.35,
            least_energy: 1e-10,
            score_without_evidence: 0.33,
        }
    }

    /// Scores and tags of modules, given as their profiles and energies ‖ΔW‖²_F (finite).
    pub fn score(&self, modules: &[(Profile, f64)]) -> DomainReport {
        let total: f64 = modules.iter().map(|(_, energy)| energy).sum();
        let scores = if total < self.least_energy { None } else { self.shares(modules) };
        let evidence = scores.is_some();
        let scores = scores.unwrap_or_else(|| vec![self.score_without_evidence; self.domains.len()]);
        let tags = self.tags(&scores);
        let scores = self.domains.iter().cloned().zip(scores.into_iter().map(serde_json::Value::from)).collect();
        DomainReport { scheme: self.name.clone(), scores, tags, evidence }
    }

    /// Each domain's part of the weighted energy; `None` where the rules give no domain anything.
    fn shares(&self, modules: &[(Profile, f64)]) -> Option<Vec<f64>> {
        // Relative to the largest energy, so that the sums stay finite whatever the adapter's numbers are.
        let largest = modules.iter().map(|(_, energy)| *energy).fold(0.0, f64::max);
        let mut sums = vec![0.0; self.domains.len()];
        for &(profile, energy) in modules {
            let Some(rule) = self.rules.iter().find(|rule| rule.matches(profile)) else { continue };
            for (sum, domain) in sums.iter_mut().zip(&self.domains) {
                *sum += energy / largest * rule.weights.get(domain).copied().unwrap_or_default();
            }
        }
        let total: f64 = sums.iter().sum();
        (total > 0.0 && total.is_finite()).then(|| sums.iter().map(|sum| sum / total).collect())
    }

    /// The domains at or above the threshold, else the best one; the first on a tie.
    fn tags(&self, scores: &[f64]) -> Vec<String> {
        let scored = || self.domains.iter().zip(scores.iter().copied());
        let tags: Vec<String> = scored().filter(|&(_, s)| s >= self.tag_threshold).map(|(d, _)| d.clone()).collect();
        if !tags.is_empty() {
            return tags;
        }
        let best = scored().reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.into_iter().map(|(domain, _)| domain.clone()).collect()
    }
}
