//! Files with a few bytes changed: read or refused, never worse, and both happen often.

use std::cell::Cell;

use super::{read, with};
use crate::common::gguf::Value;
use lorascope_format::container::{ContainerError, Header};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

fn is_sound(header: &Header, len: u64) -> bool {
    let mut places: Vec<(u64, u64)> = header.tensors.iter().map(|t| (t.begin, t.end)).collect();
    places.sort_unstable();
    places.iter().all(|&(begin, end)| begin <= end && end <= len) && places.windows(2).all(|p| p[0].1 <= p[1].0)
}

#[test]
fn a_few_changed_bytes() {
    let bytes = with("some.list", Value::texts(&["a", "bc"])).bytes();
    let edit = (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), 0u8..14], any::<bool>());
    let strategy = (prop::collection::vec(edit, 1..4), prop::option::weighted(0.1, any::<prop::sample::Index>()));
    let (read_well, refused) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&strategy, |(edits, cut)| {
        let mut bytes = bytes.clone();
        for (at, new, flip) in edits {
            let at = at.index(bytes.len());
            bytes[at] = if flip { bytes[at] ^ (1 << (new % 8)) } else { new };
        }
        bytes.truncate(cut.map_or(bytes.len(), |at| at.index(bytes.len())));
        let len = bytes.len() as u64;
        match read(bytes) {
            Ok(header) => {
                prop_assert!(is_sound(&header, len));
                read_well.set(read_well.get() + 1);
            }
            Err(error) => {
                let of_gguf = matches!(error, ContainerError::Gguf { .. });
                let text = error.to_string();
                prop_assert!(text.starts_with("x.gguf: ") && text.len() < 1500, "{}", text);
                refused.set(refused.get() + u32::from(of_gguf));
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(read_well.get() > 400 && refused.get() > 400, "{read_well:?} read, {refused:?} refused");
}
