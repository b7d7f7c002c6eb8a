use std::rc::Rc;

use lorascope_engine::export::{EncodeError, Layout, LayoutError, encode, layout};
use lorascope_engine::projection::Plan;
use lorascope_format::adapter::{Adapter, PeftConfig};
use lorascope_format::bytes::Metered;
use lorascope_format::bytes::{ByteSource, MemorySource, SourceError};
use lorascope_format::container::{Dtype, Header, TensorType};
use lorascope_protocol::projection::OutputType;
use lorascope_protocol::report::NotAnalyzed;
use nalgebra::DMatrix;

use crate::common::{config, file, header_of};
use crate::written::{Source, row};

fn header_of_bytes(bytes: Vec<u8>) -> Header {
    header_of(&MemorySource::new("new", bytes)).unwrap()
}

fn by_name<'a>(left_out: &'a [NotAnalyzed], name: &str) -> &'a str {
    &left_out.iter().find(|n| n.name == name).unwrap_or_else(|| panic!("{name} in {left_out:?}")).reason
}

#[test]
fn an_unchanged_adapter_is_written_bit_by_bit() {
    for folder in ["peft-lora", "peft-rslora-attn", "peft-patterns", "peft-embed-saved"] {
        let source = Source::open(folder);
        let plan = source.same();
        let layout = layout(&source.adapter, &source.header, &plan, None).unwrap();
        assert!(!layout.partial && !layout.renumbered);
        assert_eq!((layout.dtypes().as_str(), &layout.left_out, &layout.warnings), ("F32", &vec![], &vec![]));
        let bytes: Rc<[u8]> = source.write(&plan, &layout).into();
        let written = MemorySource::new("new", bytes);
        let header = header_of(&written).unwrap();
        assert_eq!(header.metadata, source.header.metadata);
        assert_eq!(header.tensors.len(), source.header.tensors.len());
        for old in &source.header.tensors {
            let new = header.tensors.iter().find(|t| t.name == old.name).unwrap();
            assert_eq!((&new.dtype, &new.shape), (&old.dtype, &old.shape));
            let read = |from: &MemorySource, begin, end| pollster::block_on(from.read(begin..end)).unwrap();
            assert_eq!(read(&written, new.begin, new.end), read(&source.file, old.begin, old.end), "{}", old.name);
        }
    }
}

#[test]
fn another_model_takes_only_the_factors() {
    let source = Source::open("peft-embed-saved");
    let mut plan = source.same();
    plan.same_model = false;
    let embed = plan.rows.iter().position(|r| r.name == "model.embed_tokens").unwrap();
    plan.rows[embed].shape = [300, 96];
    let layout = layout(&source.adapter, &source.header, &plan, Some(OutputType::F16)).unwrap();
    assert!(layout.carried.is_empty() && !layout.partial);
    assert!(by_name(&layout.left_out, "lm_head.weight").contains("full tensor"));
    assert!(by_name(&layout.left_out, "model.embed_tokens.base_layer.weight").contains("copy"));
    let header = header_of_bytes(source.write(&plan, &layout));
    let of = |name: &str| header.tensors.iter().find(|t| t.name.ends_with(name)).unwrap();
    assert_eq!(of("lora_embedding_A").shape, [8, 300]);
    assert_eq!(of("lora_embedding_B").shape, [96, 8]);
    assert!(header.tensors.iter().all(|t| t.dtype == TensorType::Known(Dtype::F16)));
    assert_eq!(layout.dtypes(), "F16");
}

/// A file of zeros.
fn zeros(tensors: &[(&str, Dtype, &[u64])]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut at = 0;
    for (name, dtype, shape) in tensors {
        let end = at + shape.iter().product::<u64>() * dtype.bitsize() as u64 / 8;
        let entry = serde_json::json!({ "dtype": format!("{dtype:?}"), "shape": shape, "data_offsets": [at, end] });
        entries.push(format!("\"{name}\":{entry}"));
        at = end;
    }
    file(&format!("{{{}}}", entries.join(",")), &vec![0; at as usize])
}

fn read(bytes: Vec<u8>, config: &PeftConfig) -> (Header, Adapter) {
    let header = header_of_bytes(bytes);
    let adapter = lorascope_format::adapter::read(&header, Some(config)).unwrap();
    (header, adapter)
}

fn plan_of(adapter: &Adapter) -> Plan {
    Plan { rows: adapter.modules.iter().map(row).collect(), ..Source::open("peft-rslora-attn").same() }
}

