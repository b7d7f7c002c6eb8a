use regex_lite::Regex;

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
    /// No operator but the dot: compared by hand, since adapters with one pattern per module have thousands.
    Plain {
        text: String,
        wild_dots: bool,
    },
    Regex(Regex),
}

impl Pattern {
    /// The pattern, and whether its expression is supported; one that is not stands for its literal text.
    pub fn new(text: &str) -> (Self, bool) {
        const OPERATORS: &[char] = &['\\', '^', '$', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '\n'];
        if !text.contains(OPERATORS) {
            return (Self::plain(text, true), true);
        }
        match Regex::new(&format!(r"^(?:.*\.)?(?:{text})$")) {
            Ok(regex) => (Self { form: Form::Regex(regex) }, true),
            Err(_) => (Self::plain(text, false), false),
        }
    }

    fn plain(text: &str, wild_dots: bool) -> Self {
        Self { form: Form::Plain { text: text.to_owned(), wild_dots } }
    }

    /// Whether the path of a module, without PEFT's prefix, matches.
    pub fn matches(&self, module: &str) -> bool {
        match &self.form {
            Form::Regex(regex) => regex.is_match(module),
            Form::Plain { text, wild_dots } => {
                let mut rest = module.chars().rev();
                let ends = text.chars().rev().all(|p| rest.next().is_some_and(|c| c == p || (*wild_dots && p == '.')));
                ends && rest.next().is_none_or(|before| before == '.')
            }
        }
    }
}
