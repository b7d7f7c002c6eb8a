//! Classification schemes: domains, and rules that weigh each module's energy into them.
//!
//! A scheme is data: two are built in, and a person can write others, which travel as JSON ([`file`]), in the report and
//! in links. Its scores are a heuristic about where energy sits, not a measurement of skill.

use std::collections::BTreeMap;

mod by_block;
mod chosen;
pub mod file;

pub use by_block::{BESIDE, by_block};
pub use chosen::Chosen;

use crate::report::{DomainReport, ModuleReport};

/// The built-in scheme for language models, which answers as the reference program does.
pub const LEGAL_EXAM: &str = "legal-exam";
/// The score from which one of its domains is a tag.
pub const LEGAL_EXAM_TAGS: f64 = 0.35;
/// The built-in scheme for every other model.
pub const BY_BLOCK: &str = "by-block";

/// The reference's words for a module's depth, and for its kind.
pub const DEPTHS: [&str; 3] = ["early", "mid", "late"];
pub const KINDS: [&str; 4] = ["embed", "attn", "mlp", "other"];

/// Below this total energy there is no evidence (the reference's limit).
pub const LEAST_ENERGY: f64 = 1e-10;

/// The schemes that no person wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    LegalExam,
    ByBlock,
}

/// Its JSON form is that of [`file`], wherever it stands; only schemes that a person wrote have one.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheme {
    pub name: String,
    /// Which of the built-in ones it is, whatever it is called.
    pub built_in: Option<BuiltIn>,
    /// In the order in which they are shown and in which ties are broken.
    pub domains: Vec<Domain>,
    /// The first rule that matches a module gives its weights.
    pub rules: Vec<Rule>,
    /// A domain with at least this score is a tag, and the best one where none has; absent where there are no tags.
    pub tag_threshold: Option<f64>,
}

/// One domain: what reports and rules call it, and what a person reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    pub key: String,
    /// Empty where the key itself is put into words.
    pub label: String,
}

impl Domain {
    fn of(key: &str) -> Self {
        Self { key: key.to_owned(), label: String::new() }
    }
}

/// Weights for the modules of a depth, a kind, a stack and a role; an absent condition matches every module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// One of [`DEPTHS`].
    pub depth: Option<String>,
    /// One of [`KINDS`].
    pub kind: Option<String>,
    pub stack: Option<String>,
    pub role: Option<String>,
    /// Domain → factor on the module's energy; a domain that is not named gets none of it.
    pub weights: BTreeMap<String, f64>,
}

/// What a rule can ask of a module: the reference's words, and its place by [`crate::names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits<'a> {
    pub depth: &'a str,
    pub kind: &'a str,
    pub stack: &'a str,
    pub role: &'a str,
}

impl<'a> From<&'a ModuleReport> for Traits<'a> {
    fn from(module: &'a ModuleReport) -> Self {
        Self { depth: &module.depth, kind: &module.kind, stack: &module.stack, role: &module.role }
    }
}

impl Rule {
    fn new(depth: Option<&str>, kind: Option<&str>, weights: &[(&str, f64)]) -> Self {
        Self {
            depth: depth.map(str::to_owned),
            kind: kind.map(str::to_owned),
            weights: weights.iter().map(|&(domain, weight)| (domain.to_owned(), weight)).collect(),
            ..Self::default()
        }
    }

    /// All of the energy of a stack's modules, or of a role's, to one domain.
    fn whole(stack: Option<&str>, role: Option<&str>, domain: &str) -> Self {
        Self {
            stack: stack.map(str::to_owned),
            role: role.map(str::to_owned),
            ..Self::new(None, None, &[(domain, 1.0)])
        }
    }

