//! The domain profile as a file: a bar per domain, the mark above which a domain is a tag, and the tags.

use super::svg::{Anchor, Svg, Type};
use super::theme::Theme;
use super::{Picture, Words, framed, stem};
use crate::model::domains::{Bar, bars, explained, no_evidence, scheme_of, tag, threshold, unplaced};
use crate::model::number::percent;
use lorascope_protocol::report::{AdapterReport, DomainReport, ModuleReport};

const WIDTH: f64 = 520.0;
/// Of one bar with its name.
const STEP: f64 = 40.0;
const SIZE: f64 = 12.0;

/// `domains` are those in view, which a chosen scheme may have scored.
pub fn picture(report: &AdapterReport, modules: &[ModuleReport], domains: &DomainReport, theme: &Theme) -> Picture {
    let bars = bars(domains);
    let mut notes = Vec::new();
    if !domains.tags.is_empty() {
        notes
            .push(format!("Tags: {}", domains.tags.iter().map(|key| tag(domains, key)).collect::<Vec<_>>().join(", ")));
    }
    if !domains.evidence {
        notes.push(format!("No evidence. {}", no_evidence(report.energy)));
    }
    notes.extend(unplaced(domains, modules));
    notes.push(explained(domains));
    let scores: Vec<String> = bars.iter().map(|bar| format!("{} {}", bar.name, percent(bar.score))).collect();
    let words = Words {
        title: "Domain profile".to_owned(),
        subtitle: format!("Scheme: {} · {}", scheme_of(domains), report.label),
        desc: format!("A bar for each domain: {}.", scores.join(", ")),
        notes,
    };
    let name = stem(&report.label, "domains", &domains.scheme);
    let high = bars.len() as f64 * STEP;
    framed(name, theme, &words, [WIDTH, high + 28.0], |svg| {
        for (i, bar) in bars.iter().enumerate() {
            draw(svg, bar, i as f64 * STEP, threshold(domains), theme);
        }
        let look = Type::new(11.0, theme.mute);
        svg.text([0.0, high + 8.0], "0 %", look);
        svg.text([WIDTH / 2.0, high + 8.0], "50 %", look.anchored(Anchor::Middle));
        svg.text([WIDTH, high + 8.0], "100 %", look.anchored(Anchor::End));
    })
}

fn draw(svg: &mut Svg, bar: &Bar, top: f64, mark: Option<f64>, theme: &Theme) {
    svg.text([0.0, top + 12.0], &bar.name, Type::new(SIZE, theme.ink));
    svg.text([WIDTH, top + 12.0], &percent(bar.score), Type::new(SIZE, theme.ink).bold().anchored(Anchor::End));
    svg.rect([0.0, top + 18.0, WIDTH, 8.0], theme.track);
    svg.rect([0.0, top + 18.0, WIDTH * bar.score.clamp(0.0, 1.0), 8.0], theme.accent);
    if let Some(least) = mark {
        svg.rect([WIDTH * least.clamp(0.0, 1.0) - 0.75, top + 15.0, 1.5, 14.0], theme.ink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::picture::tests::{HOSTILE, texts_of};
    use crate::model::testing::adapter;

    #[test]
    fn bars_tags_and_what_they_do_not_say() {
        let mut report = adapter("tutor");
        report.domains.scores.insert("statute_recall".into(), 0.6.into());
        report.domains.scores.insert(HOSTILE.into(), 0.4.into());
        report.domains.tags = vec!["statute_recall".to_owned(), HOSTILE.to_owned()];
        report.domains.evidence = false;
        let picture = picture(&report, &[], &report.domains, &Theme::DARK);
        let texts = texts_of(&picture);
        let has = |part: &str| texts.iter().any(|t| t.contains(part));
        for part in ["Statute recall", "60.0", "Scheme: Legal exam", "Tags: Statute recall", "No evidence.", "100 %"] {
            assert!(has(part), "{part} is not in {texts:?}");
        }
        assert!(texts.join(" ").contains("does not measure skill"), "{texts:?}");
        let document = roxmltree::Document::parse(&picture.svg).unwrap();
        let fills = document.descendants().filter(|n| n.attribute("fill") == Some(Theme::DARK.accent));
        let widths: Vec<&str> = fills.filter_map(|n| n.attribute("width")).collect();
        assert_eq!(widths, ["312", "208"]);
        assert_eq!(picture.stem, "tutor-domains-legal-exam");
        let nameless = adapter("");
        texts_of(&super::picture(&nameless, &[], &nameless.domains, &Theme::LIGHT));
    }
}
