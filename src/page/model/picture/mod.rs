//! The page's pictures as files: SVG that stands for itself, with its title, its axes and its legend.
//!
//! Each is made of the same numbers and the same geometry as the picture on the page.

pub mod domains;
pub mod heat;
pub mod matrix;
pub mod overlap;
pub mod pair;
mod parts;
pub mod spectrum;
pub mod svg;
pub mod theme;
pub mod trajectory;

use self::svg::{Anchor, Short, Svg, Type, escaped, shortened, wrapped};
use self::theme::Theme;
use lorascope_protocol::path::file_stem;

/// A picture, ready to be saved.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The file's name without its extension: `<adapter>-<picture>-<measure>`.
    pub stem: String,
    pub svg: String,
    /// Its own size, in CSS pixels.
    pub width: f64,
    pub height: f64,
}

/// What stands around a picture.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// What the picture shows: "Where the update lives".
    pub title: String,
    /// Of what: the measure and the adapter.
    pub subtitle: String,
    /// What a person who does not see it should know.
    pub desc: String,
    /// What to know when reading it; below it.
    pub notes: Vec<String>,
}

/// The pixels of a picture as PNG: twice its own size, as far as every browser's canvas goes.
pub fn png_size(picture: &Picture) -> [u32; 2] {
    const SIDE: f64 = 8192.0;
    const AREA: f64 = 32e6;
    let (width, height) = (picture.width.max(1.0), picture.height.max(1.0));
    let factor = (SIDE / width).min(SIDE / height).min((AREA / (width * height)).sqrt()).min(2.0);
    [width, height].map(|side| (side * factor).round().max(1.0) as u32)
}

/// The width of the margin around everything.
const MARGIN: f64 = 20.0;
/// Of the title, and below the lines of the subtitle.
const HEAD: [f64; 2] = [18.0, 22.0];
const NOTE_SIZE: f64 = 11.0;
const NOTE_LINE: f64 = 16.0;

/// The average width of a character, as a part of the font's size: no browser measures text for this program.
pub const CHARACTER: f64 = 0.56;

/// Joins the parts of a file's name.
pub fn stem(adapter: &str, picture: &str, measure: &str) -> String {
    let mut name = format!("{}-{picture}", file_stem(adapter, "adapter"));
    if !measure.is_empty() {
        name = format!("{name}-{}", file_stem(measure, "picture"));
    }
    name
}

/// The picture `draw`s into an area of this width and height below the title; the frame around it.
pub fn framed(stem: String, theme: &Theme, words: &Words, area: [f64; 2], draw: impl FnOnce(&mut Svg)) -> Picture {
    let [wide, high] = area;
    let characters = |size: f64| (wide / (size * CHARACTER)) as usize;
    let notes: Vec<String> = words.notes.iter().flat_map(|note| wrapped(note, characters(NOTE_SIZE))).collect();
    let subtitle = wrapped(&words.subtitle, characters(12.0));
    let head = HEAD[0] + NOTE_LINE * subtitle.len() as f64 + HEAD[1];
    // The last line names the page that made it.
    let (width, height) = (wide + 2.0 * MARGIN, MARGIN + head + high + NOTE_LINE * (notes.len() as f64 + 1.0) + MARGIN);
    let mut svg = Svg::default();
    svg.raw(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" \
         aria-labelledby=\"title desc\" font-family=\"{FONT}\">\n<title id=\"title\">{2}</title>\n<desc id=\"desc\">{3}</desc>\n",
        Short(width),
        Short(height),
        escaped(&format!("{}: {}", words.title, words.subtitle)),
        escaped(&words.desc),
    ));
    svg.rect([0.0, 0.0, width, height], theme.panel);
    svg.group([MARGIN, MARGIN], [1.0, 1.0], |svg| {
        svg.text([0.0, 14.0], &shortened(&words.title, characters(15.0)), Type::new(15.0, theme.ink).bold());
        for (i, line) in subtitle.iter().enumerate() {
            svg.text([0.0, HEAD[0] + NOTE_LINE * (i as f64 + 1.0)], line, Type::new(12.0, theme.mute));
        }
        svg.group([0.0, head], [1.0, 1.0], draw);
        let below = head + high + NOTE_LINE;
        for (i, note) in notes.iter().enumerate() {
            svg.text([0.0, below + NOTE_LINE * i as f64], note, Type::new(NOTE_SIZE, theme.mute));
        }
        let made = Type::new(NOTE_SIZE, theme.mute).anchored(Anchor::End);
        svg.text([wide, below + NOTE_LINE * notes.len() as f64], "Lorascope", made);
    });
    svg.raw("</svg>\n");
    Picture { stem, svg: svg.into_text(), width, height }
}

