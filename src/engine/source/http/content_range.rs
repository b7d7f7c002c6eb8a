//! The `Content-Range` header (RFC 9110, section 14.4).

/// What it says: `bytes 0-99/1234`, `bytes 0-99/*`, `bytes */1234`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// First and last byte, both included; `None` where the range asked for lies outside.
    pub span: Option<(u64, u64)>,
    /// Of the whole file.
    pub total: Option<u64>,
}

impl ContentRange {
    /// `None` for what is malformed or contradicts itself.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let unit = text.get(..6)?;
        if !unit.eq_ignore_ascii_case("bytes ") {
            return None;
        }
        let (span, total) = text.get(6..)?.trim().split_once('/')?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        let span = if span == "*" {
            None
        } else {
            let (first, last) = span.split_once('-')?;
            let (first, last) = (number(first)?, number(last)?);
            let is_inside = first <= last && total.is_none_or(|total| last < total);
            Some(is_inside.then_some((first, last))?)
        };
        (span.is_some() || total.is_some()).then_some(Self { span, total })
    }
}

/// Digits only: no sign, no space.
pub fn number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms() {
        let of = |text| ContentRange::parse(text).map(|range| (range.span, range.total));
        assert_eq!(of("bytes 0-99/1234"), Some((Some((0, 99)), Some(1234))));
        assert_eq!(of("Bytes  5-5/* "), Some((Some((5, 5)), None)));
        assert_eq!(of("bytes */0"), Some((None, Some(0))));
        assert_eq!(of("bytes 0-18446744073709551614/18446744073709551615").unwrap().1, Some(u64::MAX));
        for bad in [
            "",
            "bytes",
            "bytes ",
            "items 0-1/2",
            "bytes 5-4/9",
            "bytes 0-9/9",
            "bytes */*",
            "bytes -1/2",
            "bytes 0-/2",
            "bytes 0-1",
            "bytes +0-1/2",
            "bytes 0-1/99999999999999999999",
            "bytes ä",
            "bytës 0-1/2",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
