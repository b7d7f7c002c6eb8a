//! Headers as drafts, of which one or two things are changed: some changes keep a header valid, most do not.

use lorascope_format::container::{Dtype, byte_len};
use proptest::prelude::*;

use crate::common::file;

/// A file whose JSON is kept as text, piece by piece.
#[derive(Clone, Debug)]
pub struct Draft {
    pub metadata: Vec<String>,
    pub tensors: Vec<TensorDraft>,
    pub before: String,
    pub after: String,
    pub body: i64,
    /// What is added to the header's length.
    pub longer: i64,
}

#[derive(Clone, Debug)]
pub struct TensorDraft {
    /// In quotes.
    pub name: String,
    /// The description, its fields in this order.
    pub fields: Vec<(&'static str, String)>,
    pub listed: bool,
}

impl TensorDraft {
    pub fn new(name: &str, dtype: &str, shape: &[u64], begin: u64, end: u64) -> Self {
        let fields = vec![
            ("dtype", format!("\"{dtype}\"")),
            ("shape", format!("{shape:?}")),
            ("data_offsets", format!("[{begin}, {end}]")),
        ];
        Self { name: serde_json::json!(name).to_string(), fields, listed: false }
    }

    fn set(&mut self, field: &str, value: String) {
        for (_, old) in self.fields.iter_mut().filter(|(name, _)| *name == field) {
            old.clone_from(&value);
        }
    }

    fn get(&self, field: &str) -> Vec<u64> {
        let text = self.fields.iter().find(|(name, _)| *name == field).map_or("[]", |(_, text)| text);
        serde_json::from_str(text).unwrap_or_default()
    }

