//! How often each tag was in the captions: `ss_tag_frequency`, an object of folders, each an object of tags and counts.

use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::Texts;

/// Longest text that is read at all, in bytes.
const MOST_BYTES: usize = 16 << 20;
/// Longest text that is read without being asked for, in bytes.
const UNASKED: usize = 256 << 10;

const KEY: &str = "ss_tag_frequency";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub name: String,
    pub count: u64,
}

/// The tags of all folders together, the commonest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    pub tags: Vec<Tag>,
    pub folders: usize,
    /// The sum of all counts.
    pub total: u64,
}

impl Tags {
    /// Bytes of the text, if there is one, and whether that is short enough to be read unasked.
    pub fn of(metadata: &Texts) -> Option<(usize, bool)> {
        let text = metadata.get(KEY).filter(|text| !super::is_unset(text))?;
        Some((text.len(), text.len() <= UNASKED))
    }

    /// Reads them without building the text's tree in memory.
    ///
    /// # Errors
    /// In words: the text is too long, or no object of folders.
    pub fn read(metadata: &Texts) -> Result<Tags, &'static str> {
        let text = metadata.get(KEY).map_or("", String::as_str);
        if text.len() > MOST_BYTES {
            return Err("The tags are too long a text to be read here. The exported report has it whole.");
        }
        let mut merged = Merged::default();
        let mut json = serde_json::Deserializer::from_str(text);
        let read = Folders(&mut merged).deserialize(&mut json).and_then(|()| json.end());
        if read.is_err() {
            return Err("The tags are not written as they usually are. They stand below, as written.");
        }
        let mut tags: Vec<Tag> = merged.counts.into_iter().map(|(name, count)| Tag { name, count }).collect();
        tags.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        let total = tags.iter().fold(0u64, |sum, tag| sum.saturating_add(tag.count));
        Ok(Tags { tags, folders: merged.folders, total })
    }
}

#[derive(Default)]
struct Merged {
    counts: HashMap<String, u64>,
    folders: usize,
}

/// The outer object.
struct Folders<'a>(&'a mut Merged);

impl<'de> DeserializeSeed<'de> for Folders<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Folders<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of folders")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            self.0.folders += 1;
            map.next_value_seed(OneFolder(self.0))?;
        }
        Ok(())
    }
}

/// An object of tags and counts.
struct OneFolder<'a>(&'a mut Merged);

impl<'de> DeserializeSeed<'de> for OneFolder<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneFolder<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tags and their counts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((tag, count)) = map.next_entry::<String, u64>()? {
            // Captions are split at commas: a blank may have stayed.
            let sum = self.0.counts.entry(tag.trim().to_owned()).or_default();
            *sum = sum.saturating_add(count);
        }
        Ok(())
    }
}
