//! The role of a module, read from the last segments of its path.

/// What else the path says about its last segment.
struct Context<'a> {
    segments: Vec<&'a str>,
    attention: bool,
    cross: bool,
    mlp: bool,
    moe: bool,
    /// Inside a numbered layer.
    layered: bool,
}

const CROSS: &[&str] = &[
    "attn2",
    "cross_attn",
    "cross_attention",
    "crossattention",
    "encoder_attn",
    "encdecattention",
    "txt_attn",
    "context_block",
];
/// Words of attention projections that belong to the other stream whatever their parents are called.
const CROSS_LAST: &[&str] = &["add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "k_img", "v_img"];
const MLP: &[&str] =
    &["mlp", "ffn", "ff", "ff_context", "feed_forward", "densereludense", "img_mlp", "txt_mlp", "experts"];
const MOE: &[&str] = &["mlp", "moe", "block_sparse_moe", "feed_forward", "ffn"];

const QUERY: &[&str] = &["q_proj", "query", "to_q", "wq", "q_lin", "q", "q_a_proj", "q_b_proj", "add_q_proj"];
const KEY: &[&str] = &["k_proj", "key", "to_k", "wk", "k_lin", "k", "kv_a_proj_with_mqa", "add_k_proj", "k_img"];
const VALUE: &[&str] = &["v_proj", "value", "to_v", "wv", "v_lin", "v", "add_v_proj", "v_img"];
const FUSED: &[&str] =
    &["qkv", "qkv_proj", "query_key_value", "c_attn", "wqkv", "attn_qkv", "to_qkv", "linear_qkv", "kv_b_proj"];
const OUT: &[&str] = &["o_proj", "out_proj", "to_out", "out_lin", "o", "to_add_out", "output_proj"];
const GATE: &[&str] = &["gate_proj", "w1", "wi_0"];
const UP: &[&str] = &[
    "up_proj",
    "w3",
    "wi",
    "wi_1",
    "fc1",
    "c_fc",
    "fc_in",
    "dense_h_to_4h",
    "lin1",
    "layer1",
    "linear_in",
    "proj_mlp",
    "linear_fc1",
];
const DOWN: &[&str] =
    &["down_proj", "w2", "fc2", "fc_out", "dense_4h_to_h", "lin2", "layer2", "linear_out", "linear_fc2"];
const EMBED: &[&str] = &[
    "embed_tokens",
    "wte",
    "wpe",
    "word_embeddings",
    "position_embeddings",
    "embed_in",
    "token_embd",
    "token_embedding",
    "position_embedding",
    "patch_embed",
    "patch_embedding",
    "patch_embeddings",
    "x_embedder",
    "img_in",
    "txt_in",
    "context_embedder",
    "label_emb",
    "add_embedding",
    "embed_positions",
];
const HEAD: &[&str] = &["lm_head", "embed_out", "score", "classifier"];
const CONV: &[&str] = &[
    "conv",
    "conv1",
    "conv2",
    "conv1d",
    "conv_in",
    "conv_out",
    "conv_shortcut",
    "op",
    "downsamplers",
    "upsamplers",
    "skip_connection",
];

/// `lower` is the module's path in lower case, `layered` whether a numbered layer contains it.
pub(super) fn role(lower: &str, layered: bool) -> String {
    let segments: Vec<&str> = lower.split('.').collect();
    let context = Context {
        attention: segments.iter().any(|s| s.contains("attn") || s.contains("attention")),
        cross: segments.iter().any(|s| CROSS.contains(s)),
        mlp: segments.iter().any(|s| MLP.contains(s)),
        moe: segments.iter().rev().nth(1).is_some_and(|parent| MOE.contains(parent)),
        layered,
        segments,
    };
    let last = context.segments.last().copied().unwrap_or_default();
    if let Some(role) = attention(last, &context) {
        let cross = context.cross || CROSS_LAST.contains(&last);
        return if cross { format!("cross_{role}") } else { role.to_owned() };
    }
    feed_forward(last, &context).or_else(|| elsewhere(last, &context)).unwrap_or("other").to_owned()
}

impl Context<'_> {
    /// Whether the path's last segments are these.
    fn ends(&self, tail: &[&str]) -> bool {
        self.segments.ends_with(tail)
    }

    fn inside(&self, segment: &str) -> bool {
        self.segments.contains(&segment)
    }
}

