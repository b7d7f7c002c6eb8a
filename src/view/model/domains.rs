//! The domain profile as bars.

use crate::report::DomainReport;

/// Domains at or above this share become tags.
pub const TAG_THRESHOLD: f64 = 0.35;

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
        Some(Bar { key: key.clone(), name: name(key), score })
    };
    domains.scores.iter().filter_map(bar).collect()
}

/// A domain's name for a person; unknown keys lose their underscores.
pub fn name(key: &str) -> String {
    match key {
        "statute_recall" => "Statute recall".to_owned(),
        "logic_reasoning" => "Logical reasoning".to_owned(),
        "style_gutachtenstil" => "Opinion style (Gutachtenstil)".to_owned(),
        _ => sentence_case(&key.replace(['_', '-'], " ")),
    }
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
    use crate::view::model::testing::adapter;

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
}