/// The page's own; no file is asked for one.
const FONT: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The texts of a picture that is valid XML, stands for itself and draws nothing without a place.
    pub fn texts_of(picture: &Picture) -> Vec<String> {
        let document = roxmltree::Document::parse(&picture.svg).unwrap_or_else(|e| panic!("{e}: {}", picture.svg));
        let root = document.root_element();
        assert_eq!(
            (root.tag_name().name(), root.attribute("width")),
            ("svg", Some(&*Short(picture.width).to_string()))
        );
        assert!(!picture.svg.contains("NaN") && !picture.svg.contains("inf\""), "{}", picture.svg);
        for node in document.descendants().filter(roxmltree::Node::is_element) {
            let name = node.tag_name().name();
            assert!(
                [
                    "svg",
                    "g",
                    "title",
                    "desc",
                    "rect",
                    "path",
                    "circle",
                    "text",
                    "defs",
                    "pattern",
                    "linearGradient",
                    "stop"
                ]
                .contains(&name),
                "an element {name}"
            );
            for attribute in node.attributes() {
                let name = attribute.name();
                assert!(!name.starts_with("on") && !["href", "style", "src"].contains(&name), "an attribute {name}");
                assert!(!attribute.value().replace("url(#", "").contains("url("), "{name} leads elsewhere");
            }
        }
        document.descendants().filter(roxmltree::Node::is_text).filter_map(|n| n.text()).map(str::to_owned).collect()
    }

    /// What a file may hold to get into the page.
    pub const HOSTILE: &str = "</text><script>alert(1)</script>\"' & ]]>\u{1b}\u{0}";

    #[test]
    fn a_png_is_twice_as_large_and_never_too_large() {
        let of =
            |width: f64, height: f64| png_size(&Picture { stem: String::new(), svg: String::new(), width, height });
        assert_eq!(of(580.0, 400.5), [1160, 801]);
        for (width, height) in [(8300.0, 400.0), (8300.0, 9000.0), (0.0, 1e9)] {
            let [w, h] = of(width, height).map(f64::from);
            assert!(w >= 1.0 && h >= 1.0 && w <= 8192.0 && h <= 8192.0 && w * h < 32.1e6, "{w}×{h}");
        }
    }

    #[test]
    fn the_frame_holds_any_words() {
        let words = Words {
            title: HOSTILE.to_owned(),
            subtitle: "x".repeat(1000),
            desc: HOSTILE.to_owned(),
            notes: vec!["word ".repeat(100)],
        };
        for theme in [Theme::LIGHT, Theme::DARK] {
            let picture = framed(stem("a/b c", "heatmap", "energy-share"), &theme, &words, [400.0, 100.0], |_| ());
            let texts = texts_of(&picture);
            assert!(texts.iter().any(|text| text.contains("<script>alert(1)</script>")), "the name is text: {texts:?}");
            assert!(picture.height > 300.0, "the notes have their room: {}", picture.height);
            assert!(picture.svg.contains(&format!("fill=\"{}\"", theme.panel)), "it has the page's ground");
            assert_eq!(picture.stem, "b-c-heatmap-energy-share");
        }
    }
}
