//! One pair as a whole, in words and figures.

use super::figures::{interference_words, share, signed};
use super::matrix::{INTERFERENCE, OVERLAP_IN, OVERLAP_OUT, chance};
use crate::model::identity::Fact;
use crate::model::number::{ABSENT, cosine, general, plural, times};
use lorascope_protocol::report::PairFigures;

/// What both have, what one of them has alone, what could not be compared: `12 modules in both · 2 only in A`.
pub fn counts(figures: &PairFigures) -> String {
    let [shared, only_a, only_b, not_compared] = figures.counts.map(|n| n as usize);
    let mut parts = vec![format!("{} in both", plural(shared, "module", "modules"))];
    let more = [(only_a, "only in A"), (only_b, "only in B"), (not_compared, "not compared")];
    parts.extend(more.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    parts.join(" · ")
}

/// The figures of a pair, each with what it is read beside.
pub fn facts(figures: &PairFigures) -> Vec<Fact> {
    let [_, only_a, only_b, not_compared] = figures.counts;
    let whole = Fact {
        name: "Cosine",
        value: figures.cosine.map_or_else(|| ABSENT.to_owned(), cosine),
        note: match (figures.cosine, only_a + only_b) {
            (None, _) if not_compared > 0 => "no module of both can be compared".to_owned(),
            (None, _) => "no module is in both".to_owned(),
            (_, 0) => String::new(),
            _ => "what only one has counts as 0 in the other".to_owned(),
        },
    };
    let mut facts = vec![whole];
    // Of the same modules it would be the same number twice.
    if let Some(shared) = figures.shared_cosine.filter(|_| only_a + only_b > 0) {
        facts.push(Fact::new("Cosine, shared modules", cosine(shared), ""));
    }
    for (name, figure) in [("Overlap, output side", &OVERLAP_OUT), ("Overlap, input side", &OVERLAP_IN)] {
        let Some(overlap) = figure.value(figures) else { continue };
        let note = match chance(figure, figures) {
            Some(chance) if chance > 0.0 => format!("chance {}, {}", share(chance), times(overlap / chance)),
            Some(chance) => format!("chance {}", share(chance)),
            None => String::new(),
        };
        facts.push(Fact::new(name, share(overlap), note));
    }
    facts.extend(INTERFERENCE.value(figures).map(|x| Fact::new("Interference", signed(x), "")));
    facts
}

/// What adding the two does to the norm, in a sentence; nothing where nothing is shared.
pub fn adding(figures: &PairFigures) -> Option<String> {
    let interference = INTERFERENCE.value(figures)?;
    let [a, b, sum] = figures.norms;
    let independent = a.hypot(b);
    (sum.is_finite() && independent.is_finite()).then(|| {
        format!(
            "Adding them: norm {} against {} if they were independent; {} ({}).",
            general(sum),
            general(independent),
            interference_words(interference),
            signed(interference)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::comparison::testing::figures;

    #[test]
    fn counts_say_what_there_is() {
        assert_eq!(counts(&figures(0.1)), "3 modules in both · 1 only in A · 1 only in B · 1 not compared");
        let same = PairFigures { counts: [1, 0, 0, 0], ..figures(0.1) };
        assert_eq!(counts(&same), "1 module in both");
    }

    #[test]
    fn an_overlap_stands_beside_its_chance_level() {
        let all = facts(&figures(-0.15));
        let of = |name: &str| all.iter().find(|fact| fact.name == name).map(|f| (f.value.as_str(), f.note.as_str()));
        assert_eq!(of("Overlap, output side"), Some(("0.31", "chance 0.004, ×77.5")));
        assert_eq!(of("Interference"), Some(("−0.120", "")));
        assert_eq!(of("Cosine, shared modules").map(|(value, _)| value), Some("−0.2250"));
        let same = PairFigures { counts: [4, 0, 0, 0], ..figures(0.5) };
        assert!(facts(&same).iter().all(|fact| fact.name != "Cosine, shared modules"));
    }

    #[test]
    fn adding_is_said_in_norms() {
        let figures = PairFigures { norms: [1.0, 1.0, 1.32], interference: Some(-0.12), ..figures(0.0) };
        let said = "Adding them: norm 1.320 against 1.414 if they were independent; they undo each other a little \
                    (−0.120).";
        assert_eq!(adding(&figures).as_deref(), Some(said));
    }

    #[test]
    fn without_a_shared_module_there_is_one_fact() {
        let nothing = PairFigures { counts: [0, 2, 3, 0], norms: [1.0, 1.0, 1.4], ..PairFigures::default() };
        let facts = facts(&nothing);
        assert_eq!((facts.len(), facts[0].value.as_str(), facts[0].note.as_str()), (1, ABSENT, "no module is in both"));
        assert_eq!(adding(&nothing), None);
    }
}
