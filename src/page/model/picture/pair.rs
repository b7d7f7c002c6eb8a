//! A module's spectrum before and after a projection, as a file.

use super::spectrum::{K, SIZE, indices, values};
use super::svg::{Svg, Type};
use super::theme::Theme;
use super::{Picture, Words, framed, stem};
use crate::model::axis::ScaleKind;
use crate::model::projection::pair::Pair;
use crate::model::spectrum::PLOT;

/// Singular values of `module`, before as a line and after as bars. `notes` say what a person should know of them.
pub fn picture(
    pair: &Pair,
    module: &str,
    adapter: &str,
    notes: Vec<String>,
    kind: ScaleKind,
    theme: &Theme,
) -> Picture {
    let (before, after) = (pair.before.len(), pair.after.len());
    let words = Words {
        title: format!("Before and after: {module}"),
        subtitle: format!("Singular values of ΔW, with the scale s · {adapter}"),
        desc: format!("A line over {before} singular values before, and bars of {after} after."),
        notes,
    };
    let area = [PLOT.width * K, PLOT.height * K + 24.0];
    framed(stem(adapter, "before-and-after", module), theme, &words, area, |svg| {
        let (look, n) = (Type::new(SIZE, theme.mute), pair.places());
        let scale = pair.scale(kind);
        values(svg, scale, look, theme);
        svg.group([0.0, 0.0], [K, K], |svg| {
            let Some(scale) = scale else { return };
            svg.path(&pair.bars(scale), &format!("fill=\"{}\"", theme.accent));
            let line = format!("fill=\"none\" stroke=\"{}\" stroke-width=\"1.2\"", theme.ink);
            svg.path(&pair.outline(scale), &line);
        });
        indices(svg, scale, n, look, theme);
        legend(svg, theme, look);
    })
}

fn legend(svg: &mut Svg, theme: &Theme, look: Type<'_>) {
    let (x, y) = (PLOT.left * K, PLOT.bottom * K + 60.0);
    svg.line([x, y - 4.0], [x + 14.0, y - 4.0], theme.ink);
    svg.text([x + 20.0, y], "before", look);
    svg.rect([x + 80.0, y - 9.0, 12.0, 10.0], theme.accent);
    svg.text([x + 100.0, y], "after", look);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::picture::tests::{HOSTILE, texts_of};

    #[test]
    fn line_bars_legend_and_notes_are_there() {
        let pair = Pair { before: vec![4.0, 2.0, 1.0], after: vec![8.0, 4.0] };
        for (kind, theme) in [(ScaleKind::Linear, Theme::LIGHT), (ScaleKind::Log, Theme::DARK)] {
            let picture = picture(&pair, "layers.0.q", "tutor", vec!["Only two.".to_owned()], kind, &theme);
            let texts = texts_of(&picture);
            for text in ["before", "after", "3", "Only two.", "Before and after: layers.0.q"] {
                assert!(texts.iter().any(|t| t == text), "{text} is not in {texts:?}");
            }
            let document = roxmltree::Document::parse(&picture.svg).expect("XML");
            let bars = document
                .descendants()
                .find(|n| n.tag_name().name() == "path" && n.attribute("fill") == Some(theme.accent));
            assert_eq!(bars.and_then(|n| n.attribute("d")).map(|d| d.matches('M').count()), Some(2));
            assert_eq!(picture.stem, "tutor-before-and-after-layers.0.q");
        }
        let empty = Pair { before: Vec::new(), after: Vec::new() };
        texts_of(&picture(&empty, HOSTILE, HOSTILE, Vec::new(), ScaleKind::Log, &Theme::LIGHT));
    }
}
