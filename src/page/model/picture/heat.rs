//! A heatmap as a file: its cells, the names of rows and columns, and the colours with their numbers and unit.

use std::cell::Cell;

use super::parts::{SIZE, STRIP, cells, definitions, hex, strip};
use super::svg::{Anchor, Svg, Type, escaped, shortened};
use super::theme::Theme;
use super::{CHARACTER, Picture, Words, framed, stem};
use crate::model::axis::Scale;
use crate::model::colour::{ColourMap, Rgb};
use crate::model::grid::Grid;
use crate::model::heat::{Field, colour, column_ticks, left_out, legend, row_height, splits};
use crate::model::number::plural;

/// What a heatmap is called.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// For the file: `heatmap`.
    pub picture: &'a str,
    pub title: &'a str,
    /// Of what it is, where the title does not say it; may be empty.
    pub subtitle: &'a str,
    pub adapter: &'a str,
    /// The measure's stable word.
    pub measure: &'a str,
}

/// Characters of a row's name, at most.
const LABEL: usize = 36;

/// Where things lie, in units of the picture.
struct Layout {
    left: f64,
    cell: [f64; 2],
    plot: [f64; 2],
    width: f64,
}

impl Layout {
    fn new(grid: &Grid) -> Layout {
        let columns = grid.columns.len().max(1) as f64;
        let longest = grid.rows.iter().map(|row| row.label.chars().count().min(LABEL)).max().unwrap_or(0);
        let left = (longest as f64 * SIZE * CHARACTER + 14.0).max(44.0);
        // As wide as a page where that is enough, and never so narrow that a column cannot be seen.
        let wide = (640.0 / columns).min(72.0).max((2400.0 / columns).min(6.0)).max(2.0);
        let cell = [wide, row_height(grid.rows.len()) as f64];
        let plot = [wide * columns, cell[1] * grid.rows.len() as f64];
        Layout { left, cell, plot, width: (left + plot[0]).max(left + STRIP[0] + 140.0).max(460.0) }
    }
}

/// The heatmap of `field` over `grid`, its colours over `scale`.
pub fn picture(grid: &Grid, field: &dyn Field, scale: Option<Scale>, theme: &Theme, names: Names<'_>) -> Picture {
    let layout = Layout::new(grid);
    let mut parts = vec![field.figure().label];
    parts.extend([names.subtitle, names.adapter].into_iter().filter(|part| !part.is_empty()));
    let words = Words {
        title: names.title.to_owned(),
        subtitle: parts.join(" · "),
        desc: desc(grid, field, scale),
        notes: field.remark().into_iter().chain(left_out(grid)).collect(),
    };
    let name = stem(names.adapter, names.picture, names.measure);
    let area = [layout.width, layout.plot[1] + 84.0];
    framed(name, theme, &words, area, |svg| {
        let map = ColourMap::new(field.figure().palette, theme.is_dark);
        definitions(svg, theme, &map);
        let has_no_number = Cell::new(false);
        let colour = |cell| {
            let colour = colour(grid, field, scale, &map, cell);
            has_no_number.set(has_no_number.get() || colour == Some(map.not_finite));
            colour
        };
        svg.rect([layout.left, 0.0, layout.plot[0], layout.plot[1]], "url(#gap)");
        let size = [grid.rows.len(), grid.columns.len()];
        svg.group([layout.left, 0.0], layout.cell, |svg| cells(svg, size, colour));
        // Lines between the stacks.
        for at in splits(grid) {
            svg.rect([layout.left + at * layout.plot[0] - 1.0, 0.0, 2.0, layout.plot[1]], theme.panel);
        }
        axes(svg, grid, &layout, theme);
        svg.group([layout.left, layout.plot[1] + 36.0], [1.0, 1.0], |svg| {
            colours(svg, field, scale, theme, has_no_number.get().then_some(map.not_finite));
        });
    })
}

fn desc(grid: &Grid, field: &dyn Field, scale: Option<Scale>) -> String {
    let [rows, columns] = [grid.rows.len(), grid.columns.len()];
    let legend = legend(field, scale);
    format!(
        "A heatmap of {} by {}; each cell is one module. {}: {} Its colours go from {} to {} {}{}.",
        plural(rows, "kind of module", "kinds of modules"),
        plural(columns, "layer", "layers"),
        field.figure().label,
        field.figure().help,
        legend.low,
        legend.high,
        legend.unit,
        legend.scale,
    )
}

fn axes(svg: &mut Svg, grid: &Grid, layout: &Layout, theme: &Theme) {
    let look = Type::new(SIZE, theme.mute);
    for (i, row) in grid.rows.iter().enumerate() {
        let y = (i as f64 + 0.5) * layout.cell[1] + SIZE * 0.35;
        // The whole path, for whoever points at the name.
        svg.raw(&format!("<g><title>{}</title>", escaped(&row.path)));
        svg.text([layout.left - 8.0, y], &shortened(&row.label, LABEL), look.anchored(Anchor::End));
        svg.raw("</g>");
    }
    let below = layout.plot[1] + 14.0;
    let corner = if grid.stretches().is_empty() { "layer" } else { "part" };
    svg.text([layout.left - 8.0, below], corner, look.anchored(Anchor::End));
    let wanted = if grid.columns.len() > 64 { 16 } else { 9 };
    for (at, name) in column_ticks(grid, wanted) {
        svg.text([layout.left + at * layout.plot[0], below], &name, look.anchored(Anchor::Middle));
    }
}

/// The colours with their numbers and unit, and the colours of nothing and of no number.
fn colours(svg: &mut Svg, field: &dyn Field, scale: Option<Scale>, theme: &Theme, not_finite: Option<Rgb>) {
    let look = Type::new(SIZE, theme.mute);
    let words = legend(field, scale);
    let name = format!("{}: {}{}", field.figure().label, words.unit, words.scale);
    strip(svg, theme, &name);
    let [wide, high] = STRIP;
    if let Some(scale) = scale {
        let mut names = vec![(0.0, words.low, Anchor::Start), (wide, words.high, Anchor::End)];
        let mut taken = vec![0.0, wide];
        for tick in scale.ticks(3) {
            let Some(x) = scale.position(tick).map(|t| t * wide) else { continue };
            if taken.iter().all(|other| (x - other).abs() >= 64.0) {
                taken.push(x);
                names.push((x, field.figure().write(tick), Anchor::Middle));
                svg.line([x, 12.0 + high], [x, 16.0 + high], theme.mute);
            }
        }
        for (x, text, anchor) in names {
            svg.text([x, 36.0], &text, look.anchored(anchor));
        }
    }
    let mut x = wide + 24.0;
    let mut swatch = |svg: &mut Svg, fill: &str, text: &str| {
        svg.rect([x, 12.0, 16.0, high], fill);
        svg.frame([x + 0.5, 12.5, 15.0, high - 1.0], theme.line);
        svg.text([x + 22.0, 21.0], text, look);
        x += 22.0 + (text.chars().count() as f64 + 3.0) * SIZE * CHARACTER;
    };
    swatch(svg, "url(#gap)", words.gap);
    if let Some(colour) = not_finite {
        swatch(svg, &hex(colour), "no number");
    }
}

#[cfg(test)]
#[path = "heat_tests.rs"]
mod tests;
