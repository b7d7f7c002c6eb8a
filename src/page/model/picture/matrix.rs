//! The matrix of compared adapters as a file.

use super::parts::{SIZE, STRIP, definitions, hex, strip_between};
use super::svg::{Anchor, Svg, Type};
use super::theme::Theme;
use super::{CHARACTER, Picture, Words, framed, stem};
use crate::model::colour::{ColourMap, ink_on};
use crate::model::comparison::label::shortened;
use crate::model::comparison::matrix::{Matrix, PairFigure, scale};
use crate::model::number::{plural, short};

const CELL: [f64; 2] = [92.0, 34.0];
/// Characters of a name beside a row and above a column.
const NAMES: [usize; 2] = [28, 14];
const HEAD: f64 = 22.0;

/// What the matrix shows of every two adapters.
pub fn picture(matrix: &Matrix, figure: &PairFigure, theme: &Theme) -> Picture {
    let n = matrix.len();
    let longest = matrix.labels.iter().map(|label| label.chars().count().min(NAMES[0])).max().unwrap_or(0);
    let left = (longest as f64 * SIZE * CHARACTER + 14.0).max(44.0);
    let plot = CELL.map(|side| side * n as f64);
    let words = Words {
        title: "Every adapter beside every other".to_owned(),
        subtitle: figure.label.to_owned(),
        desc: format!("A table of {}. {}", plural(n, "adapter", "adapters"), figure.help),
        notes: vec![figure.help.to_owned()],
    };
    let area = [(left + plot[0]).max(left + STRIP[0] + 60.0).max(460.0), HEAD + plot[1] + 70.0];
    framed(stem("comparison", "matrix", figure.key), theme, &words, area, |svg| {
        let map = ColourMap::new(figure.palette, theme.is_dark);
        definitions(svg, theme, &map);
        let look = Type::new(SIZE, theme.mute);
        for (place, label) in matrix.labels.iter().enumerate() {
            let middle = |side: usize| (place as f64 + 0.5) * CELL[side];
            let above = shortened(label, NAMES[1]);
            svg.text([left + middle(0), HEAD - 8.0], &above, look.anchored(Anchor::Middle));
            let beside = [left - 8.0, HEAD + middle(1) + SIZE * 0.35];
            svg.text(beside, &shortened(label, NAMES[0]), look.anchored(Anchor::End));
        }
        svg.group([left, HEAD], [1.0, 1.0], |svg| {
            for place in 0..n * n {
                cell(svg, matrix, figure, (place / n, place % n), &map);
            }
        });
        svg.group([left, HEAD + plot[1] + 22.0], [1.0, 1.0], |svg| {
            let scale = scale(figure);
            strip_between(svg, theme, figure.unit, [&short(scale.low), &short(scale.high)]);
        });
    })
}

fn cell(svg: &mut Svg, matrix: &Matrix, figure: &PairFigure, (row, column): (usize, usize), map: &ColourMap) {
    let [wide, high] = CELL;
    let [x, y] = [column as f64 * wide, row as f64 * high];
    let colour = matrix.colour(figure, row, column, map);
    let fill = colour.map_or_else(|| "url(#gap)".to_owned(), hex);
    svg.rect([x + 1.0, y + 1.0, wide - 2.0, high - 2.0], &fill);
    let entry = matrix.entry(figure, row, column);
    let ink = hex(ink_on(colour.unwrap_or(map.at(0.5))));
    let mut lines = vec![(entry.text, SIZE + 1.0)];
    lines.extend(entry.note.map(|note| (note, SIZE - 2.0)));
    let first = y + high / 2.0 + 4.0 - (lines.len() - 1) as f64 * 6.0;
    for (i, (text, size)) in lines.into_iter().enumerate() {
        svg.text([x + wide / 2.0, first + 12.0 * i as f64], &text, Type::new(size, &ink).anchored(Anchor::Middle));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::comparison::matrix::{COSINE, OVERLAP_IN};
    use crate::model::comparison::testing::compared;
    use crate::model::picture::tests::{HOSTILE, texts_of};

    #[test]
    fn every_cell_has_its_number_and_its_chance() {
        for n in [2, 7] {
            let mut labels: Vec<String> = (0..n).map(|i| format!("adapter {i}")).collect();
            labels[1] = HOSTILE.to_owned();
            let matrix = Matrix { compared: Arc::new(compared(n)), labels, zero: vec![false; n] };
            for (figure, theme) in [(&COSINE, Theme::LIGHT), (&OVERLAP_IN, Theme::DARK)] {
                let picture = picture(&matrix, figure, &theme);
                let texts = texts_of(&picture);
                for row in 0..n {
                    for column in 0..n {
                        let entry = matrix.entry(figure, row, column);
                        for text in [Some(entry.text), entry.note].into_iter().flatten() {
                            assert!(texts.contains(&text), "{text} is not in {texts:?}");
                        }
                    }
                }
                assert!(texts.iter().any(|t| t == "adapter 0") && texts.iter().any(|t| t == figure.unit));
                assert_eq!(picture.stem, format!("comparison-matrix-{}", figure.key));
            }
        }
    }
}
