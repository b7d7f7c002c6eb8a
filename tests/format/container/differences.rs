//! Where the reader differs from the safetensors crate on purpose, one by one, and where it might seem to.

use lorascope_format::container::{ContainerError, LayoutFault, TensorType};
use safetensors::SafeTensors;

use super::agreement::{Outcome, compare};
use super::drafts::{Draft, TensorDraft};
use super::read;

fn there(bytes: &[u8]) -> bool {
    SafeTensors::read_metadata(bytes).is_ok()
}

fn fault(bytes: Vec<u8>) -> LayoutFault {
    match read(bytes) {
        Err(ContainerError::Layout { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

fn tensor(name: &str, dtype: &str, shape: &[u64], begin: u64, end: u64) -> TensorDraft {
    TensorDraft::new(name, dtype, shape, begin, end)
}

/// The format's description forbids it; the crate keeps the last.
#[test]
fn stricter_a_tensor_described_twice_is_refused() {
    let one = tensor("x", "F32", &[1], 0, 4);
    let two = tensor("x", "U8", &[4], 0, 4);
    let bytes = Draft::of(vec![one, two], 4).bytes();
    assert!(there(&bytes));
    assert_eq!(fault(bytes), LayoutFault::Duplicate { name: "`x`".to_owned() });
}

/// The product is 0 only if the zero comes first; what computes with the sizes later would overflow.
#[test]
fn stricter_an_overflow_beside_a_zero_dimension_is_refused() {
    let shape = [0, 1 << 63, 1 << 63];
    let bytes = Draft::of(vec![tensor("x", "F32", &shape, 0, 0)], 0).bytes();
    assert!(there(&bytes));
    assert!(matches!(fault(bytes), LayoutFault::ShapeOverflow { .. }));
    let bytes = Draft::of(vec![tensor("x", "F32", &[1 << 63, 1 << 63, 0], 0, 0)], 0).bytes();
    assert!(!there(&bytes), "the zero last: both refuse");
    assert!(matches!(fault(bytes), LayoutFault::ShapeOverflow { .. }));
}

/// A newer writer may know more dtypes; the other tensors of the file are as good as ever.
#[test]
fn milder_an_unknown_dtype_of_plausible_length_is_listed() {
    // 1, 4, 6, 8 and 128 bits an element, each in whole bytes.
    for (shape, bytes) in [(&[8, 8][..], 8), (&[3], 2), (&[4], 3), (&[5], 5), (&[2], 32), (&[], 16), (&[0, 7], 0)] {
        let known = tensor("a", "F32", &[1], 0, 4);
        let file = Draft::of(vec![known, tensor("x", "F99", shape, 4, 4 + bytes)], 4 + bytes as i64).bytes();
        assert!(!there(&file));
        let header = read(file).unwrap();
        assert_eq!(header.tensors[1].dtype, TensorType::Unknown("F99".to_owned()));
        assert_eq!((header.tensors[1].byte_len(), header.tensors[1].shape.as_slice()), (bytes, shape));
    }
}

#[test]
fn an_unknown_dtype_of_another_length_is_refused() {
    for (shape, bytes) in [(&[8, 8][..], 7), (&[9], 1), (&[2], 33), (&[], 17), (&[], 0), (&[0, 7], 1)] {
        let file = Draft::of(vec![tensor("x", "F99", shape, 0, bytes)], bytes as i64).bytes();
        assert!(!there(&file));
        let shown = format!("{shape:?}");
        let fault = fault(file);
        let wanted = LayoutFault::Implausible { name: "`x`".into(), dtype: "`F99`".into(), shape: shown, held: bytes };
        assert_eq!(fault, wanted);
    }
}

/// What `serde` takes for a struct and for an enum, beside what anybody writes.
#[test]
fn other_spellings_of_a_description_are_read_as_there() {
    for (dtype, listed) in [(r#"{"F32":null}"#, false), (r#"{"F32":null}"#, true), (r#""F32""#, true)] {
        let mut x = tensor("x", "", &[1], 0, 4);
        x.fields[0].1 = dtype.to_owned();
        x.listed = listed;
        assert_eq!(compare(&Draft::of(vec![x], 4).bytes()).unwrap(), Outcome::BothRead);
    }
    for dtype in
        [r#"{"F32":1}"#, r#"{"F32":{}}"#, r#"{"F32":{"a":1}}"#, r#"{"F32":null,"F16":null}"#, "{}", r#"["F32"]"#, "0"]
    {
        let mut x = tensor("x", "", &[1], 0, 4);
        x.fields[0].1 = dtype.to_owned();
        assert_eq!(compare(&Draft::of(vec![x], 4).bytes()).unwrap(), Outcome::BothRefuse, "{dtype}");
    }
    for extra in ["1", "null"] {
        let mut x = tensor("x", "F32", &[1], 0, 4);
        x.fields.push(("more", extra.to_owned()));
        x.listed = true;
        assert_eq!(compare(&Draft::of(vec![x], 4).bytes()).unwrap(), Outcome::BothRefuse, "four values in a list");
    }
}

#[test]
fn nesting_is_bounded_at_the_same_depth() {
    let outcomes: Vec<Outcome> = (100..140)
        .map(|depth| {
            let mut x = tensor("x", "F32", &[1], 0, 4);
            x.fields.push(("more", format!("{}{}", "[".repeat(depth), "]".repeat(depth))));
            compare(&Draft::of(vec![x], 4).bytes()).unwrap()
        })
        .collect();
    assert!(outcomes.contains(&Outcome::BothRead) && outcomes.contains(&Outcome::BothRefuse), "{outcomes:?}");
}

/// Messages stay short however long what they quote is.
#[test]
fn long_texts_and_shapes_are_cut_in_messages() {
    let long = "é".repeat(100_000);
    let mut wrong = tensor("x", "F32", &[1], 0, 4);
    wrong.fields[1].1 = format!("\"{long}\"");
    let shape = tensor("x", "F32", &[1; 10_000], 0, 8);
    let unknown = tensor("x", &long, &[4], 0, 1 << 20);
    for (draft, body) in [(wrong, 4), (shape, 8), (unknown, 1 << 20)] {
        let text = read(Draft::of(vec![draft], body).bytes()).unwrap_err().to_string();
        assert!(text.len() < 1500, "{} bytes", text.len());
    }
}
