//! Every scheme of quantisation by its marks, and what is said.

use lorascope_format::checkpoint::{Quantisation, Schemes, scheme};
use lorascope_format::container::Dtype::{self, BF16, F8_E4M3, F8_E8M0, F16, F32, I8, I32, I64, U8, U32};
use lorascope_format::container::{TensorEntry, TensorType};

const X: &str = "model.layers.0.mlp.down_proj";

fn tensors(ends: &[(&str, Dtype, &[u64])]) -> Vec<TensorEntry> {
    let entry = |&(end, dtype, shape): &(&str, Dtype, &[u64])| TensorEntry {
        name: format!("{X}{end}"),
        dtype: TensorType::Known(dtype),
        shape: shape.to_vec(),
        begin: 0,
        end: 0,
    };
    ends.iter().map(entry).collect()
}

fn whole(ends: &[(&str, Dtype, &[u64])]) -> Option<Quantisation> {
    let tensors = tensors(ends);
    let found = scheme(&tensors);
    let of_module = Schemes::new(&tensors).of(X);
    assert_eq!(found.as_ref().map(|found| found.scheme), of_module, "the whole and the module agree: {ends:?}");
    found
}

#[test]
fn every_scheme_by_its_marks() {
    let weight = |dtype| (".weight", dtype, &[64, 32][..]);
    let scale: &[u64] = &[1];
    for (marks, name, packed) in [
        (
            &[
                (".weight", U8, &[1024, 1][..]),
                (".weight.absmax", U8, &[32]),
                (".weight.quant_map", F32, &[16]),
                (".weight.nested_absmax", F32, &[1]),
                (".weight.nested_quant_map", F32, &[256]),
                (".weight.quant_state.bitsandbytes__nf4", U8, &[80]),
            ][..],
            "bitsandbytes 4-bit",
            true,
        ),
        (
            &[(".weight", U8, &[1024, 1]), (".weight.quant_state.bitsandbytes__fp4", U8, &[80])],
            "bitsandbytes 4-bit",
            true,
        ),
        (&[weight(I8), (".SCB", F32, &[64]), (".weight_format", U8, &[])], "bitsandbytes int8", false),
        (&[weight(F8_E4M3), (".weight_scale_inv", F32, scale)], "FP8 in blocks", false),
        (&[weight(F8_E4M3), (".weight_scale_inv", F8_E8M0, scale)], "FP8 in blocks", false),
        (&[weight(F8_E4M3), (".weight_scale", F32, scale), (".input_scale", F32, scale)], "FP8 or INT8", false),
        (&[weight(I8), (".weight_scale", BF16, &[64, 1])], "FP8 or INT8", false),
        (&[weight(F8_E4M3), (".scale_weight", F32, scale), (".scale_input", F32, scale)], "ComfyUI", false),
        (&[(".comfy_quant", U8, &[40]), weight(F8_E4M3), (".weight_scale", F32, scale)], "ComfyUI", false),
        (&[weight(F8_E4M3), (".weight_scale", F32, scale), (".comfy_quant", U8, &[40])], "ComfyUI", false),
        (
            &[
                (".qweight", I32, &[4, 64]),
                (".qzeros", I32, &[1, 8]),
                (".scales", F16, &[1, 64]),
                (".g_idx", I32, &[32]),
            ],
            "GPTQ",
            true,
        ),
        (&[(".qweight", I32, &[4, 64]), (".qzeros", I32, &[1, 8]), (".scales", F16, &[1, 64])], "GPTQ", true),
        (&[(".qweight", I32, &[32, 8]), (".qzeros", I32, &[1, 8]), (".scales", F16, &[1, 64])], "AWQ", true),
        (
            &[(".weight_packed", I32, &[64, 4]), (".weight_scale", BF16, &[64, 1]), (".weight_shape", I64, &[2])],
            "compressed-tensors",
            true,
        ),
        (&[("_blocks", U8, &[2, 64, 1, 16]), ("_scales", U8, &[2, 64, 1])], "MXFP4", true),
        (
            &[(".weight", U8, &[64, 16]), (".weight_scale", F8_E4M3, &[64, 2]), (".weight_scale_2", F32, scale)],
            "NVFP4",
            true,
        ),
        (
            &[(".weight_scale_2", F32, scale), (".weight_scale", F8_E4M3, &[64, 2]), (".weight", U8, &[64, 16])],
            "NVFP4",
            true,
        ),
        (&[(".weight", U32, &[64, 4]), (".scales", BF16, &[64, 1]), (".biases", BF16, &[64, 1])], "MLX", true),
        (&[weight(I8), (".weight_scales", F16, &[64])], "EETQ", true),
        (&[(".weight._data", I8, &[64, 32]), (".weight._scale", F16, &[64, 1])], "quanto", true),
        (
            &[(".codes", I8, &[64, 4, 1]), (".codebooks", F16, &[1, 256, 1, 8]), (".scales", F16, &[64, 1, 1, 1])],
            "AQLM",
            true,
        ),
        (&[(".W_q", U8, &[32, 32]), (".scale", F16, &[64, 1]), (".zero", F16, &[64, 1])], "HQQ", true),
    ] {
        let found = whole(marks).unwrap_or_else(|| panic!("{name} is not seen in {marks:?}"));
        assert!(found.scheme.name.starts_with(name), "{} for {name}", found.scheme.name);
        assert_eq!((found.scheme.packed, found.weights, found.partial), (packed, 1, false), "{name}");
        let said = found.sentence();
        assert!(said.starts_with("quantised by ") && said.contains(name), "{said}");
        assert!(said.ends_with("Use the checkpoint before quantisation, in BF16, F16 or F32."), "{said}");
        let reason = found.scheme.reason();
        assert!(reason.contains(name) && reason.contains("before quantisation"), "{reason}");
    }
}

#[test]
fn plain_weights_are_not_quantised() {
    for ends in [
        &[(".weight", F8_E4M3, &[64, 32][..])][..],
        &[(".weight", BF16, &[64, 32]), (".weight_scale", F32, &[1])],
        &[(".weight", BF16, &[64, 32]), (".scales", F32, &[64])],
        &[(".weight", BF16, &[64, 32]), (".weight_scales", F32, &[64])],
        &[(".weight", BF16, &[64, 32]), (".scale", F32, &[64])],
        &[("_blocks", BF16, &[64, 32])],
        &[],
    ] {
        assert_eq!(whole(ends), None, "{ends:?}");
    }
}

/// gpt-oss: its experts are packed, its attention is plain.
#[test]
fn a_mixed_model_is_compared_in_part() {
    let mut all = tensors(&[("_blocks", U8, &[2, 64, 1, 16]), ("_scales", U8, &[2, 64, 1])]);
    let mut plain = tensors(&[(".weight", BF16, &[64, 32])]);
    plain[0].name = "model.layers.0.self_attn.q_proj.weight".to_owned();
    all.extend(plain);
    let found = scheme(&all).unwrap();
    assert_eq!(
        found.sentence(),
        "1 weight of this checkpoint is quantised by MXFP4 (packed 4-bit floats in blocks): not the numbers that \
         training changed, so they are not compared. To compare them too, use the checkpoint before quantisation, in \
         BF16, F16 or F32."
    );
    assert_eq!(Schemes::new(&all).of("model.layers.0.self_attn.q_proj"), None);
    // Embeddings, heads and norms are plain in most.
    all[2].name = "lm_head.weight".to_owned();
    assert!(!scheme(&all).unwrap().partial);
}