    fn text(&self) -> String {
        if self.listed {
            let values: Vec<&str> = self.fields.iter().map(|(_, value)| value.as_str()).collect();
            return format!("{}:[{}]", self.name, values.join(","));
        }
        let fields: Vec<String> = self.fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{}:{{{}}}", self.name, fields.join(","))
    }
}

impl Draft {
    pub fn of(tensors: Vec<TensorDraft>, body: i64) -> Self {
        Self { metadata: vec![], tensors, before: String::new(), after: String::new(), body, longer: 0 }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let metadata = self.metadata.iter().map(|value| format!("\"__metadata__\":{value}"));
        let entries: Vec<String> = metadata.chain(self.tensors.iter().map(TensorDraft::text)).collect();
        let text = format!("{}{{{}}}{}", self.before, entries.join(","), self.after);
        let mut bytes = file(&text, &vec![0; self.body.max(0) as usize]);
        let length = (text.len() as i64 + self.longer).max(0) as u64;
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        bytes
    }
}

/// A valid draft of one to four tensors.
pub fn draft() -> impl Strategy<Value = Draft> {
    use Dtype::{BF16, BOOL, C64, F4, F6_E2M3, F8_E4M3, F16, F32, F64, I64, U8};
    let dtype = prop::sample::select(vec![F32, F16, BF16, F64, U8, BOOL, I64, C64, F8_E4M3, F4, F6_E2M3]);
    let tensor = ("[a-z.\"é]{0,4}", dtype, prop::collection::vec(0u64..5, 0..4));
    let metadata =
        prop::option::of(prop::sample::select(vec!["null", "{}", r#"{"a":"b","c":""}"#, r#"{"a":"1","a":"2"}"#]));
    (prop::collection::vec(tensor, 1..5), metadata).prop_map(|(tensors, metadata)| {
        let mut at = 0;
        let tensors = tensors.into_iter().enumerate().map(|(i, (name, dtype, shape))| {
            // A whole number of bytes, and every name once.
            let shape = if byte_len(dtype, &shape).is_none() { vec![4] } else { shape };
            let begin = at;
            at += byte_len(dtype, &shape).unwrap();
            TensorDraft::new(&format!("{name}{i}"), &format!("{dtype:?}"), &shape, begin, at)
        });
        let tensors = tensors.collect();
        let mut draft = Draft::of(tensors, at as i64);
        draft.metadata.extend(metadata.map(str::to_owned));
        draft
    })
}

/// A change: which, of which tensor, and by how much.
pub type Change = (u8, prop::sample::Index, u8);

pub fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec((0u8..18, any::<prop::sample::Index>(), any::<u8>()), 1..3)
}

pub fn apply(draft: &mut Draft, (kind, which, how): Change) {
    let pick = |options: &[&str]| options[how as usize % options.len()].to_owned();
    let count = draft.tensors.len();
    let at = which.index(count);
    let step = i64::from(how % 5) - 2;
    let tensor = &mut draft.tensors[at];
    match kind {
        0 => tensor.set("dtype", pick(&["\"F32\"", "\"F99\"", "\"f32\"", "\"I4\"", "7", "null", "\"F8_E4M3\""])),
        1 => tensor.set("dtype", pick(&["{\"F32\":null}", "{\"F16\":{}}", "{\"F32\":1}", "{}", "[\"F32\"]"])),
        2 => tensor.set("shape", pick(&["[]", "[1]", "[2,2]", "[-1]", "[1.0]", "[1e0]", "[\"1\"]", "null", "4", "{}"])),
        3 => {
            let huge =
                ["[9223372036854775808,2]", "[0,9223372036854775808,9223372036854775808]", "[18446744073709551616]"];
            tensor.set("shape", pick(&huge));
        }
        4 => {
            // The same elements in another shape.
            let elements = tensor.get("shape").iter().fold(1u64, |product, &d| product.wrapping_mul(d));
            tensor.set("shape", if how % 2 == 0 { format!("[{elements}]") } else { format!("[1,{elements},1]") });
        }
        5 => {
            let mut shape = tensor.get("shape");
            shape.reverse();
            tensor.set("shape", format!("{shape:?}"));
        }
        6 => {
            let offsets = tensor.get("data_offsets");
            if let [begin, end] = offsets[..] {
                let (begin, end) =
                    if how % 2 == 0 { (begin as i64 + step, end as i64) } else { (begin as i64, end as i64 + step) };
                tensor.set("data_offsets", format!("[{begin},{end}]"));
            }
        }
        7 => tensor.set(
            "data_offsets",
            pick(&["[0]", "[0,4,4]", "[0,-1]", "[4,0]", "[0,18446744073709551615]", "{}", "\"\""]),
        ),
        8 => drop(tensor.fields.remove(how as usize % tensor.fields.len())),
        9 => tensor.fields.push(("dtype", pick(&["\"F32\"", "7"]))),
        10 => tensor
            .fields
            .push(("more", pick(&["1", "[{}]", "{\"a\":null}", "1e999", "\"\\ud800\"", "[[[[]]]]", "tru"]))),
        11 => tensor.fields.rotate_left(1 + how as usize % 2),
        12 => tensor.listed = true,
        13 => draft.tensors.swap(at, how as usize % count),
        14 => {
            // A name twice: with the same bytes, with none of its own, or in place of the tensor after it.
            let mut copy = draft.tensors[at].clone();
            match how % 3 {
                0 => copy.fields = draft.tensors[how as usize % count].fields.clone(),
                1 => {
                    let end = copy.get("data_offsets").last().copied().unwrap_or(0);
                    copy = TensorDraft { name: copy.name, ..TensorDraft::new("", "F32", &[0], end, end) };
                }
                _ => {}
            }
            draft.tensors.push(copy);
        }
        15 => draft.metadata.push(pick(&[
            "null",
            "{\"a\":1}",
            "{\"a\":null}",
            "[]",
            "{\"a\":\"\\n\"}",
            "{\"a\":{}}",
            "\"\"",
        ])),
        16 => match how % 4 {
            0 => draft.before = pick(&[" ", "\n\t", "\u{feff}", "\0", "["]),
            1 => draft.after = pick(&[" ", "\r\n\t ", "\0", "}", ",", "x"]),
            2 => draft.longer = step,
            _ => draft.body += step,
        },
        _ => {
            let end = draft.body;
            let size = u64::from(how % 3);
            let begin = end as u64;
            let dtype = pick(&["U8", "F99", "BOOL", "I8"]);
            draft.tensors.push(TensorDraft::new("new", &dtype, &[size], begin, begin.wrapping_add(size)));
            draft.body += size as i64;
        }
    }
}
