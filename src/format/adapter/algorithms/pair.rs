//! LoRA and its close relatives: two factors, read by their orientation.

use super::experts::{self, adapts_experts};
use super::{At, Rule, Shaped, need, of_factors};
use crate::adapter::Factor;
use crate::adapter::MAX_RANK;
use crate::adapter::fault::ModuleFault;
use crate::adapter::gather::Group;
use crate::adapter::keys::{Family, Role};
use crate::adapter::metadata::Settings;
use crate::adapter::tensor::{kernel, matrix};
use crate::adapter::update::{Form, Formula};
use crate::container::{TensorEntry, elements};

/// A plain pair, in whatever orientation.
pub fn pair(group: &Group<'_>, at: At<'_>, settings: &Settings<'_>) -> Result<Vec<Shaped>, ModuleFault> {
    use Role::{A, B, EmbeddingA, EmbeddingB, MlxA, MlxB};
    let linear = group.has(A) || group.has(B);
    let embedding = group.has(EmbeddingA) || group.has(EmbeddingB);
    if linear && embedding {
        return Err(ModuleFault::TwoPairs);
    }
    if embedding {
        let a = need(group, EmbeddingA, "lora_embedding_B", "lora_embedding_A")?;
        let b = need(group, EmbeddingB, "lora_embedding_A", "lora_embedding_B")?;
        return self::embedding(a, b).map(|shaped| vec![shaped]);
    }
    if linear {
        // As the file calls them.
        let (down, up) = match group.family {
            Family::Kohya | Family::Comfy | Family::Lycoris => ("lora_down", "lora_up"),
            Family::Diffusers | Family::Xlabs | Family::Safeloras | Family::ControlLora => ("down", "up"),
            Family::Gguf | Family::Torchtune => ("lora_a", "lora_b"),
            Family::Megatron => ("linear_in", "linear_out"),
            Family::Peft | Family::Mlx => ("lora_A", "lora_B"),
        };
        let a = need(group, A, up, down)?;
        let b = need(group, B, down, up)?;
        return torch(group, (a, b), at, settings);
    }
    let a = need(group, MlxA, "lora_b", "lora_a")?;
    let b = need(group, MlxB, "lora_a", "lora_b")?;
    mlx((a, b), at, settings)
}

/// `[r, in]` and `[out, r]`.
fn torch(
    group: &Group<'_>,
    (a, b): (&TensorEntry, &TensorEntry),
    at: At<'_>,
    settings: &Settings<'_>,
) -> Result<Vec<Shaped>, ModuleFault> {
    let config = settings.config.filter(|config| config.mlx.is_none());
    // llama.cpp stores the embedding's `lora_a` the other way round (`convert_lora_to_gguf.py`).
    if group.family == Family::Gguf && is_token_embedding(at.name) {
        return tall(a, b, "lora_a", "lora_b").map(|shaped| vec![shaped]);
    }
    if let Some(config) = config {
        if config.use_qalora {
            return pooled(a, b, config.qalora_group_size).map(|shaped| vec![shaped]);
        }
        if config.use_bdlora {
            let ends = |module: &String| at.name == module || at.name.ends_with(&format!(".{module}"));
            let of_a = config.blocks.filter(|_| config.blocks_of_a.iter().any(ends));
            if let Some(shaped) = blocks(a, b, of_a)? {
                return Ok(vec![shaped]);
            }
        }
    }
    if let Some(stack) = experts::of_stack(group, (a, b), at, config) {
        return stack;
    }
    let fan_in_fan_out = config.is_some_and(|c| c.fan_in_fan_out) && at.role != "head";
    let shaped = linear(a, b, fan_in_fan_out)?;
    if adapts_experts(at.name, shaped.rank, config) {
        return experts::of_parameter(group, (a, b), at, config);
    }
    Ok(vec![shaped])
}

