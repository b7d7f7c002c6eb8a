//! What pictures of coloured cells share: their cells, and the colours with their numbers.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::svg::{Anchor, Svg, Type};
use super::theme::Theme;
use crate::model::colour::{ColourMap, Rgb};

/// Of the letters beside a picture.
pub const SIZE: f64 = 11.0;
/// Width and height of the strip of colours.
pub const STRIP: [f64; 2] = [220.0, 10.0];

/// The stripes of what is not there (`#gap`), and the colours as a gradient (`#colours`).
pub fn definitions(svg: &mut Svg, theme: &Theme, map: &ColourMap) {
    const STOPS: u32 = 32;
    svg.raw(&format!(
        "<defs><pattern id=\"gap\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect width=\"8\" height=\"8\" fill=\"{}\"/><rect width=\"4\" height=\"8\" \
         fill=\"{}\"/></pattern><linearGradient id=\"colours\">",
        theme.panel, theme.track
    ));
    for i in 0..=STOPS {
        let t = f64::from(i) / f64::from(STOPS);
        svg.raw(&format!("<stop offset=\"{t}\" stop-color=\"{}\"/>", hex(map.at(t))));
    }
    svg.raw("</linearGradient></defs>\n");
}

/// Cells of one unit each, one path per colour; none where there is no colour.
pub fn cells(svg: &mut Svg, [rows, columns]: [usize; 2], colour: impl Fn([usize; 2]) -> Option<Rgb>) {
    let mut paths: BTreeMap<Rgb, String> = BTreeMap::new();
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let Some(here) = colour([row, column]) else {
                column += 1;
                continue;
            };
            // Neighbours of one colour are one shape.
            let mut end = column + 1;
            while end < columns && colour([row, end]) == Some(here) {
                end += 1;
            }
            let run = end - column;
            // Writing into a String cannot fail.
            let _ = write!(paths.entry(here).or_default(), "M{column} {row}h{run}v1h-{run}z");
            column = end;
        }
    }
    for (colour, path) in paths {
        svg.path(&path, &format!("fill=\"{}\" shape-rendering=\"crispEdges\"", hex(colour)));
    }
}

/// The strip of colours below what it is called.
pub fn strip(svg: &mut Svg, theme: &Theme, name: &str) {
    svg.text([0.0, 4.0], name, Type::new(SIZE, theme.ink));
    let [wide, high] = STRIP;
    svg.rect([0.0, 12.0, wide, high], "url(#colours)");
    svg.frame([0.5, 12.5, wide - 1.0, high - 1.0], theme.line);
}

/// The strip with the numbers of its ends.
pub fn strip_between(svg: &mut Svg, theme: &Theme, name: &str, [low, high]: [&str; 2]) {
    strip(svg, theme, name);
    let look = Type::new(SIZE, theme.mute);
    svg.text([0.0, 36.0], low, look);
    svg.text([STRIP[0], 36.0], high, look.anchored(Anchor::End));
}

pub fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}