/// One layer with everything that may stand beside factors, in several dtypes.
fn mixed() -> (Header, Adapter) {
    let bytes = zeros(&[
        ("base_model.model.h.3.c.lora_A.weight", Dtype::F16, &[4, 6, 3, 3]),
        ("base_model.model.h.3.c.lora_B.weight", Dtype::F32, &[8, 4, 1, 1]),
        ("base_model.model.h.3.d.lora_A.weight", Dtype::F64, &[4, 6]),
        ("base_model.model.h.3.d.lora_B.weight", Dtype::F8_E4M3, &[8, 4]),
        ("base_model.model.h.3.d.lora_magnitude_vector", Dtype::BF16, &[8]),
        ("base_model.model.h.3.d.lora_B.bias", Dtype::U8, &[8]),
        ("base_model.model.h.3.d.alpha", Dtype::F32, &[]),
        ("base_model.model.score.weight", Dtype::I64, &[2]),
        ("base_model.model.h.3.e.lora_A.weight", Dtype::F32, &[4, 6]),
        ("base_model.model.h.3.e.lora_B.weight", Dtype::F32, &[8, 4]),
        ("base_model.model.h.3.e.lora_diag", Dtype::F32, &[4]),
        ("base_model.model.h.3.f.lora_B.weight", Dtype::F32, &[8, 4]),
        ("base_model.model.h.3.f.lora_magnitude_vector", Dtype::F32, &[8]),
    ]);
    read(bytes, &config(r#"{"peft_type": "LORA", "r": 4, "lora_alpha": 4, "use_dora": true}"#))
}

#[test]
fn what_stands_beside_factors_goes_along_to_the_same_model_only() {
    let (header, adapter) = mixed();
    let mut plan = plan_of(&adapter);
    let same = layout(&adapter, &header, &plan, None).unwrap();
    let carried: Vec<&str> = same.carried.iter().map(|c| c.name.rsplit("model.").next().unwrap()).collect();
    assert_eq!(carried, ["h.3.d.lora_magnitude_vector", "h.3.d.lora_B.bias", "score.weight"]);
    assert!(same.partial, "two modules are missing");
    let left_out: Vec<&str> = same.left_out.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(left_out, ["h.3.d.alpha", "h.3.e", "h.3.e.lora_diag", "h.3.f", "h.3.f.lora_magnitude_vector"]);
    assert!(by_name(&same.left_out, "h.3.e").contains("KaSA"), "the reason that reading gave");
    assert_eq!(same.warnings.len(), 2, "{:?}", same.warnings);
    assert!(same.warnings[0].contains("DoRA") && same.warnings[1].starts_with("The factors of 1 of 2 modules"));

    plan.same_model = false;
    let other = layout(&adapter, &header, &plan, None).unwrap();
    assert!(other.carried.is_empty());
    assert_eq!(other.left_out.len(), 8, "{:?}", other.left_out);
    assert!(by_name(&other.left_out, "h.3.d.lora_magnitude_vector").contains("DoRA magnitude"));
}

#[test]
fn tensors_are_aligned_and_keep_their_kernels() {
    let (header, adapter) = mixed();
    let mut plan = plan_of(&adapter);
    let conv = plan.rows.iter().position(|r| r.name == "h.3.c").unwrap();
    plan.rows[conv].shape = [10, 45];
    plan.rows[conv].rank = 2;
    let new = layout(&adapter, &header, &plan, None).unwrap();
    let mut bytes = new.header.clone();
    bytes.resize(new.len as usize, 0);
    let written = header_of_bytes(bytes);
    for tensor in &written.tensors {
        let TensorType::Known(dtype) = tensor.dtype else { panic!("{tensor:?}") };
        assert_eq!(tensor.begin % (dtype.bitsize() as u64 / 8), 0, "{}", tensor.name);
    }
    let shape = |name: &str| written.tensors.iter().find(|t| t.name.ends_with(name)).unwrap().shape.clone();
    assert_eq!(shape("c.lora_A.weight"), [2, 5, 3, 3]);
    assert_eq!(shape("c.lora_B.weight"), [10, 2, 1, 1]);
    assert_eq!(new.dtypes(), "F32+F16", "{:?}", new.rows);
    assert_eq!(new.rows.iter().flat_map(|r| [&r.left, &r.right]).filter(|p| p.transposed).count(), 2);

    plan.rows[conv].shape = [10, 44];
    let error = layout(&adapter, &header, &plan, None).unwrap_err();
    assert_eq!(error, LayoutError::Kernel { module: "`h.3.c`".to_owned(), inputs: 44, kernel: 9 });
}

#[test]
fn layers_move_in_the_names() {
    let source = Source::open("peft-rslora-attn");
    let mut plan = source.same();
    plan.same_model = false;
    plan.rows.retain(|row| row.layer.is_some_and(|layer| layer % 2 == 1));
    for row in &mut plan.rows {
        row.layer = row.layer.map(|layer| layer / 2);
    }
    let new = layout(&source.adapter, &source.header, &plan, None).unwrap();
    assert!(new.renumbered && new.partial);
    let names: Vec<&str> = new.rows.iter().map(|r| r.right.name.as_str()).collect();
    assert_eq!(names[5], "base_model.model.model.layers.2.self_attn.v_proj.lora_A.weight");
    assert_eq!(by_name(&new.left_out, "model.layers.4.self_attn.v_proj"), "it was not analysed");
    plan.unplaced
        .push(NotAnalyzed { name: "model.layers.4.self_attn.v_proj".to_owned(), reason: "no place".to_owned() });
    let new: Layout = layout(&source.adapter, &source.header, &plan, None).unwrap();
    assert_eq!(by_name(&new.left_out, "model.layers.4.self_attn.v_proj"), "no place");
    assert_eq!(new.left_out.len(), 6, "each module once: {:?}", new.left_out);

    plan.rows[1].layer = plan.rows[3].layer;
    let error = layout(&source.adapter, &source.header, &plan, None).unwrap_err();
    assert!(error.to_string().contains("same name"), "{error}");
    plan.rows[0].source = "nowhere".to_owned();
    let error = layout(&source.adapter, &source.header, &plan, None).unwrap_err();
    assert_eq!(error, LayoutError::Unknown { module: "`nowhere`".to_owned() });
}

#[test]
fn factors_are_encoded_in_their_tensor_s_order() {
    let factor = DMatrix::from_row_slice(2, 3, &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let bytes = |transposed, dtype| encode(&factor, transposed, dtype, "m").unwrap();
    let f32s = |bytes: Vec<u8>| -> Vec<f32> {
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    assert_eq!(f32s(bytes(false, OutputType::F32)), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(f32s(bytes(true, OutputType::F32)), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    assert_eq!(bytes(true, OutputType::F16)[..4], [0x00, 0x3c, 0x00, 0x44]);
    assert_eq!(bytes(false, OutputType::Bf16)[..4], [0x80, 0x3f, 0x00, 0x40]);
    assert!(encode(&DMatrix::zeros(0, 3), true, OutputType::F16, "m").unwrap().is_empty());
}

#[test]
fn what_a_dtype_cannot_hold_is_refused() {
    let one = |x: f32, dtype| encode(&DMatrix::from_element(3, 1, x), true, dtype, "layers.0.q");
    for (dtype, largest) in
        [(OutputType::F16, 65_519.996), (OutputType::Bf16, 3.396_177e38), (OutputType::F32, f32::MAX)]
    {
        assert!(one(-largest, dtype).is_ok(), "{dtype:?}");
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(one(x, dtype), Err(EncodeError::NotFinite { module: "`layers.0.q`".to_owned() }));
        }
    }
    let error = one(-65_520.0, OutputType::F16).unwrap_err().to_string();
    assert!(error.contains("`layers.0.q`") && error.contains("BF16 or F32"), "{error}");
    let error = one(f32::MAX, OutputType::Bf16).unwrap_err().to_string();
    assert!(error.contains("Choose F32"), "{error}");
    // The limits are where rounding reaches infinity, and nowhere before.
    for bits in (0x4700_0000..0x4780_0000u32).step_by(0x100) {
        let x = f32::from_bits(bits);
        assert_eq!(one(x, OutputType::F16).is_ok(), half::f16::from_f32(x).is_finite(), "{x}");
    }
    for bits in (0x7f7f_0000..0x7f80_0000u32).step_by(0x80) {
        let x = f32::from_bits(bits);
        assert_eq!(one(x, OutputType::Bf16).is_ok(), half::bf16::from_f32(x).is_finite(), "{x}");
    }
}

#[test]
fn pieces_are_the_bytes_they_were() {
    let count = Rc::default();
    let source = Metered::new(MemorySource::new("x", vec![1, 2, 3, 4]), Rc::clone(&count));
    assert_eq!(*source.part(1..3).unwrap(), [2, 3]);
    assert_eq!(count.get(), 0, "a part is not read");
    assert_eq!(*Metered::<MemorySource>::keep(vec![7, 8]).unwrap(), [7, 8]);
    for range in [2..5, 4..6, u64::MAX..u64::MAX] {
        assert!(matches!(source.part(range), Err(SourceError::OutOfRange { .. })));
    }
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tried")]
    let backwards = source.part(3..1);
    assert!(backwards.is_err());
}
