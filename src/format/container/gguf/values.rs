//! The key-value pairs: scalars and texts as texts, lists by their length.

use std::collections::BTreeMap;

use super::cursor::{Cursor, Stop};
use super::fault::GgufFault;
use crate::container::quoted;

/// The longest key that the format allows, in bytes.
const LONGEST_KEY: u64 = 65_535;
/// Bytes of the longest text that is kept: chat templates have tens of kilobytes.
const LONGEST_TEXT: usize = 64 << 10;
/// Lists in lists; no writer nests them.
const DEEPEST: u32 = 4;
/// The kinds that are not numbers or booleans.
const TEXT: u32 = 8;
const LIST: u32 = 9;

/// Bytes of the shortest pair: an empty key and one byte.
pub const SHORTEST_PAIR: u64 = 8 + 4 + 1;

pub struct Values {
    pub texts: BTreeMap<String, String>,
    /// `general.alignment`: what the data's offsets are multiples of.
    pub alignment: u64,
}

/// Reads `count` pairs.
pub fn read(cursor: &mut Cursor<'_>, count: u64) -> Result<Values, Stop> {
    let mut values = Values { texts: BTreeMap::new(), alignment: 32 };
    for _ in 0..count {
        let key = cursor.name(LONGEST_KEY)?;
        if values.texts.contains_key(key) {
            return Err(GgufFault::DuplicateKey { key: quoted(key) }.into());
        }
        let kind = cursor.u32()?;
        let text = value(cursor, key, kind)?;
        if key == "general.alignment" {
            let given = if kind == 4 { text.parse::<u32>().ok() } else { None };
            let power = given.filter(|n| n.is_power_of_two());
            values.alignment = power.ok_or_else(|| GgufFault::Alignment { given: quoted(&text) })?.into();
        }
        values.texts.insert(key.to_owned(), text);
    }
    Ok(values)
}

fn value(cursor: &mut Cursor<'_>, key: &str, kind: u32) -> Result<String, Stop> {
    Ok(match kind {
        0 => cursor.u8()?.to_string(),
        1 => cursor.u8()?.cast_signed().to_string(),
        2 => cursor.u16()?.to_string(),
        3 => cursor.u16()?.cast_signed().to_string(),
        4 => cursor.u32()?.to_string(),
        5 => cursor.u32()?.cast_signed().to_string(),
        6 => f32::from_bits(cursor.u32()?).to_string(),
        7 => match cursor.u8()? {
            0 => "false".to_owned(),
            1 => "true".to_owned(),
            byte => return Err(GgufFault::NotABool { key: quoted(key), byte }.into()),
        },
        TEXT => match cursor.text()? {
            text if text.len() > LONGEST_TEXT => format!("(a text of {} bytes)", text.len()),
            text => String::from_utf8_lossy(text).into_owned(),
        },
        LIST => {
            let (kind, count) = list(cursor, key, 1)?;
            format!("(a list of {count} {})", plural(kind))
        }
        10 => cursor.u64()?.to_string(),
        11 => cursor.u64()?.cast_signed().to_string(),
        12 => f64::from_bits(cursor.u64()?).to_string(),
        kind => return Err(GgufFault::ValueKind { key: quoted(key), kind }.into()),
    })
}

/// Steps over a list, and gives the kind and the number of its values.
fn list(cursor: &mut Cursor<'_>, key: &str, depth: u32) -> Result<(u32, u64), Stop> {
    if depth > DEEPEST {
        return Err(GgufFault::TooDeep { key: quoted(key), most: DEEPEST }.into());
    }
    let kind = cursor.u32()?;
    let count = cursor.u64()?;
    let each = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 | TEXT => 8,
        LIST => 12,
        kind => return Err(GgufFault::ValueKind { key: quoted(key), kind }.into()),
    };
    if !cursor.has_room(count, each) {
        return Err(GgufFault::ListPastEnd { key: quoted(key), count, len: cursor.file_len() }.into());
    }
    match kind {
        TEXT => (0..count).try_for_each(|_| cursor.text().map(drop))?,
        LIST => (0..count).try_for_each(|_| list(cursor, key, depth + 1).map(drop))?,
        _ => drop(cursor.take(count * each)?),
    }
    Ok((kind, count))
}

fn plural(kind: u32) -> &'static str {
    match kind {
        6 | 12 => "numbers",
        7 => "booleans",
        TEXT => "texts",
        LIST => "lists",
        _ => "whole numbers",
    }
}
