//! The role of a module, read from the last segments of its path.

mod words;

#[allow(clippy::wildcard_imports, reason = "its tables, all of them, and nothing else")]
use words::*;

/// What else the path says about its last segment.
struct Context<'a> {
    segments: Vec<&'a str>,
    attention: bool,
    cross: bool,
    mlp: bool,
    /// Inside a numbered layer.
    layered: bool,
}

/// `lower` is the module's dotted path in lower case, `layered` whether a numbered layer contains it.
pub(super) fn role(lower: &str, layered: bool) -> String {
    let segments: Vec<&str> = lower.split('.').collect();
    let attends = |s: &&str| s.contains("attn") || s.contains("attention") || *s == "processor";
    let mut context = Context {
        attention: segments.iter().any(attends),
        // SD3.5's second attention of the image's stream attends to the image.
        cross: segments.iter().any(|s| CROSS.contains(s)) && !segments.windows(2).any(|s| s == ["x_block", "attn2"]),
        mlp: segments.iter().any(|s| MLP.contains(s)),
        layered,
        segments,
    };
    loop {
        if let Some(role) = context.role() {
            return role;
        }
        // `k_proj.linear` and `down_projs.7` are what stands before: a wrapper's part, one of a list.
        match context.segments.pop() {
            Some(last) if last == "linear" || last.parse::<u32>().is_ok() => {}
            _ => return "other".to_owned(),
        }
    }
}

impl Context<'_> {
    fn role(&self) -> Option<String> {
        let last = self.segments.last().copied()?;
        if self.of_head(last) {
            return Some("head".to_owned());
        }
        if let Some(role) = attention(last, self) {
            let cross = self.cross || CROSS_LAST.contains(&last);
            return Some(if cross { format!("cross_{role}") } else { role.to_owned() });
        }
        feed_forward(last, self).or_else(|| elsewhere(last, self)).map(str::to_owned)
    }

    /// Whether the path's last segments are these.
    fn ends(&self, tail: &[&str]) -> bool {
        self.segments.ends_with(tail)
    }

    fn inside(&self, segment: &str) -> bool {
        self.segments.contains(&segment)
    }

    fn parent(&self) -> &str {
        self.segments.iter().rev().nth(1).copied().unwrap_or_default()
    }

    /// Whether this is a head, or a part of one (`classifier.out_proj`), which would otherwise read as another role.
    fn of_head(&self, last: &str) -> bool {
        let norm = last.ends_with("norm");
        !self.layered && !norm && (HEAD.contains(&last) || self.segments.iter().any(|s| HEAD.contains(s)))
    }
}

fn attention(last: &str, at: &Context<'_>) -> Option<&'static str> {
    // RWKV calls its feed-forward matrices key and value.
    let mixed = at.parent() == "ffn" && ["key", "value"].contains(&last);
    if QUERY.contains(&last) {
        return Some("q");
    }
    if KEY.contains(&last) && !mixed {
        return Some("k");
    }
    if VALUE.contains(&last) && !mixed {
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
    // The one projection out of attention and feed-forward together. With an index (`to_out.0`) it is the attention's.
    if single && ["linear2", "proj_out", "to_out"].contains(&last) {
        return Some("o_mlp");
    }
    // `out_proj` of a state-space mixer and of an MLP-less block is still the block's output.
    if OUT.contains(&last) || at.ends(&["to_out", "0"]) {
        return Some("o");
    }
    (OUT_INSIDE.contains(&last) && at.attention && !at.mlp).then_some("o")
}

fn feed_forward(last: &str, at: &Context<'_>) -> Option<&'static str> {
    if ROUTER.contains(&last) || (last == "gate" && MOE.contains(&at.parent())) {
        return Some("router");
    }
    if GATE_UP.contains(&last) {
        return Some("gate_up");
    }
    let among = |words: &[&str]| words.contains(&last) && (at.mlp || !ONLY_INSIDE.contains(&last));
    if among(GATE) {
        return Some("gate");
    }
    let indexed = |index| ["mlp", "ffn", "img_mlp", "txt_mlp"].iter().any(|parent| at.ends(&[parent, index]));
    let first = at.ends(&["net", "0", "proj"]) || at.ends(&["intermediate", "dense"]) || indexed("0");
    if among(UP) || first || (at.mlp && ["key", "in_layer", "fc"].contains(&last)) {
        return Some("up");
    }
    let output = at.ends(&["output", "dense"]) || at.ends(&["net", "2"]) || indexed("2");
    let inside = ["c_proj", "wo", "dense", "proj", "value", "out_layer"].contains(&last) && at.mlp;
    (among(DOWN) || output || inside).then_some("down")
}

fn elsewhere(last: &str, at: &Context<'_>) -> Option<&'static str> {
    let modulation = ["modulation", "_mod", "adaln"];
    let parent = at.parent();
    if modulation.iter().any(|word| last.contains(word) || parent.contains(word))
        || (["linear", "lin"].contains(&last) && parent.starts_with("norm"))
    {
        return Some("modulation");
    }
    let final_layer = at.ends(&["final_layer", "linear"]) || at.ends(&["head", "head"]);
    if HEAD.contains(&last) || final_layer || (!at.layered && ["proj_out", "output", "head"].contains(&last)) {
        return Some("head");
    }
    let part = at.segments.iter().any(|s| s.starts_with("time") || EMBED_PARTS.contains(s));
    if EMBED.contains(&last) || EMBED.contains(&parent) || (!at.layered && (last == "shared" || part)) {
        return Some("embed");
    }
    if last == "time_emb_proj" || at.ends(&["emb_layers", "1"]) {
        return Some("time");
    }
    if last.starts_with("norm") || last.starts_with("ln_") || last.ends_with("norm") {
        return Some("norm");
    }
    let conv = CONV.contains(&last) || at.ends(&["in_layers", "2"]) || at.ends(&["out_layers", "3"]);
    // A U-Net's first and last convolution, by the original names.
    if conv || at.ends(&["input_blocks", "0", "0"]) || at.ends(&["out", "2"]) {
        return Some("conv");
    }
    match last {
        "proj_in" => Some("proj_in"),
        "proj_out" => Some("proj_out"),
        _ => None,
    }
}

/// Where a role comes in a model's forward pass, for sorting; unknown roles before the head.
pub fn order(role: &str) -> usize {
    const ORDER: &[&str] = &[
        "embed",
        "proj_in",
        "modulation",
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
        "proj_out",
        "norm",
        "time",
        "conv",
    ];
    match role {
        "head" => usize::MAX,
        _ => ORDER.iter().position(|&known| known == role).unwrap_or(ORDER.len()),
    }
}