fn attention(last: &str, at: &Context) -> Option<&'static str> {
    if QUERY.contains(&last) {
        return Some("q");
    }
    if KEY.contains(&last) {
        return Some("k");
    }
    if VALUE.contains(&last) {
        return Some("v");
    }
    // State-space mixers have an `in_proj` too, which is no attention.
    if FUSED.contains(&last) || (last == "in_proj" && at.attention) {
        return Some("qkv");
    }
    let single = at.inside("single_blocks") || at.inside("single_transformer_blocks");
    if last == "to_qkv_mlp_proj" || (last == "linear1" && single) {
        return Some("qkv_mlp");
    }
    if single && (last == "linear2" || last == "proj_out") {
        return Some("o_mlp");
    }
    // `out_proj` of a state-space mixer and of an MLP-less block is still the block's output.
    if OUT.contains(&last) || at.ends(&["to_out", "0"]) {
        return Some("o");
    }
    let output = ["proj", "dense", "c_proj", "wo", "linear_proj"].contains(&last);
    (output && at.attention && !at.mlp).then_some("o")
}

fn feed_forward(last: &str, at: &Context) -> Option<&'static str> {
    if last == "router" || (last == "gate" && at.moe) {
        return Some("router");
    }
    if last == "gate_up_proj" {
        return Some("gate_up");
    }
    if GATE.contains(&last) || last == "gate" {
        return Some("gate");
    }
    let indexed = |index| ["mlp", "ffn", "img_mlp", "txt_mlp"].iter().any(|parent| at.ends(&[parent, index]));
    if UP.contains(&last) || at.ends(&["net", "0", "proj"]) || at.ends(&["intermediate", "dense"]) || indexed("0") {
        return Some("up");
    }
    let output = at.ends(&["output", "dense"]) || at.ends(&["net", "2"]) || indexed("2");
    (DOWN.contains(&last) || output || (["c_proj", "wo", "dense"].contains(&last) && at.mlp)).then_some("down")
}

fn elsewhere(last: &str, at: &Context) -> Option<&'static str> {
    let modulation = ["modulation", "_mod", "adaln"];
    let parent = at.segments.iter().rev().nth(1).copied().unwrap_or_default();
    if modulation.iter().any(|word| last.contains(word) || parent.contains(word))
        || (last == "linear" && parent.starts_with("norm"))
    {
        return Some("modulation");
    }
    let final_layer = at.ends(&["final_layer", "linear"]) || at.ends(&["head", "head"]);
    if HEAD.contains(&last) || final_layer || (!at.layered && ["proj_out", "output", "head"].contains(&last)) {
        return Some("head");
    }
    let time = at.segments.iter().any(|s| s.starts_with("time_embed"));
    if EMBED.contains(&last) || (!at.layered && (last == "shared" || time)) || EMBED.contains(&parent) {
        return Some("embed");
    }
    if last == "time_emb_proj" || at.ends(&["emb_layers", "1"]) {
        return Some("time");
    }
    if last.starts_with("norm") || last.starts_with("ln_") || last.ends_with("norm") {
        return Some("norm");
    }
    let conv = CONV.contains(&last) || at.ends(&["in_layers", "2"]) || at.ends(&["out_layers", "3"]);
    conv.then_some("conv")
}

/// Where a role comes in a model's forward pass, for sorting; unknown roles before the head.
pub fn order(role: &str) -> usize {
    const ORDER: &[&str] = &[
        "embed",
        "q",
        "k",
        "v",
        "qkv",
        "qkv_mlp",
        "o",
        "o_mlp",
        "cross_q",
        "cross_k",
        "cross_v",
        "cross_qkv",
        "cross_o",
        "router",
        "gate",
        "gate_up",
        "up",
        "down",
        "norm",
        "conv",
    ];
    match role {
        "head" => usize::MAX,
        _ => ORDER.iter().position(|&known| known == role).unwrap_or(ORDER.len()),
    }
}
