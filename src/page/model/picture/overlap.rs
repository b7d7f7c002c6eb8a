//! φ(i, j) of one module as a file.

use super::parts::{SIZE, STRIP, cells, definitions, strip_between};
use super::svg::{Anchor, Type};
use super::theme::Theme;
use super::{Picture, Words, framed, stem};
use crate::model::colour::ColourMap;
use crate::model::comparison::overlap::{Overlap, PALETTE, ticks};

/// Left of the picture: the numbers of i.
const LEFT: f64 = 44.0;

/// How the first directions of both adapters, named `a` and `b`, lie within each other in `module`.
pub fn picture(overlap: &Overlap, module: &str, [a, b]: [&str; 2], theme: &Theme) -> Picture {
    let [high, wide] = overlap.cell();
    let size = [overlap.rows(), overlap.columns()];
    let plot = [wide * size[1] as f64, high * size[0] as f64];
    let side = overlap.side.label();
    let words = Words {
        title: format!("φ(i, j) of {module}"),
        subtitle: format!("{side} · i directions of A ({a}) down, j directions of B ({b}) across"),
        desc: format!(
            "A grid of {} by {} cells: the share of the fewer directions that lies within the more.",
            size[0], size[1]
        ),
        notes: overlap.remark().into_iter().collect(),
    };
    let area = [(LEFT + plot[0]).max(LEFT + STRIP[0] + 60.0).max(460.0), plot[1] + 92.0];
    framed(stem(a, "phi", module), theme, &words, area, |svg| {
        let map = ColourMap::new(PALETTE, theme.is_dark);
        definitions(svg, theme, &map);
        svg.rect([LEFT, 0.0, plot[0], plot[1]], "url(#gap)");
        svg.group([LEFT, 0.0], [wide, high], |svg| {
            cells(svg, size, |cell| overlap.colour(cell, &map));
        });
        let look = Type::new(SIZE, theme.mute);
        for (at, i) in ticks(size[0]) {
            svg.text([LEFT - 8.0, at * plot[1] + SIZE * 0.35], &i.to_string(), look.anchored(Anchor::End));
        }
        for (at, j) in ticks(size[1]) {
            svg.text([LEFT + at * plot[0], plot[1] + 14.0], &j.to_string(), look.anchored(Anchor::Middle));
        }
        svg.text([0.0, 12.0], "i", look);
        svg.text([LEFT, plot[1] + 30.0], "j", look);
        svg.group([LEFT, plot[1] + 48.0], [1.0, 1.0], |svg| {
            strip_between(svg, theme, "φ: of the fewer directions", ["0", "1"]);
        });
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::comparison::overlap::Side;
    use crate::model::comparison::testing::overlap_grid;
    use crate::model::picture::parts::hex;
    use crate::model::picture::tests::{HOSTILE, texts_of};
    use lorascope_protocol::report::OverlapGrid;

    #[test]
    fn cells_axes_and_what_is_left_out_are_there() {
        let overlap = Overlap { grid: Arc::new(overlap_grid()), side: Side::Output };
        for theme in [Theme::LIGHT, Theme::DARK] {
            let picture = picture(&overlap, "layers.0.q", ["tutor", HOSTILE], &theme);
            let texts = texts_of(&picture);
            for text in ["φ(i, j) of layers.0.q", "i", "j", "0", "1", "2", "3"] {
                assert!(texts.iter().any(|t| t == text), "{text} is not in {texts:?}");
            }
            assert!(texts.iter().any(|t| t.contains("the first 3 of B’s 200")), "{texts:?}");
            let map = ColourMap::new(PALETTE, theme.is_dark);
            for x in [0.5, 0.6, 0.7, 0.4, 0.9] {
                assert!(picture.svg.contains(&hex(map.at(x))), "no cell has the colour of {x}");
            }
            assert_eq!(picture.stem, "tutor-phi-layers.0.q");
        }
        let none = Overlap { grid: Arc::new(OverlapGrid { size: [0, 0], ..overlap_grid() }), side: Side::Input };
        texts_of(&picture(&none, "", ["", ""], &Theme::LIGHT));
    }
}
