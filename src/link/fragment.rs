//! The fragment of an address: `#p=<payload>&tab=compare&module=…`.
//!
//! Data and view parse apart: whatever became of the view, the data opens, and the other way round.

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
    let decoded = decode(fragment);
    let is_encoded = !fragment.contains('=') && decoded.contains('=');
    let fragment = if is_encoded { &decoded } else { fragment };
    let mut read = Fragment::default();
    for piece in fragment.split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        if decode(name) == PAYLOAD {
            // Of two that differ neither is to be trusted; joined they fail the checksum.
            let value = trimmed(&decode(value));
            match &mut read.payload {
                Some(first) if *first != value => first.push_str(&value),
                payload => *payload = Some(value),
            }
        } else if piece.len() > LONGEST_VIEW {
            read.payload.get_or_insert_default().push('!');
        } else if name != piece {
            read.view.push((decode(name), decode(value)));
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
        let payload = self.payload.iter().map(|payload| format!("{PAYLOAD}={}", encode(payload)));
        let view = self.view.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        payload.chain(view).collect::<Vec<_>>().join("&")
    }
}

/// Percent-encodes all but letters, digits and `-._~` (RFC 3986, section 2.3).
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Undoes [`encode`]; a `%` that encodes nothing stays.
fn decode(text: &str) -> String {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = match (first, after) {
            (b'%', [high, low, after @ ..]) => digit(high).zip(digit(low)).map(|(h, l)| ((h * 16 + l) as u8, after)),
            _ => None,
        };
        let (byte, after) = hex.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
            assert_eq!(parse(&encode(&fragment.write())), fragment, "encoded once more as a whole");
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
