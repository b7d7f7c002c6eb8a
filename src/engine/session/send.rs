//! An adapter's report to the page, in messages of bounded size.

use lorascope_protocol::report::{AdapterReport, ModuleReport};
use lorascope_protocol::{AdapterPiece, MODULES_PER_MESSAGE, PIECE_BYTES};

/// What an entry takes beside its texts and its lists: names of fields, numbers.
pub(crate) const OVERHEAD: usize = 32;
/// The same for a module, which has some twenty fields.
const MODULE_OVERHEAD: usize = 640;
/// A number in JSON, at most, with its comma.
const NUMBER: usize = 25;

/// The report without its lists, and the lists in pieces. The report itself stays as it is.
pub(crate) fn apart(report: &mut AdapterReport) -> (AdapterReport, Vec<AdapterPiece>) {
    let (modules, left_out) = (std::mem::take(&mut report.modules), std::mem::take(&mut report.not_analyzed));
    let (warnings, metadata) = (std::mem::take(&mut report.warnings), std::mem::take(&mut report.metadata));
    let head = report.clone();
    let mut pieces: Vec<AdapterPiece> =
        packed(modules.iter().cloned(), MODULES_PER_MESSAGE, bytes_of).map(AdapterPiece::Modules).collect();
    let bytes = |entry: &lorascope_protocol::report::NotAnalyzed| OVERHEAD + entry.name.len() + entry.reason.len();
    pieces.extend(packed(left_out.iter().cloned(), usize::MAX, bytes).map(AdapterPiece::NotAnalyzed));
    let bytes = |text: &String| OVERHEAD + text.len();
    pieces.extend(packed(warnings.iter().cloned(), usize::MAX, bytes).map(AdapterPiece::Warnings));
    let texts =
        metadata.iter().flat_map(|(key, text)| cut(text, PIECE_BYTES).map(|text| (key.clone(), text.to_owned())));
    let bytes = |(key, text): &(String, String)| OVERHEAD + key.len() + text.len();
    pieces.extend(packed(texts, usize::MAX, bytes).map(AdapterPiece::Metadata));
    (report.modules, report.not_analyzed, report.warnings, report.metadata) = (modules, left_out, warnings, metadata);
    (head, pieces)
}

fn bytes_of(module: &ModuleReport) -> usize {
    let texts = [&module.name, &module.role, &module.stack, &module.dtype, &module.scale_source, &module.algorithm];
    let note: usize = [&module.note, &module.copy_of].into_iter().flatten().map(String::len).sum();
    let texts: usize = note + texts.iter().map(|text| text.len()).sum::<usize>();
    MODULE_OVERHEAD + texts + NUMBER * module.singular_values.len()
}

/// The entries in groups of at most `most`, each of [`PIECE_BYTES`] at most or of one entry.
pub(crate) fn packed<T>(
    entries: impl IntoIterator<Item = T>,
    most: usize,
    bytes: impl Fn(&T) -> usize,
) -> impl Iterator<Item = Vec<T>> {
    let mut entries = entries.into_iter().peekable();
    std::iter::from_fn(move || {
        let first = entries.next()?;
        let mut sum = bytes(&first);
        let mut group = vec![first];
        while group.len() < most {
            let fits = |entry: &T| sum.saturating_add(bytes(entry)) <= PIECE_BYTES;
            let Some(entry) = entries.next_if(fits) else { break };
            sum += bytes(&entry);
            group.push(entry);
        }
        Some(group)
    })
}

/// A text in parts of at most `most` bytes each, cut between characters; an empty text is one empty part.
fn cut(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        if text.len() <= most {
            return Some(text);
        }
        let (part, others) = text.split_at(text.floor_char_boundary(most));
        rest = Some(others);
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_nothing_is_lost() {
        assert_eq!(cut("", 4).collect::<Vec<_>>(), [""]);
        assert_eq!(cut("äöüß", 5).collect::<Vec<_>>(), ["äö", "üß"]);
        assert_eq!(cut("abcdefgh", 4).collect::<Vec<_>>(), ["abcd", "efgh"]);
    }

    #[test]
    fn modules_cross_as_one_text_of_no_more_than_is_counted() {
        let value = f64::MIN_POSITIVE * 1.234_567_890_123_456_7;
        let module = serde_json::json!({
            "name": "a", "layer": u32::MAX, "stack": "b", "kind": "other", "depth": "early", "role": "q",
            "shape": [u64::MAX, u64::MAX], "rank": u32::MAX, "scale": value, "scale_source": "c", "dtype": "F32",
            "algorithm": "LoRA", "note": "d", "copy_of": "e", "frobenius": value, "singular_values": vec![value; 64],
            "unlisted": u32::MAX, "truncated": true, "energy_share": value, "stable_rank": value,
            "effective_rank": value, "numerical_rank": u32::MAX, "spectral_entropy": value,
        });
        let module: ModuleReport = serde_json::from_value(module).unwrap();
        let counted = bytes_of(&module);
        let piece = AdapterPiece::Modules(vec![module]);
        let sent = serde_json::to_value(&piece).unwrap();
        let text = sent["Modules"].as_str().expect("one text");
        assert!(text.len() <= counted, "{} bytes were counted as {counted}", text.len());
        assert_eq!(serde_json::from_value::<AdapterPiece>(sent).unwrap(), piece);
    }

    #[test]
    fn groups_hold_as_much_as_fits_and_at_least_one() {
        let half = PIECE_BYTES / 2;
        let groups: Vec<Vec<usize>> = packed([half, half, 1, 2 * PIECE_BYTES, 1], 9, |n| *n).collect();
        assert_eq!(groups, [vec![half, half], vec![1], vec![2 * PIECE_BYTES], vec![1]]);
        assert_eq!(packed(0..5, 2, |_| 1).collect::<Vec<_>>(), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(packed(Vec::<u8>::new(), 2, |_| 1).count(), 0);
    }
}