/// `lora_A` `[r, in, k…]` and `lora_B` `[out, r, 1…]`: ΔW = B·A, a convolution's as `[out, in·k…]`.
/// With `inputs_first` the base stores the weight as `[in, out]` (GPT-2's Conv1D), so ΔW is AᵀBᵀ.
pub fn linear(a: &TensorEntry, b: &TensorEntry, inputs_first: bool) -> Result<Shaped, ModuleFault> {
    let (rank, inputs) = matrix(a, "lora_A")?;
    let (outputs, b_rank) = matrix(b, "lora_B")?;
    let convolution = a.shape.len() > 2;
    match b.shape.get(1) {
        Some(&group) if convolution && group < rank && rank % group == 0 => {
            return Err(ModuleFault::Grouped { a: rank, b: group });
        }
        Some(&b_rank) if b_rank != rank && is_litgpt(a, b_rank, rank) => return Err(ModuleFault::FusedParts),
        Some(&b_rank) if b_rank != rank => return Err(ModuleFault::RankMismatch { a: rank, b: b_rank }),
        _ if b_rank != rank => return Err(ModuleFault::WideUp { shape: format!("{:?}", b.shape) }),
        _ => {}
    }
    let down = Factor { tensor: a.clone(), rows: inputs, cols: rank, transposed: true };
    let up = Factor { tensor: b.clone(), rows: outputs, cols: rank, transposed: false };
    let inputs_first = inputs_first && !convolution;
    let shaped = if inputs_first { of_factors(down, up) } else { of_factors(up, down) }?;
    Ok(Shaped { inputs_first, ..shaped.with_kernel(kernel(a)) })
}

/// Whether a module is a lookup table of tokens, whose weight is `[vocab, dim]`.
fn is_token_embedding(name: &str) -> bool {
    const TABLES: &[&str] = &["embed_tokens", "tok_embeddings", "wte", "word_embeddings", "embed_in", "token_embd"];
    name.rsplit('.').next().is_some_and(|last| TABLES.contains(&last))
}

/// LitGPT's fused attention: one slice of A for each of q, k and v.
fn is_litgpt(a: &TensorEntry, b_rank: u64, rank: u64) -> bool {
    let fused = a.name.contains(".qkv.") || a.name.contains(".attn.attn.");
    fused && [2, 3].iter().any(|parts| b_rank.checked_mul(*parts) == Some(rank))
}

/// `lora_embedding_A` `[r, vocab]` and `lora_embedding_B` `[dim, r]`: ΔW = (B·A)ᵀ, `[vocab, dim]`.
fn embedding(a: &TensorEntry, b: &TensorEntry) -> Result<Shaped, ModuleFault> {
    let (rank, vocab) = matrix(a, "lora_embedding_A")?;
    let (dim, b_rank) = matrix(b, "lora_embedding_B")?;
    if rank != b_rank {
        return Err(ModuleFault::RankMismatch { a: rank, b: b_rank });
    }
    let left = Factor { tensor: a.clone(), rows: vocab, cols: rank, transposed: true };
    let right = Factor { tensor: b.clone(), rows: dim, cols: rank, transposed: false };
    of_factors(left, right)
}

/// Two tall matrices `[m, r]` and `[n, r]`: ΔW = L·Rᵀ.
fn tall(a: &TensorEntry, b: &TensorEntry, left: &'static str, right: &'static str) -> Result<Shaped, ModuleFault> {
    let ((rows, rank), (cols, b_rank)) = (matrix(a, left)?, matrix(b, right)?);
    if rank != b_rank {
        return Err(ModuleFault::RankMismatch { a: rank, b: b_rank });
    }
    let left = Factor { tensor: a.clone(), rows, cols: rank, transposed: false };
    of_factors(left, Factor { tensor: b.clone(), rows: cols, cols: rank, transposed: false })
}

/// MLX: `lora_a` `[in, r]` and `lora_b` `[r, out]`, ΔW = (a·b)ᵀ; an embedding's `[vocab, r]` and `[r, dim]` give a·b.
/// Experts stand in a first dimension of their own, `[E, r, in]` and `[E, out, r]`, not transposed.
fn mlx((a, b): (&TensorEntry, &TensorEntry), at: At<'_>, settings: &Settings<'_>) -> Result<Vec<Shaped>, ModuleFault> {
    if b.shape.len() == 3 {
        return experts::of_switch(a, b);
    }
    let ((a0, a1), (b0, b1)) = (matrix(a, "lora_a")?, matrix(b, "lora_b")?);
    // Where both orientations fit, the spelling decides.
    if a1 != b0 {
        return if a0 == b1 { torch_named(a, b, settings) } else { Err(ModuleFault::RankMismatch { a: a1, b: b0 }) };
    }
    let input = Factor { tensor: a.clone(), rows: a0, cols: a1, transposed: false };
    let output = Factor { tensor: b.clone(), rows: b1, cols: b0, transposed: true };
    let shaped = if is_token_embedding(at.name) { of_factors(input, output) } else { of_factors(output, input) };
    shaped.map(|shaped| vec![shaped])
}

fn torch_named(a: &TensorEntry, b: &TensorEntry, settings: &Settings<'_>) -> Result<Vec<Shaped>, ModuleFault> {
    let config = settings.config.filter(|config| config.mlx.is_none());
    linear(a, b, config.is_some_and(|c| c.fan_in_fan_out)).map(|shaped| vec![shaped])
}

