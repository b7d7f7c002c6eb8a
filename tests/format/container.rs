//! The header reader against damaged files, and against the safetensors crate on everything both can take.

mod agreement;
mod differences;
mod drafts;

use crate::common::{file, fixture, header_of, hostile, hostile_manifest};
use lorascope_format::bytes::MemorySource;
use lorascope_format::container::{ContainerError, Dtype, Header, TensorType, byte_len};
use regex_lite::Regex;

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
