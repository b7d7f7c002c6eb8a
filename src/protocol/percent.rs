//! Percent codes in addresses (RFC 3986, section 2).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but letters, digits and `-._~` (section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// A query's value may hold these too, so that people can read the address.
const IN_A_QUERY: &AsciiSet = &RESERVED.remove(b'/').remove(b':').remove(b'@');

/// A text as one part of a path, of a query or of a fragment.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A text as a query's value, readable where that is safe.
pub fn encoded_for_query(text: &str) -> String {
    utf8_percent_encode(text, IN_A_QUERY).to_string()
}

/// Encoded text in clear; a `%` that encodes nothing stays, and what is no UTF-8 becomes U+FFFD.
pub fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The same; the text as it is where the codes are no UTF-8.
pub fn decoded_if_text(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8().unwrap_or(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_codes_both_ways() {
        for (code, text) in [("a%20b%2Fc%C3%A4", "a b/cä"), ("100%", "100%"), ("%zz%+1%f", "%zz%+1%f")] {
            assert_eq!((decoded(code), decoded_if_text(code).as_ref()), (text.to_owned(), text));
        }
        assert_eq!((decoded("%FF"), decoded_if_text("%FF").as_ref()), ("\u{fffd}".to_owned(), "%FF"));
        assert_eq!(encoded("refs/pr/1 ä-._~"), "refs%2Fpr%2F1%20%C3%A4-._~");
        assert_eq!(encoded_for_query("https://a@b/c&d#e?f+g"), "https://a@b/c%26d%23e%3Ff%2Bg");
    }
}