/// A `[r, in]`, E `[r, 1]`, B `[out, r]`: B·diag(E)·A.
pub fn adalora(group: &Group<'_>) -> Result<Shaped, ModuleFault> {
    let a = need(group, Role::A, "lora_E", "lora_A")?;
    let b = need(group, Role::B, "lora_E", "lora_B")?;
    let e = need(group, Role::AdaLora, "lora_A", "lora_E")?;
    if let ([0, _, ..], [_, 0, ..]) = (&a.shape[..], &b.shape[..]) {
        return Err(ModuleFault::NoDirection);
    }
    let plain = linear(a, b, false)?;
    if elements(&e.shape) != Some(plain.rank) {
        return Err(ModuleFault::Lengths { vector: "lora_E", shape: format!("{:?}", e.shape), wanted: plain.rank });
    }
    let sizes = (plain.shape, plain.rank);
    let shaped = Shaped::recipe(Formula::Scaled, &[a, e, b], Form::Factors(plain.rank), sizes);
    Ok(shaped.by(Rule::AdaLora).with_kernel(&plain.kernel))
}

/// down `[r, in, 1…]`, mid `[r, r, k…]`, up `[out, r, 1…]`.
pub fn tucker(group: &Group<'_>) -> Result<Shaped, ModuleFault> {
    let down = need(group, Role::A, "lora_mid", "lora_down")?;
    let up = need(group, Role::B, "lora_mid", "lora_up")?;
    let mid = need(group, Role::Mid, "lora_down", "lora_mid")?;
    let ((inner, inputs), (out, outer)) = (matrix(down, "lora_down")?, matrix(up, "lora_up")?);
    let (m, _) = matrix(mid, "lora_mid")?;
    if m != outer || mid.shape.get(1) != Some(&inner) {
        return Err(ModuleFault::Core { core: format!("{:?}", mid.shape), a: inner, b: outer });
    }
    if inner > MAX_RANK {
        return Err(ModuleFault::TooLarge { shape: format!("{:?}", mid.shape) });
    }
    let taps = elements(kernel(mid)).unwrap_or(1);
    let cols = inputs.checked_mul(taps).ok_or_else(|| ModuleFault::TooLarge { shape: format!("{:?}", mid.shape) })?;
    // A stored alpha is divided by the rows of lora_down.
    let sizes = ([out, cols], inner);
    let shaped = Shaped::recipe(Formula::Tucker, &[down, mid, up], Form::Factors(outer), sizes);
    Ok(shaped.with_kernel(kernel(mid)))
}

/// QALoRA: A `[r, in/group]`.
fn pooled(a: &TensorEntry, b: &TensorEntry, group: u64) -> Result<Shaped, ModuleFault> {
    let plain = linear(a, b, false)?;
    let [out, pools] = plain.shape;
    let inputs = pools.checked_mul(group).filter(|&n| n.checked_mul(out).is_some());
    let inputs = inputs.ok_or_else(|| ModuleFault::TooLarge { shape: format!("{:?}", a.shape) })?;
    let sizes = ([out, inputs], plain.rank);
    Ok(Shaped::recipe(Formula::Pooled { group }, &[a, b], Form::Factors(plain.rank), sizes))
}

/// BD-LoRA: the block-diagonal factor has only its blocks, `[r, in/n]` or `[out, r/n]`; `None` where both are whole.
fn blocks(a: &TensorEntry, b: &TensorEntry, blocks: Option<u64>) -> Result<Option<Shaped>, ModuleFault> {
    let ((rank, inputs), (out, b_rank)) = (matrix(a, "lora_A")?, matrix(b, "lora_B")?);
    let (of_a, of_b) = match rank.checked_div(b_rank) {
        Some(n) if n > 1 && n * b_rank == rank && out % n == 0 => (1, n),
        Some(1) if b_rank == rank => match blocks {
            Some(n) if n > 1 && rank % n == 0 => (n, 1),
            _ => return Ok(None),
        },
        _ => return Err(ModuleFault::RankMismatch { a: rank, b: b_rank }),
    };
    let inputs = inputs.checked_mul(of_a).filter(|&n| n.checked_mul(out).is_some());
    let inputs = inputs.ok_or_else(|| ModuleFault::TooLarge { shape: format!("{:?}", a.shape) })?;
    let formula = Formula::Blocks { a: of_a, b: of_b };
    Ok(Some(Shaped::recipe(formula, &[a, b], Form::Factors(rank), ([out, inputs], rank))))
}
