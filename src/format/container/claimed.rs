//! What the beginning of a safetensors file says of lengths, unchecked: for a file of which no more is here.

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use super::safetensors::{MAX_HEADER, PREFIX};

/// Where the header ends; `None` where the beginning announces none.
pub fn header_end(head: &[u8]) -> Option<u64> {
    let len = u64::from_le_bytes(head.first_chunk().copied()?);
    let is_object = head.get(PREFIX as usize..)?.trim_ascii_start().first().is_none_or(|&byte| byte == b'{');
    (is_object && (1..=MAX_HEADER).contains(&len)).then_some(PREFIX + len)
}

/// The length that the whole file has if it is what its header says: the end of the last tensor. `None` where the
/// header is not all here, or cannot be read.
pub fn claimed_len(head: &[u8]) -> Option<u64> {
    let end = header_end(head)?;
    let json = head.get(PREFIX as usize..usize::try_from(end).ok()?)?;
    let Last(last) = serde_json::from_slice(json).ok()?;
    end.checked_add(last)
}

/// The largest end among the entries.
struct Last(u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Tensor { data_offsets: [u64; 2] },
    Other(IgnoredAny),
}

impl<'de> Deserialize<'de> for Last {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Last;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a header")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Last, A::Error> {
                let mut last = 0;
                while let Some((_, entry)) = map.next_entry::<IgnoredAny, Entry>()? {
                    if let Entry::Tensor { data_offsets: [_, end] } = entry {
                        last = last.max(end);
                    }
                }
                Ok(Last(last))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str) -> Vec<u8> {
        [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat()
    }

    #[test]
    fn lengths_from_the_beginning() {
        let json = r#"{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
            "y":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#;
        let file = file(json);
        let end = 8 + json.len() as u64;
        assert_eq!((header_end(&file), claimed_len(&file)), (Some(end), Some(end + 12)));
        assert_eq!(header_end(&file[..9]), Some(end));
        assert_eq!(claimed_len(&file[..file.len() - 1]), None, "not all of the header");
    }

    #[test]
    fn what_is_no_header_says_nothing() {
        for bytes in [&b""[..], b"GGUF\x03", b"PK\x03\x04 and more", &[0; 32], b"<!doctype html>"] {
            assert_eq!((header_end(bytes), claimed_len(bytes)), (None, None), "{bytes:?}");
        }
        assert_eq!(claimed_len(&file("[1]")), None);
        assert_eq!(claimed_len(&file(r#"{"x":{"data_offsets":[0,18446744073709551615]}}"#)), None);
    }
}
