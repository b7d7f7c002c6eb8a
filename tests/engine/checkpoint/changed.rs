//! Of which weights of two checkpoints a LoRA can be taken, and in which form.

use lorascope_format::bytes::MemorySource;
use lorascope_format::checkpoint::{Checkpoint, Stored, candidates};
use lorascope_format::container::Dtype::{self, BF16, F16, F32, I32};

use super::sets::sort;
use crate::common::typed_file;

type Tensors<'a> = &'a [(&'a str, Dtype, &'a [u64])];

fn checkpoint(tensors: Tensors<'_>) -> Checkpoint<MemorySource> {
    sort(vec![MemorySource::new("model.safetensors", typed_file(tensors))]).checkpoints.remove(0)
}

/// The paths and forms of the candidates, and what is left out.
type Found = (Vec<(String, Stored)>, Vec<(String, String)>);

fn found(before: Tensors<'_>, after: Tensors<'_>, embeddings: bool) -> Found {
    let (found, left_out) = candidates(&checkpoint(before), &checkpoint(after), embeddings);
    for candidate in &found {
        assert!(candidate.rows * candidate.cols > 0);
    }
    (
        found.into_iter().map(|candidate| (candidate.path, candidate.stored)).collect(),
        left_out.into_iter().map(|entry| (entry.name, entry.reason)).collect(),
    )
}

fn reasons<'a>(left_out: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    left_out.iter().filter(|(n, _)| n == name).map(|(_, reason)| reason.as_str()).collect()
}

#[test]
fn the_form_is_that_of_the_layer() {
    let model: Tensors<'_> = &[
        ("embed.word_embeddings.weight", F32, &[40, 8]),
        ("embed.token_type_embeddings.weight", F32, &[2, 8]),
        ("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", F32, &[32, 4]),
        ("x_embedder.weight", F32, &[8, 6]),
        ("patch_embeddings.projection.weight", F32, &[8, 3, 2, 2]),
        ("time_embedding.linear_1.weight", F32, &[8, 6]),
        ("h.0.attn.c_attn.weight", F32, &[8, 24]),
        ("h.0.ln_1.weight", F32, &[8]),
        ("lm_head.weight", F32, &[40, 8]),
    ];
    let (all, left_out) = found(model, model, true);
    let form = |end: &str| all.iter().find(|(path, _)| path.ends_with(end)).map(|(_, stored)| stored.clone());
    for table in ["word_embeddings", "token_type_embeddings", "relative_attention_bias"] {
        assert_eq!(form(table), Some(Stored::Embedding), "{table}");
    }
    for linear in ["x_embedder", "linear_1", "lm_head"] {
        assert_eq!(form(linear), Some(Stored::Linear), "{linear}");
    }
    assert_eq!(form("projection"), Some(Stored::Convolution(vec![2, 2])));
    assert_eq!(form("c_attn"), Some(Stored::Conv1D));
    assert_eq!(left_out.len(), 1);
    assert!(reasons(&left_out, "h.0.ln_1.weight")[0].contains("no matrix"));

    // Without embeddings the tables and the head go, and the layers that only take the input in stay.
    let (all, left_out) = found(model, model, false);
    let paths: Vec<&str> = all.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["x_embedder", "patch_embeddings.projection", "time_embedding.linear_1", "h.0.attn.c_attn"]);
    assert_eq!(left_out.iter().filter(|(_, reason)| reason.contains("take them along")).count(), 4);
}

#[test]
fn the_same_module_under_another_prefix() {
    let before: Tensors<'_> = &[("model.layers.0.self_attn.q_proj.weight", F32, &[4, 4])];
    let after: Tensors<'_> = &[("layers.0.self_attn.q_proj.weight", BF16, &[4, 4])];
    let (all, left_out) = found(before, after, false);
    assert_eq!((all.len(), left_out.len()), (1, 0), "{left_out:?}");
}

#[test]
fn quantised_modules_are_listed_once_each() {
    let q = "model.layers.0.self_attn.q_proj";
    let names = [".qweight", ".qzeros", ".scales", ".g_idx"].map(|end| format!("{q}{end}"));
    let packed: Tensors<'_> = &[
        (&names[0], I32, &[2, 10]),
        (&names[1], I32, &[1, 2]),
        (&names[2], F16, &[1, 10]),
        (&names[3], I32, &[16]),
        ("model.layers.0.self_attn.k_proj.weight", F16, &[4, 4]),
    ];
    let weight = format!("{q}.weight");
    let plain: Tensors<'_> = &[(&weight, F16, &[10, 16]), ("model.layers.0.self_attn.k_proj.weight", F16, &[4, 4])];
    let (all, left_out) = found(packed, plain, false);
    assert_eq!(all.len(), 1);
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    assert!(reasons(&left_out, q)[0].contains("GPTQ"), "{left_out:?}");
    let (all, left_out) = found(plain, packed, false);
    assert_eq!(all.len(), 1);
    assert!(reasons(&left_out, &weight)[0].contains("GPTQ"), "{left_out:?}");
}

#[test]
fn what_has_no_counterpart_is_left_out() {
    let before: Tensors<'_> = &[
        ("l.0.q.weight", F32, &[4, 4]),
        ("l.0.q.base_layer.weight", F32, &[4, 4]),
        ("l.0.k.weight", F32, &[4, 4]),
        ("l.0.v.weight", F32, &[4, 4]),
        ("l.0.o.weight", I32, &[4, 4]),
        ("l.0.empty.weight", F32, &[0, 4]),
        ("l.0.table", F32, &[4, 4]),
    ];
    let after: Tensors<'_> = &[
        ("l.0.q.weight", F32, &[4, 4]),
        ("l.0.k.weight", F32, &[4, 6]),
        ("l.0.o.weight", I32, &[4, 4]),
        ("l.0.empty.weight", F32, &[0, 4]),
        ("l.0.table", F32, &[4, 4]),
    ];
    let (all, left_out) = found(before, after, false);
    assert_eq!(all, []);
    for (name, words) in [
        ("l.0.q.weight", "more than once"),
        ("l.0.q.base_layer.weight", "more than once"),
        ("l.0.k.weight", "[4, 6] in the other checkpoint"),
        ("l.0.v.weight", "no such tensor"),
        ("l.0.o.weight", "I32"),
        ("l.0.empty.weight", "no number"),
        ("l.0.table", "by its name"),
    ] {
        let said = reasons(&left_out, name);
        assert!(said.len() == 1 && said[0].contains(words), "{name}: {said:?} should say {words:?}");
    }
}
