use regex_lite::{Regex, RegexBuilder};

/// A key of `rank_pattern` or `alpha_pattern`.
///
/// PEFT (0.14 and later) asks whether Python's regular expression `(.*\.)?(P)$` matches from the start of the
/// module's path: P is the path's end, beginning at a segment.
#[derive(Clone, Debug)]
pub struct Pattern {
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// No operator but the dot, and `^` at the start as diffusers writes it: compared by hand, since adapters with one
    /// pattern per module have thousands.
    Plain {
        text: String,
        wild_dots: bool,
        /// The whole path, not only its end.
        anchored: bool,
    },
    Regex(Regex),
}

/// Bytes of a compiled expression, at most: a dozen characters with counted repetitions ask for megabytes.
const MAX_PROGRAM: usize = 64 << 10;

impl Pattern {
    /// Whether a pattern has more than literal text, dots and `^` at its start.
    pub fn is_expression(text: &str) -> bool {
        const OPERATORS: &[char] = &['\\', '^', '$', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '\n'];
        text.strip_prefix('^').unwrap_or(text).contains(OPERATORS)
    }

    /// The pattern, and whether its expression is supported; one that is not stands for its literal text.
    pub fn new(text: &str) -> (Self, bool) {
        let (rest, anchored) = text.strip_prefix('^').map_or((text, false), |rest| (rest, true));
        if !Self::is_expression(text) {
            return (Self::plain(rest, true, anchored), true);
        }
        match RegexBuilder::new(&format!(r"^(?:.*\.)?(?:{text})$")).size_limit(MAX_PROGRAM).build() {
            Ok(regex) => (Self { form: Form::Regex(regex) }, true),
            Err(_) => (Self::plain(text, false, false), false),
        }
    }

    fn plain(text: &str, wild_dots: bool, anchored: bool) -> Self {
        Self { form: Form::Plain { text: text.to_owned(), wild_dots, anchored } }
    }

    /// Whether the path of a module, without PEFT's prefix, matches.
    pub fn matches(&self, module: &str) -> bool {
        match &self.form {
            Form::Regex(regex) => regex.is_match(module),
            Form::Plain { text, wild_dots, anchored } => {
                // Most patterns are told by where they would begin.
                if module.is_ascii() {
                    match module.len().checked_sub(text.len()) {
                        Some(0) => {}
                        Some(before) if !anchored && module.as_bytes()[before - 1] == b'.' => {}
                        _ => return false,
                    }
                }
                let mut rest = module.chars().rev();
                let ends = text.chars().rev().all(|p| rest.next().is_some_and(|c| c == p || (*wild_dots && p == '.')));
                ends && rest.next().is_none_or(|before| !anchored && before == '.')
            }
        }
    }
}
