//! What the writing tool noted in a file's `__metadata__`, in the order in which people look for it.
//!
//! All of it is text that anyone may have written: it is shown as text, and what does not have the form that its key
//! promises is shown as it is. Long texts stay in the report; an [`Entry`] only names them.

use std::collections::BTreeMap;

mod datasets;
mod known;
mod tags;
mod time;
mod words;

pub use datasets::{Bucket, Datasets, Folder};
pub use known::Part;
pub use tags::Tags;

use known::{Form, KNOWN};

/// Longest text that stands on the page unfolded, in characters.
const UNFOLDED: usize = 300;

/// A file's metadata.
pub type Texts = BTreeMap<String, String>;

/// One panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub part: Part,
    pub entries: Vec<Entry>,
    /// Labels of entries that are there and say nothing: empty, or `None`.
    pub unset: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// In the file: the raw text is there.
    pub key: String,
    pub label: String,
    pub shown: Shown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The value, and after it, smaller, what it means.
    Text { text: String, note: &'static str },
    /// Names and values of a JSON object.
    Pairs(Vec<(String, String)>),
    /// The raw text, folded.
    Folded(Fold),
}

/// Why a text is folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fold {
    Long {
        chars: usize,
    },
    /// It names a folder of the machine it was written on.
    Path {
        chars: usize,
    },
    /// A picture as text, by its media type: it is never shown as a picture.
    Picture {
        media: String,
        bytes: usize,
    },
}

/// Whether there is more to show than the `format` that every PyTorch file notes.
pub fn says_something(metadata: &Texts) -> bool {
    metadata.keys().any(|key| key != "format")
}

/// The sections that have anything, in reading order. No entry of the file is missing.
pub fn sections(metadata: &Texts) -> Vec<Section> {
    let mut sections: Vec<Section> =
        Part::ALL.map(|part| Section { part, entries: Vec::new(), unset: Vec::new() }).into();
    for known in KNOWN {
        if let Some(text) = metadata.get(known.key) {
            let section = &mut sections[known.part as usize];
            if is_unset(text) {
                section.unset.push(known.label.to_owned());
            } else {
                let shown = shown(known.key, known.form, text);
                section.entries.push(Entry { key: known.key.to_owned(), label: known.label.to_owned(), shown });
            }
        }
    }
    if let Some(entry) = duration(metadata) {
        sections[Part::Training as usize].entries.push(entry);
    }
    let others = &mut sections[Part::Other as usize];
    for (key, text) in metadata.iter().filter(|(key, _)| !known::is_known(key)) {
        if is_unset(text) {
            others.unset.push(label(key));
        } else {
            let shown = shown(key, Form::Text, text);
            others.entries.push(Entry { key: key.clone(), label: label(key), shown });
        }
    }
    sections.retain(|section| !section.entries.is_empty() || !section.unset.is_empty());
    sections
}

/// A key that nobody knows may be of any length.
fn label(key: &str) -> String {
    const LONGEST: usize = 80;
    match key.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &key[..end]),
        None => key.to_owned(),
    }
}

/// Trainers write `None` or nothing for what was not chosen.
fn is_unset(text: &str) -> bool {
    matches!(text.trim(), "" | "None" | "null" | "{}" | "[]")
}

fn shown(key: &str, form: Form, text: &str) -> Shown {
    if let Some(media) = data_url(text) {
        return Shown::Folded(Fold::Picture { media: media.to_owned(), bytes: text.len() });
    }
    if form == Form::Pairs
        && let Some(pairs) = words::pairs(text)
    {
        return Shown::Pairs(pairs);
    }
    // Not all of a long text is looked at.
    let chars = if text.len() > 4 * UNFOLDED { text.chars().count() } else { text.chars().take(UNFOLDED + 1).count() };
    if form == Form::Folded || chars > UNFOLDED {
        return Shown::Folded(Fold::Long { chars: text.chars().count() });
    }
    if words::is_path(text) {
        return Shown::Folded(Fold::Path { chars });
    }
    let words = match form {
        Form::Count => words::count(text),
        Form::Number => words::number(text),
        Form::Rate => words::rate(text),
        Form::YesNo => words::yes_no(text),
        Form::Size => words::size(text),
        Form::Moment => time::moment(text),
        Form::Text | Form::Pairs | Form::Folded => None,
    };
    Shown::Text { text: words.unwrap_or_else(|| text.to_owned()), note: words::gloss(key, text) }
}

/// The media type, where the text is the address of what it itself holds (RFC 2397).
fn data_url(text: &str) -> Option<&str> {
    let (media, _) = text.strip_prefix("data:")?.split_once([';', ','])?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || "/+.-".contains(c);
    (media.len() < 80 && media.contains('/') && media.chars().all(is_word)).then_some(media)
}

/// From the start to the end of the training, where both are known.
fn duration(metadata: &Texts) -> Option<Entry> {
    let at = |key: &str| metadata.get(key).and_then(|text| time::seconds(text));
    let text = time::span(at("ss_training_finished_at")? - at("ss_training_started_at")?)?;
    let shown = Shown::Text { text, note: "from the start to the end" };
    Some(Entry { key: "ss_training_finished_at".to_owned(), label: "Duration".to_owned(), shown })
}

#[cfg(test)]
mod tests;
