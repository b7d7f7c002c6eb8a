//! The reader beside the safetensors crate on the same bytes.

use std::cell::Cell;

use lorascope_format::container::{ContainerError, Dtype, LayoutFault, TensorType, byte_len};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use safetensors::SafeTensors;

use super::drafts::{apply, changes, draft};
use super::read;
use crate::common::file;

/// How both readers took a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    BothRead,
    BothRefuse,
    /// A dtype that the crate does not know.
    OnlyHere,
    /// A tensor described twice, or an overflow beside a dimension of zero.
    OnlyThere,
}

/// Both readers on the same bytes: they agree, but for the differences that ours documents.
pub fn compare(bytes: &[u8]) -> Result<Outcome, TestCaseError> {
    let theirs = SafeTensors::read_metadata(bytes);
    Ok(match (read(bytes.to_vec()), theirs) {
        (Ok(ours), Ok((n, theirs))) => {
            let base = n as u64 + 8;
            prop_assert_eq!(ours.tensors.len(), theirs.tensors().len());
            for tensor in &ours.tensors {
                let info = theirs.info(&tensor.name).expect("a tensor of the same name");
                let shape: Vec<u64> = info.shape.iter().map(|&d| d as u64).collect();
                prop_assert_eq!(&tensor.dtype, &TensorType::Known(info.dtype));
                prop_assert_eq!(&tensor.shape, &shape);
                let (begin, end) = info.data_offsets;
                prop_assert_eq!((tensor.begin, tensor.end), (base + begin as u64, base + end as u64));
            }
            let metadata = theirs.metadata().clone().unwrap_or_default();
            prop_assert_eq!(ours.metadata, metadata.into_iter().collect());
            Outcome::BothRead
        }
        (Ok(ours), Err(error)) => {
            let unknown = ours.tensors.iter().any(|t| matches!(t.dtype, TensorType::Unknown(_)));
            prop_assert!(unknown, "only an unknown dtype is kept that the crate refuses: {error}");
            Outcome::OnlyHere
        }
        (Err(error), Ok(_)) => {
            let stricter = match &error {
                ContainerError::Layout { fault: LayoutFault::Duplicate { .. }, .. } => true,
                ContainerError::Layout { fault: LayoutFault::ShapeOverflow { shape, .. }, .. } => shape.contains("0,"),
                _ => false,
            };
            prop_assert!(stricter, "refused here, accepted there: {error}");
            Outcome::OnlyThere
        }
        (Err(error), Err(_)) => {
            prop_assert!(error.to_string().starts_with("x.safetensors: "));
            Outcome::BothRefuse
        }
    })
}

/// Valid drafts with one or two changes: about a quarter is sound afterwards.
#[test]
fn agrees_on_headers_with_one_or_two_changes() {
    let counts = [const { Cell::new(0) }; 4];
    let config = ProptestConfig { cases: 6000, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&(draft(), changes()), |(mut draft, changes)| {
        prop_assert_eq!(compare(&draft.bytes())?, Outcome::BothRead, "a valid draft");
        for change in changes {
            apply(&mut draft, change);
        }
        let count = &counts[compare(&draft.bytes())? as usize];
        count.set(count.get() + 1);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let counts = counts.map(|count: Cell<u32>| count.get());
    // Both happen often, and each difference happens.
    assert!(counts[0] > 1000 && counts[1] > 1000 && counts[2] > 50 && counts[3] > 50, "{counts:?}");
}

/// One tensor of a file to be built.
fn tensor() -> impl Strategy<Value = (String, Dtype, Vec<u64>)> {
    use Dtype::{BF16, BOOL, C64, F4, F8_E4M3, F16, F32, F64, I64, U8};
    let dtype = prop::sample::select(vec![F32, F16, BF16, F64, U8, BOOL, I64, C64, F8_E4M3, F4]);
    ("[a-z.\"\\\\é]{0,6}", dtype, prop::collection::vec(0u64..5, 0..4))
}

/// A header's text and the length of its body, valid but for a possible dtype of half bytes.
fn header_text() -> impl Strategy<Value = (String, usize)> {
    let metadata = prop::option::of(prop::option::of(prop::collection::btree_map("[a-z]{1,3}", "[a-z\n]{0,4}", 0..3)));
    (prop::collection::vec(tensor(), 0..6), metadata, "[ \n]{0,9}", any::<bool>()).prop_map(
        |(tensors, metadata, padding, reversed)| {
            let mut entries: Vec<String> =
                metadata.iter().map(|m| format!("\"__metadata__\":{}", serde_json::json!(m))).collect();
            let mut at = 0;
            for (name, dtype, shape) in tensors {
                let end = at + byte_len(dtype, &shape).unwrap_or(1);
                let entry = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [at, end] });
                entries.push(format!("{}:{entry}", serde_json::json!(name)));
                at = end;
            }
            if reversed {
                entries.reverse();
            }
            (format!("{{{}}}{padding}", entries.join(",")), at as usize)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_crate_on_sound_files((text, body) in header_text()) {
        compare(&file(&text, &vec![0; body]))?;
    }

    #[test]
    fn agrees_with_the_crate_on_damaged_headers(
        (text, body) in header_text(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3, "[0-9{}\\[\\],:\" eE.F-]"), 1..4),
        cut in -3i64..4,
    ) {
        let mut text: Vec<char> = text.chars().collect();
        for (at, edit, new) in edits {
            let at = at.index(text.len());
            match edit {
                0 => text.splice(at..at + 1, new.chars()).for_each(drop),
                1 => text.splice(at..at, new.chars()).for_each(drop),
                _ if text.len() > 1 => drop(text.remove(at)),
                _ => {}
            }
        }
        let cut = if cut.abs() < 3 { 0 } else { cut };
        let body = (body as i64 + cut).max(0) as usize;
        compare(&file(&text.iter().collect::<String>(), &vec![0; body]))?;
    }

    #[test]
    fn any_bytes_are_read_or_refused(prefix in 0u64..80, bytes in prop::collection::vec(any::<u8>(), 0..80), raw in any::<bool>()) {
        let framed = [&prefix.to_le_bytes()[..], &bytes].concat();
        compare(if raw { &bytes } else { &framed })?;
    }
}
