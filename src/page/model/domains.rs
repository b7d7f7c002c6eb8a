//! The domain profile as bars.

use super::number::percent;
use lorascope_protocol::report::{DomainReport, ModuleReport};
use lorascope_protocol::scheme::{BuiltIn, Domain, LEAST_ENERGY, LEGAL_EXAM_TAGS};

/// One domain of the scheme.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub key: String,
    pub name: String,
    /// 0 to 1, not rounded.
    pub score: f64,
}

/// The bars in the scheme's order. Scores that are not numbers are left out.
pub fn bars(domains: &DomainReport) -> Vec<Bar> {
    let bar = |(key, value): (&String, &serde_json::Value)| {
        let score = value.as_f64().filter(|s| s.is_finite())?;
        let own = domains.own.as_ref().and_then(|own| own.domains.iter().find(|domain| domain.key == *key));
        Some(Bar { key: key.clone(), name: own.map_or_else(|| name(key), label_of), score })
    };
    domains.scores.iter().filter_map(bar).collect()
}

/// The share at which a domain becomes a tag; `None` where the scheme has no tags. Reports from before it was written
/// into them are of the scheme for language models.
pub fn threshold(domains: &DomainReport) -> Option<f64> {
    let is_of_language = domains.built_in() == Some(BuiltIn::LegalExam);
    domains.tag_threshold.or(is_of_language.then_some(LEGAL_EXAM_TAGS))
}

/// What stands beside "No evidence", for an adapter of this energy.
pub fn no_evidence(energy: f64) -> &'static str {
    if energy < LEAST_ENERGY {
        "This adapter changes next to nothing, so there is no energy to place; the even scores say nothing."
    } else {
        "The scheme gives no weight to any module of this adapter, so there is nothing to place; the even scores say \
         nothing."
    }
}

/// What the bars show and what they do not, for a person.
pub fn explained(domains: &DomainReport) -> String {
    let mut text = match domains.built_in() {
        _ if domains.own.is_some() => {
            "A heuristic about where the update’s energy sits: each module’s energy, times the weights that a person put \
             into this scheme. It does not measure skill."
        }
        Some(BuiltIn::ByBlock) => {
            "Where the update’s energy sits, by the parts of the model. A part with more or larger modules has a larger \
             share of its own accord; the shares do not say what the parts do."
        }
        _ => {
            "A heuristic about where the update’s energy sits: each module’s energy, weighed by its depth and kind. It \
             does not measure skill."
        }
    }
    .to_owned();
    if let Some(least) = threshold(domains) {
        let percent = percent(least);
        text += &format!(" A domain at or above the mark at {percent} becomes a tag; if none is, the largest does.");
    }
    text
}

/// A domain's name for a person; unknown keys lose their underscores.
pub fn name(key: &str) -> String {
    if let Some((tower, part)) = key.split_once('.') {
        return format!("{} ({part})", name(tower));
    }
    match key {
        "down" => "Down blocks".to_owned(),
        "mid" => "Middle block".to_owned(),
        "up" => "Up blocks".to_owned(),
        "double" => "Double-stream blocks".to_owned(),
        "single" => "Single-stream blocks".to_owned(),
        "joint" => "Joint blocks".to_owned(),
        "transformer" => "Transformer blocks".to_owned(),
        "transformer_2" => "Second transformer’s blocks".to_owned(),
        "feed_forward" => "Feed-forward".to_owned(),
        "cross_attention" => "Cross-attention".to_owned(),
        "attention_and_feed_forward" => "Attention and feed-forward in one".to_owned(),
        "statute_recall" => "Statute recall".to_owned(),
        "logic_reasoning" => "Logical reasoning".to_owned(),
        "style_gutachtenstil" => "Opinion style (Gutachtenstil)".to_owned(),
        _ => sentence_case(&key.replace(['_', '-'], " ")),
    }
}

/// What a person reads for a domain.
pub fn label_of(domain: &Domain) -> String {
    if domain.label.is_empty() { name(&domain.key) } else { domain.label.clone() }
}

/// The scheme's name for a person: a built-in one's key in words, another one's as it is.
pub fn scheme_of(domains: &DomainReport) -> String {
    if domains.own.is_some() { domains.scheme.clone() } else { scheme(&domains.scheme) }
}

/// What a person calls the tag of this key.
pub fn tag(domains: &DomainReport, key: &str) -> String {
    bars(domains).into_iter().find(|bar| bar.key == key).map_or_else(|| name(key), |bar| bar.name)
}

/// Part of the energy that the scheme gives to no domain, as a sentence; `None` where it is all placed.
pub fn unplaced(domains: &DomainReport, modules: &[ModuleReport]) -> Option<String> {
    let share = domains.own.as_ref().filter(|_| domains.evidence)?.unweighed(modules);
    (share >= 0.0005)
        .then(|| format!("{} of the update’s energy lies in modules that no row of the scheme weighs.", percent(share)))
}

/// `legal-exam` → `Legal exam`.
pub fn scheme(key: &str) -> String {
    sentence_case(&key.replace(['_', '-'], " "))
}

/// The text with a capital first letter.
pub fn sentence_case(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::adapter;

    #[test]
    fn bars_keep_the_schemes_order_and_every_digit() {
        let mut domains = adapter("a").domains;
        domains.scores.insert("statute_recall".into(), 0.264_876_844_227_566_1.into());
        domains.scores.insert("logic_reasoning".into(), 1.into());
        domains.scores.insert("my_own".into(), "not a number".into());
        let bars = bars(&domains);
        assert_eq!(bars.len(), 2);
        assert_eq!(bars[0].score.to_string(), "0.2648768442275661");
        assert_eq!((bars[1].name.as_str(), bars[1].score), ("Logical reasoning", 1.0));
        assert_eq!(name("court_files"), "Court files");
        assert_eq!(scheme("legal-exam"), "Legal exam");
    }

    #[test]
    fn the_words_are_the_schemes() {
        let mut domains = adapter("a").domains;
        let legal = explained(&domains).replace('\u{202f}', " ");
        assert!(legal.contains("does not measure skill") && legal.contains("the mark at 35.0 %"), "{legal}");
        domains.tag_threshold = None;
        assert_eq!(threshold(&domains), Some(0.35), "a report from before the threshold was written down");
        domains.scheme = "by-block".to_owned();
        assert_eq!(threshold(&domains), None);
        let neutral = explained(&domains);
        assert!(neutral.contains("parts of the model") && !neutral.contains("tag"), "{neutral}");
        let names = ["down", "text_encoder_2", "text_encoder.clip_l", "beside_the_blocks"].map(name);
        assert_eq!(names, ["Down blocks", "Text encoder 2", "Text encoder (clip_l)", "Beside the blocks"]);
    }
}