    fn matches(&self, of: Traits<'_>) -> bool {
        let is = |condition: &Option<String>, word: &str| condition.as_deref().is_none_or(|wanted| wanted == word);
        is(&self.depth, of.depth) && is(&self.kind, of.kind) && is(&self.stack, of.stack) && is(&self.role, of.role)
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
            built_in: Some(BuiltIn::LegalExam),
            domains: [STATUTE, LOGIC, STYLE].map(Domain::of).to_vec(),
            rules: vec![
                Rule::new(Some("early"), None, &[(STATUTE, 1.5), (LOGIC, 0.5)]),
                Rule::new(None, Some("embed"), &[(STATUTE, 1.5), (LOGIC, 0.5)]),
                Rule::new(Some("mid"), Some("attn"), &[(LOGIC, 1.5)]),
                Rule::new(Some("mid"), None, &[(STYLE, 1.2), (LOGIC, 0.8)]),
                Rule::new(None, Some("mlp"), &[(STYLE, 1.8)]),
                Rule::new(None, None, &[(LOGIC, 1.2), (STYLE, 0.5)]),
            ],
            tag_threshold: Some(LEGAL_EXAM_TAGS),
        }
    }

    /// The built-in scheme for other models, for those of these modules.
    pub fn of_blocks(modules: &[ModuleReport]) -> Self {
        by_block(modules.iter().map(|m| (m.layer, m.stack.as_str(), m.role.as_str())))
    }

    /// A scheme of another name that gives the same scores, each row of it free to be edited: where rules ask for depths
    /// and kinds alone, one for every depth and kind.
    pub fn copied(&self, name: String) -> Self {
        let is_grid = self.rules.iter().all(|rule| rule.stack.is_none() && rule.role.is_none());
        let row = |depth: &str, kind: &str| {
            let traits = Traits { depth, kind, stack: "", role: "" };
            let weights = self.rule_for(traits).map(|rule| rule.weights.clone()).unwrap_or_default();
            Rule { weights, ..Rule::new(Some(depth), Some(kind), &[]) }
        };
        let grid = || DEPTHS.iter().flat_map(|depth| KINDS.iter().map(|kind| row(depth, kind))).collect();
        Self { name, built_in: None, rules: if is_grid { grid() } else { self.rules.clone() }, ..self.clone() }
    }

    /// The scores of a report's modules, copies left out.
    pub fn score_modules(&self, modules: &[ModuleReport]) -> DomainReport {
        let counted = modules.iter().filter(|module| module.copy_of.is_none());
        let weighed: Vec<_> =
            counted.map(|module| (Traits::from(module), module.frobenius.powi(2).min(f64::MAX))).collect();
        self.score(&weighed)
    }

    /// Scores and tags of modules, given as their traits and energies ‖ΔW‖²_F (finite).
    pub fn score<'a, T: Into<Traits<'a>> + Copy>(&self, modules: &[(T, f64)]) -> DomainReport {
        let modules: Vec<(Traits<'_>, f64)> = modules.iter().map(|&(traits, energy)| (traits.into(), energy)).collect();
        let total: f64 = modules.iter().map(|(_, energy)| energy).sum();
        let scores = if total < LEAST_ENERGY { None } else { self.shares(&modules) };
        let evidence = scores.is_some();
        let scores = scores.unwrap_or_else(|| vec![self.without_evidence(); self.domains.len()]);
        // The reference tags an adapter without evidence too.
        let least = self.tag_threshold.filter(|_| evidence || self.built_in == Some(BuiltIn::LegalExam));
        let tags = least.map(|least| self.tags(&scores, least)).unwrap_or_default();
        let keys = self.domains.iter().map(|domain| domain.key.clone());
        DomainReport {
            scheme: self.name.clone(),
            scores: keys.zip(scores.into_iter().map(serde_json::Value::from)).collect(),
            tags,
            tag_threshold: self.tag_threshold,
            evidence,
            own: self.built_in.is_none().then(|| self.clone()),
        }
    }

    /// Part of the energy that no rule gives to any domain, 0 to 1.
    pub fn unweighed(&self, modules: &[ModuleReport]) -> f64 {
        let is_left = |module: &&ModuleReport| {
            let weights = self.rule_for(Traits::from(*module)).map(|rule| &rule.weights);
            weights.is_none_or(|weights| weights.values().all(|weight| *weight == 0.0))
        };
        modules.iter().filter(is_left).map(|module| module.energy_share).sum::<f64>().min(1.0)
    }

    fn rule_for(&self, traits: Traits<'_>) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.matches(traits))
    }

    /// Every domain's score where there is no evidence: the reference's, or the same for all.
    fn without_evidence(&self) -> f64 {
        if self.built_in == Some(BuiltIn::LegalExam) { 0.33 } else { 1.0 / self.domains.len().max(1) as f64 }
    }

    /// Each domain's part of the weighted energy; `None` where the rules give no domain anything.
    fn shares(&self, modules: &[(Traits<'_>, f64)]) -> Option<Vec<f64>> {
        // Relative to the largest energy, so that the sums stay finite whatever the adapter's numbers are.
        let largest = modules.iter().map(|(_, energy)| *energy).fold(0.0, f64::max);
        let mut sums = vec![0.0; self.domains.len()];
        for &(traits, energy) in modules {
            let Some(rule) = self.rule_for(traits) else { continue };
            for (sum, domain) in sums.iter_mut().zip(&self.domains) {
                *sum += energy / largest * rule.weights.get(&domain.key).copied().unwrap_or_default();
            }
        }
        let total: f64 = sums.iter().sum();
        (total > 0.0 && total.is_finite()).then(|| sums.iter().map(|sum| sum / total).collect())
    }

    /// The domains at or above the threshold, else the best one; the first on a tie.
    fn tags(&self, scores: &[f64], least: f64) -> Vec<String> {
        let scored = || self.domains.iter().zip(scores.iter().copied());
        let tags: Vec<String> = scored().filter(|&(_, s)| s >= least).map(|(d, _)| d.key.clone()).collect();
        if !tags.is_empty() {
            return tags;
        }
        let best = scored().reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.into_iter().map(|(domain, _)| domain.key.clone()).collect()
    }
}
