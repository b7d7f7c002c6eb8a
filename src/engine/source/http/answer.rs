//! What a server's answer to a ranged GET means: one table.

use std::ops::Range;

use super::content_range::{ContentRange, number};

/// The headers that are looked at, where the server lets them be read. Through CORS only `Content-Length` and
/// `Last-Modified` of these can be read without being exposed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    pub content_range: Option<String>,
    pub content_length: Option<String>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub retry_after: Option<String>,
}

impl Headers {
    /// What tells one state of the file from another.
    pub fn tag(&self) -> Option<String> {
        self.etag.clone().or_else(|| self.last_modified.clone())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The bytes that were asked for, or the first of them, and the length of the file where it says.
    Part {
        total: Option<u64>,
    },
    /// Ranges are ignored: the file from its beginning. `length` may be that of a compressed transfer.
    Whole {
        length: Option<u64>,
    },
    /// The range begins at or behind the end of the file.
    PastEnd {
        total: Option<u64>,
    },
    /// Too many requests: after so many seconds again, if it says.
    Wait {
        seconds: Option<u64>,
    },
    /// The server's own fault, perhaps for a moment.
    Fault,
    Missing,
    /// Not without a login.
    Closed,
    /// Other bytes than those that were asked for.
    Misplaced,
    Other,
}

/// Reads an answer to a request for the bytes in `asked`.
pub fn meaning(asked: &Range<u64>, status: u16, headers: &Headers) -> Meaning {
    let range = headers.content_range.as_deref().and_then(ContentRange::parse);
    let total = range.and_then(|range| range.total);
    match status {
        206 => match range.and_then(|range| range.span) {
            Some((first, last)) if first != asked.start || last >= asked.end => Meaning::Misplaced,
            _ => Meaning::Part { total },
        },
        200 => Meaning::Whole { length: headers.content_length.as_deref().map(str::trim).and_then(number) },
        416 => Meaning::PastEnd { total },
        429 => Meaning::Wait { seconds: seconds(headers) },
        // A server under load says when to come back.
        503 if headers.retry_after.is_some() => Meaning::Wait { seconds: seconds(headers) },
        408 | 500..=599 => Meaning::Fault,
        404 | 410 => Meaning::Missing,
        401 | 403 | 407 => Meaning::Closed,
        _ => Meaning::Other,
    }
}

/// Its other form, a date, is as good as none: the clocks may differ.
fn seconds(headers: &Headers) -> Option<u64> {
    headers.retry_after.as_deref().map(str::trim).and_then(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, name: &str, value: &str) -> Meaning {
        let given = |wanted: &str| (name == wanted).then(|| value.to_owned());
        let headers = Headers {
            content_range: given("range"),
            content_length: given("length"),
            retry_after: given("retry"),
            ..Headers::default()
        };
        meaning(&(100..200), status, &headers)
    }

    #[test]
    fn the_table() {
        assert_eq!(of(206, "range", "bytes 100-199/1000"), Meaning::Part { total: Some(1000) });
        assert_eq!(of(206, "range", "bytes 100-149/150"), Meaning::Part { total: Some(150) });
        assert_eq!(of(206, "range", "bytes 100-199/*"), Meaning::Part { total: None });
        // Not exposed, or damaged: the status alone tells that it is a part.
        assert_eq!(of(206, "", ""), Meaning::Part { total: None });
        assert_eq!(of(206, "range", "bytes 0-199/1000"), Meaning::Misplaced);
        assert_eq!(of(206, "range", "bytes 100-200/1000"), Meaning::Misplaced);
        assert_eq!(of(200, "length", "1000"), Meaning::Whole { length: Some(1000) });
        assert_eq!(of(200, "length", "-1"), Meaning::Whole { length: None });
        assert_eq!(of(416, "range", "bytes */90"), Meaning::PastEnd { total: Some(90) });
        assert_eq!(of(416, "", ""), Meaning::PastEnd { total: None });
        assert_eq!(of(429, "retry", "7"), Meaning::Wait { seconds: Some(7) });
        assert_eq!(of(429, "retry", "Wed, 21 Oct 2026 07:28:00 GMT"), Meaning::Wait { seconds: None });
        assert_eq!(of(503, "retry", "2"), Meaning::Wait { seconds: Some(2) });
        assert_eq!(of(503, "", ""), Meaning::Fault);
        assert_eq!(of(500, "", ""), Meaning::Fault);
        assert_eq!((of(404, "", ""), of(410, "", "")), (Meaning::Missing, Meaning::Missing));
        assert_eq!((of(401, "", ""), of(403, "", "")), (Meaning::Closed, Meaning::Closed));
        assert_eq!((of(204, "", ""), of(418, "", "")), (Meaning::Other, Meaning::Other));
    }
}
