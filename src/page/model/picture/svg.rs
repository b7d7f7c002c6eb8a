//! A small writer of SVG: valid XML whatever the texts say, presentation attributes only, so that no policy of the page
//! has to allow a style, and nothing that is loaded from anywhere.

/// A picture that is being written.
#[derive(Clone, Debug, Default)]
pub struct Svg {
    out: String,
}

/// Which end of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub struct Type<'a> {
    /// Units of the picture, which are pixels at its own size.
    pub size: f64,
    pub fill: &'a str,
    pub anchor: Anchor,
    pub is_bold: bool,
}

impl<'a> Type<'a> {
    pub fn new(size: f64, fill: &'a str) -> Type<'a> {
        Type { size, fill, anchor: Anchor::Start, is_bold: false }
    }

    pub fn bold(self) -> Type<'a> {
        Type { is_bold: true, ..self }
    }

    pub fn anchored(self, anchor: Anchor) -> Type<'a> {
        Type { anchor, ..self }
    }
}

impl Svg {
    /// What follows, inside of a group that is moved by (x, y) and then scaled.
    pub fn group(&mut self, place: [f64; 2], scale: [f64; 2], draw: impl FnOnce(&mut Svg)) {
        let ([x, y], [wide, high]) = (place.map(Short), scale.map(Short));
        self.raw(&format!("<g transform=\"translate({x} {y}) scale({wide} {high})\">"));
        draw(self);
        self.raw("</g>\n");
    }

    /// x, y, width and height.
    pub fn rect(&mut self, place: [f64; 4], fill: &str) {
        self.rect_like(place, &format!("fill=\"{fill}\""));
    }

    /// The outline of a rectangle.
    pub fn frame(&mut self, place: [f64; 4], stroke: &str) {
        self.rect_like(place, &format!("fill=\"none\" stroke=\"{stroke}\""));
    }

    fn rect_like(&mut self, place: [f64; 4], look: &str) {
        let [x, y, width, height] = place.map(Short);
        self.raw(&format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {look}/>\n"));
    }

    pub fn line(&mut self, from: [f64; 2], to: [f64; 2], stroke: &str) {
        let ([x1, y1], [x2, y2]) = (from.map(Short), to.map(Short));
        self.path(&format!("M{x1} {y1}L{x2} {y2}"), &format!("fill=\"none\" stroke=\"{stroke}\""));
    }

    /// A path; `look` are attributes that this program wrote itself.
    pub fn path(&mut self, d: &str, look: &str) {
        if !d.is_empty() {
            self.raw(&format!("<path d=\"{d}\" {look}/>\n"));
        }
    }

    pub fn circle(&mut self, centre: [f64; 2], r: f64, look: &str) {
        let ([cx, cy], r) = (centre.map(Short), Short(r));
        self.raw(&format!("<circle cx=\"{cx}\" cy=\"{cy}\" r=\"{r}\" {look}/>\n"));
    }

    /// A line of text whose baseline begins (or ends, or has its middle) at a place.
    pub fn text(&mut self, place: [f64; 2], text: &str, look: Type<'_>) {
        let anchor = match look.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = if look.is_bold { " font-weight=\"600\"" } else { "" };
        let ([x, y], size, fill, text) = (place.map(Short), Short(look.size), look.fill, escaped(text));
        self.raw(&format!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{fill}\"{anchor}{weight}>{text}</text>\n"
        ));
    }

    /// Markup that this program wrote itself.
    pub fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    pub fn into_text(self) -> String {
        self.out
    }
}

/// At most two decimals, and none that says nothing.
pub struct Short(pub f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A coordinate that is no number would make the whole picture invalid.
        let x = if self.0.is_finite() { self.0 } else { 0.0 };
        let hundredths = (x * 100.0).round() / 100.0;
        write!(f, "{}", if hundredths == 0.0 { 0.0 } else { hundredths })
    }
}

/// A text as the content of an element or an attribute: never markup, and only characters that XML 1.0 allows.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            // Controls, which XML has no place for, and the marks that turn the direction of what follows them.
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push('\u{fffd}');
            }
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The text in lines of at most `most` characters, broken between words; a longer word is cut.
pub fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut room = 0;
    // Not at a narrow space, which holds a number and its unit together.
    for word in text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty()) {
        let chars: Vec<char> = word.chars().collect();
        match lines.last_mut() {
            Some(line) if chars.len() < room => {
                line.push(' ');
                line.extend(&chars);
                room -= chars.len() + 1;
            }
            _ => {
                for part in chars.chunks(most.max(1)) {
                    lines.push(part.iter().collect());
                    room = most.max(1) - part.len();
                }
            }
        }
    }
    lines
}

/// The text, or its beginning and an ellipsis where it is longer than `most` characters.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_never_markup() {
        assert_eq!(
            escaped("<script>\"a\" & 'b'</script>"),
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;"
        );
        assert_eq!(escaped("a\0b\u{1b}c\u{202e}d\u{ffff}\n"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd} ");
    }

    #[test]
    fn numbers_are_short_and_always_numbers() {
        let text = |x: f64| Short(x).to_string();
        assert_eq!(
            [text(1.0), text(0.126), text(-0.001), text(f64::NAN), text(1e9)],
            ["1", "0.13", "0", "0", "1000000000"]
        );
    }

    #[test]
    fn long_texts_break_between_words_and_lose_nothing() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("ab abcdefghij k", 4), ["ab", "abcd", "efgh", "ij k"]);
        assert_eq!(wrapped("ab 93.8\u{202f}%", 6), ["ab", "93.8\u{202f}%"]);
        assert_eq!(wrapped("", 4), [""; 0]);
        assert_eq!(wrapped("äöü", 0), ["ä", "ö", "ü"]);
        assert_eq!([shortened("abcdef", 4), shortened("abcd", 4)], ["abc…", "abcd"]);
    }
}
