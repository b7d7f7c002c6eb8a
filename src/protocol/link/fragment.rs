//! The fragment of an address: `#p=<payload>&tab=compare&module=…`.
//!
//! Data and view parse apart: whatever became of the view, the data opens, and the other way round.

use crate::percent::{decoded, encoded};

/// The name of the payload.
const PAYLOAD: &str = "p";
/// A piece of the fragment that is longer belongs to a payload whose beginning was lost.
const LONGEST_VIEW: usize = 1024;

/// What stands in a fragment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    /// Empty where a payload was meant and nothing is left of it.
    pub payload: Option<String>,
    /// Names and values of the view, decoded, in their order.
    pub view: Vec<(String, String)>,
}

/// Reads a fragment, with or without its `#`. Never fails: what means nothing is left out.
pub fn parse(fragment: &str) -> Fragment {
    let fragment = fragment.trim().trim_start_matches('#');
    // Some programs encode a whole fragment once more.
    let clear = decoded(fragment);
    let is_encoded = !fragment.contains('=') && clear.contains('=');
    let fragment = if is_encoded { &clear } else { fragment };
    let mut read = Fragment::default();
    for piece in fragment.split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        if decoded(name) == PAYLOAD {
            // Of two that differ neither is to be trusted; joined they fail the checksum.
            let value = trimmed(&decoded(value));
            match &mut read.payload {
                Some(first) if *first != value => first.push_str(&value),
                payload => *payload = Some(value),
            }
        } else if piece.len() > LONGEST_VIEW {
            read.payload.get_or_insert_default().push('!');
        } else if name != piece {
            read.view.push((decoded(name), decoded(value)));
        }
    }
    read
}

/// Without what a sentence puts around an address.
fn trimmed(payload: &str) -> String {
    let is_around = |c: char| c.is_whitespace() || matches!(c, '.' | ',' | ';' | ':' | ')' | '>' | ']' | '"' | '\'');
    payload.trim_end_matches(is_around).to_owned()
}

impl Fragment {
    /// `p=…&tab=…`, without `#`; empty where there is nothing to say.
    pub fn write(&self) -> String {
        let payload = self.payload.iter().map(|payload| format!("{PAYLOAD}={}", encoded(payload)));
        let view = self.view.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        payload.chain(view).collect::<Vec<_>>().join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for module in ["model.layers.3.q_proj", "a&b=c#d%20 é+", "%", ""] {
            let fragment =
                Fragment { payload: Some("AQ-_9".to_owned()), view: view(&[("tab", "compare"), ("module", module)]) };
            assert_eq!(parse(&fragment.write()), fragment);
            assert_eq!(parse(&format!("#{}", fragment.write())), fragment);
            assert_eq!(parse(&encoded(&fragment.write())), fragment, "encoded once more as a whole");
        }
        assert_eq!(Fragment::default().write(), "");
        assert_eq!(parse("#"), Fragment::default());
    }

    #[test]
    fn data_and_view_do_not_break_each_other() {
        let payload = |text: &str| parse(text).payload;
        assert_eq!(payload("p=AQAB&tab=com"), Some("AQAB".to_owned()));
        assert_eq!(payload("p=AQAB&&%%%=&=&tab"), Some("AQAB".to_owned()));
        assert_eq!(payload("tab=compare&p=AQAB"), Some("AQAB".to_owned()));
        assert_eq!(payload("p=AQAB)."), Some("AQAB".to_owned()), "at the end of a sentence");
        assert_eq!(payload("p=AQAB&p=AQAB"), Some("AQAB".to_owned()));
        assert_eq!(payload("p=AQAB&p=AQAC"), Some("AQABAQAC".to_owned()), "of which the checksum says no");
        assert_eq!(payload("p="), Some(String::new()));
        assert_eq!(payload("tab=compare"), None);
        let lost = format!("q={}", "A".repeat(2000));
        assert!(payload(&lost).is_some_and(|payload| payload.contains('!')), "a payload without its beginning");
        assert_eq!(parse("tab=alignment&p=AQ").view, view(&[("tab", "alignment")]));
    }
}
