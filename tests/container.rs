#![cfg(not(target_arch = "wasm32"))]
//! The header reader against damaged files, and against the safetensors crate on everything both can take.

mod common;

use common::{file, fixture, header_of, hostile, hostile_manifest};
use lorascope::container::{ContainerError, Dtype, Header, LayoutFault, TensorType, byte_len};
use lorascope::source::MemorySource;
use proptest::prelude::*;
use regex_lite::Regex;
use safetensors::SafeTensors;

fn read(bytes: Vec<u8>) -> Result<Header, ContainerError> {
    header_of(&MemorySource::new("x.safetensors", bytes))
}

/// Files of the corpus whose container is sound: what is wrong with them shows later.
const SOUND: &[&str] = &[
    "no-tensors",
    "no-lora",
    "orphan-a",
    "orphan-and-ok",
    "rank-mismatch",
    "rank-mismatch-and-ok",
    "rank-zero",
    "nan-and-ok",
    "inf-and-ok",
    "nan-only",
    "unknown-dtype",
];

#[test]
fn damaged_containers_are_refused_in_words() {
    let mut refused = 0;
    for (name, verdict, must_say) in hostile_manifest() {
        let stem = name.split('.').next().unwrap();
        let answer = header_of(&hostile(&name));
        if verdict == "accept" || SOUND.contains(&stem) {
            assert!(answer.is_ok(), "{name}: {answer:?}");
            continue;
        }
        let text = answer.expect_err(&name).to_string();
        assert!(text.starts_with(&name), "names its file: {text}");
        assert!(Regex::new(&must_say.unwrap()).unwrap().is_match(&text), "{text}");
        refused += 1;
    }
    assert_eq!(refused, 29, "the corpus has this many damaged containers");
}

#[test]
fn reads_what_a_header_says() {
    let header = header_of(&fixture("peft-lora/adapter_model.safetensors")).unwrap();
    assert_eq!(header.tensors.len(), 84);
    assert_eq!(header.metadata.get("format").map(String::as_str), Some("pt"));
    let first = &header.tensors[0];
    assert_eq!(first.name, "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight");
    assert_eq!((first.dtype.clone(), first.shape.as_slice()), (TensorType::Known(Dtype::F32), &[8, 344][..]));
    assert_eq!(first.byte_len(), 8 * 344 * 4);
    let last = header.tensors.iter().map(|t| t.end).max();
    assert_eq!(last, Some(454_520), "the tensors end where the file does");
}

#[test]
fn sizes_are_64_bit() {
    // Llama-3's embedding, and a tensor past 4 GiB: 32-bit readers refuse both.
    assert_eq!(byte_len(Dtype::BF16, &[128_256, 4096]), Some(1_050_673_152));
    assert_eq!(byte_len(Dtype::F32, &[1 << 20, 1 << 12]), Some(1 << 34));
    assert_eq!(byte_len(Dtype::F4, &[3]), None, "12 bits are not whole bytes");
    assert_eq!(byte_len(Dtype::U8, &[0, 1 << 40, 1 << 40]), None);
    assert_eq!(byte_len(Dtype::U8, &[]), Some(1), "a scalar");
}

#[test]
fn edges_of_the_json() {
    let entry = r#"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    let ok = |header: String| read(file(&header, &[0; 4])).is_ok();
    assert!(ok(format!(" \n{{\"x\":{entry}}}\t ")), "whitespace around it");
    assert!(ok(r#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":[{}]}}"#.to_owned()), "unknown fields");
    assert!(ok(format!(r#"{{"":{entry}}}"#)), "an empty name");
    assert!(ok(format!(r#"{{"__metadata__":{{"a":"1","a":"2"}},"x":{entry}}}"#)), "metadata: the last wins");
    for header in [
        format!("{{\"x\":{entry}}}\0"),
        format!("\u{feff}{{\"x\":{entry}}}"),
        format!(r#"{{"__metadata__":null,"__metadata__":null,"x":{entry}}}"#),
        r#"{"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#.to_owned(),
        r#"{"x":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}"#.to_owned(),
        r#"{"x":{"dtype":7,"shape":[1],"data_offsets":[0,4]}}"#.to_owned(),
        format!(
            r#"{{"x":{{"dtype":"F32","shape":[1],"data_offsets":[0,4],"deep":{}{}}}}}"#,
            "[".repeat(200),
            "]".repeat(200)
        ),
    ] {
        assert!(!ok(header.clone()), "{header}");
    }
    let name = "n".repeat(10_000);
    let error = read(file(&format!(r#"{{"{name}\u0007":{{}}}}"#), &[])).unwrap_err().to_string();
    assert!(error.len() < 600, "a long name is cut: {} bytes", error.len());
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

/// Both readers on the same bytes: they agree, but for the differences that ours documents.
fn compare(bytes: &[u8]) -> Result<(), TestCaseError> {
    let theirs = SafeTensors::read_metadata(bytes);
    match (read(bytes.to_vec()), theirs) {
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
        }
        (Ok(ours), Err(error)) => {
            let unknown = ours.tensors.iter().any(|t| matches!(t.dtype, TensorType::Unknown(_)));
            prop_assert!(unknown, "only an unknown dtype is kept that the crate refuses: {error}");
        }
        (Err(error), Ok(_)) => {
            let stricter = matches!(
                &error,
                ContainerError::Layout { fault: LayoutFault::Duplicate { .. } | LayoutFault::ShapeOverflow { .. }, .. }
            );
            prop_assert!(stricter, "refused here, accepted there: {error}");
        }
        (Err(error), Err(_)) => prop_assert!(error.to_string().starts_with("x.safetensors: ")),
    }
    Ok(())
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
