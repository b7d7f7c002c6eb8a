//! The suffixes, and the older spellings that are no plain suffix.

use super::Family::{self, Comfy, Diffusers, Gguf, Kohya, Lycoris, Megatron, Mlx, Peft, Torchtune};
use super::Half::{First, Second};
use super::Part::{A, B, Core, Whole};
use super::named::{BEGINNINGS, INSIDE, NAMED, WHOLE};
use super::suffix::Name::{No, Optional, Required};
use super::suffix::{Suffix, suffix};
use super::{Key, Role};

const SUFFIXES: &[Suffix] = &[
    suffix("lora_A", Optional, ".weight", Role::A, Peft),
    suffix("lora_B", Optional, ".weight", Role::B, Peft),
    suffix("lora_A", Optional, ".bias", Role::Bias, Peft),
    suffix("lora_B", Optional, ".bias", Role::Bias, Peft),
    suffix("lora_A", Optional, "", Role::A, Peft),
    suffix("lora_B", Optional, "", Role::B, Peft),
    suffix("lora_embedding_A", Optional, "", Role::EmbeddingA, Peft),
    suffix("lora_embedding_B", Optional, "", Role::EmbeddingB, Peft),
    suffix("lora_magnitude_vector", Optional, ".weight", Role::Magnitude, Peft),
    suffix("lora_magnitude_vector", Optional, "", Role::Magnitude, Peft),
    suffix("lora_E", Optional, "", Role::AdaLora, Peft),
    suffix("lora_diag", Optional, "", Role::Kasa, Peft),
    suffix("lora_velora_embed", Optional, "", Role::TrainingOnly, Peft),
    suffix("modules_to_save", Required, ".weight", Role::Saved, Peft),
    suffix("modules_to_save", Required, ".bias", Role::Saved, Peft),
    suffix("original_module", No, ".weight", Role::BaseCopy, Peft),
    suffix("original_module", No, ".bias", Role::BaseCopy, Peft),
    suffix("base_layer", No, ".weight", Role::BaseCopy, Peft),
    suffix("base_layer", No, ".bias", Role::BaseCopy, Peft),
    suffix("trainable_tokens_delta", Optional, "", Role::TrainedTokens, Peft),
    suffix("ia3_l", Optional, "", Role::Ia3, Peft),
    suffix("hira_A", Optional, "", Role::HiraA, Peft),
    suffix("hira_B", Optional, "", Role::HiraB, Peft),
    suffix("vera_lambda_b", Optional, "", Role::VeraLambdaB, Peft),
    suffix("vera_lambda_d", Optional, "", Role::VeraLambdaD, Peft),
    suffix("vera_A", Optional, "", Role::VeraA, Peft),
    suffix("vera_B", Optional, "", Role::VeraB, Peft),
    suffix("miss_block", Optional, "", Role::Miss, Peft),
    suffix("bone_block", Optional, "", Role::Named("Bone"), Peft),
    suffix("delora_A", Optional, "", Role::DeloraA, Peft),
    suffix("delora_B", Optional, "", Role::DeloraB, Peft),
    suffix("delora_lambda", Optional, "", Role::DeloraLambda, Peft),
    suffix("delora_w_norm", Optional, "", Role::DeloraNorm, Peft),
    // kohya, musubi, ComfyUI, OneTrainer
    suffix("lora_down", Optional, ".weight", Role::A, Kohya),
    suffix("lora_up", Optional, ".weight", Role::B, Kohya),
    suffix("lora_mid", No, ".weight", Role::Mid, Lycoris),
    suffix("lora_down", No, ".bias", Role::Bias, Kohya),
    suffix("lora_up", No, ".bias", Role::Bias, Kohya),
    suffix("alpha", No, "", Role::Alpha, Kohya),
    suffix("scale", No, "", Role::Scale, Kohya),
    suffix("dora_scale", No, "", Role::Magnitude, Lycoris),
    // LyCORIS; PEFT writes LoHa and LoKr under the same names
    suffix("hada_w1_a", Optional, "", Role::Hada(First, A), Lycoris),
    suffix("hada_w1_b", Optional, "", Role::Hada(First, B), Lycoris),
    suffix("hada_w2_a", Optional, "", Role::Hada(Second, A), Lycoris),
    suffix("hada_w2_b", Optional, "", Role::Hada(Second, B), Lycoris),
    suffix("hada_t1", Optional, "", Role::Hada(First, Core), Lycoris),
    suffix("hada_t2", Optional, "", Role::Hada(Second, Core), Lycoris),
    suffix("lokr_w1", Optional, "", Role::Kron(First, Whole), Lycoris),
    suffix("lokr_w1_a", Optional, "", Role::Kron(First, A), Lycoris),
    suffix("lokr_w1_b", Optional, "", Role::Kron(First, B), Lycoris),
    suffix("lokr_w2", Optional, "", Role::Kron(Second, Whole), Lycoris),
    suffix("lokr_w2_a", Optional, "", Role::Kron(Second, A), Lycoris),
    suffix("lokr_w2_b", Optional, "", Role::Kron(Second, B), Lycoris),
    suffix("lokr_t1", Optional, "", Role::Kron(First, Core), Lycoris),
    suffix("lokr_t2", Optional, "", Role::Kron(Second, Core), Lycoris),
    suffix("diff", No, "", Role::Diff, Comfy),
    suffix("diff_b", No, "", Role::DiffBias, Comfy),
    suffix("diff_m", No, "", Role::DiffBias, Comfy),
    suffix("w_norm", No, "", Role::NormWeight, Lycoris),
    suffix("b_norm", No, "", Role::NormBias, Lycoris),
    suffix("set_weight", No, "", Role::SetWeight, Comfy),
    suffix("reshape_weight", No, "", Role::ReshapeWeight, Comfy),
    suffix("row_offset", No, "", Role::RowOffset, Comfy),
    suffix("oft_blocks", No, "", Role::OftBlocks, Lycoris),
    suffix("rescale", No, "", Role::Rescale, Lycoris),
    suffix("on_input", No, "", Role::OnInput, Lycoris),
    suffix("a1", No, ".weight", Role::Glora(0), Lycoris),
    suffix("a2", No, ".weight", Role::Glora(1), Lycoris),
    suffix("b1", No, ".weight", Role::Glora(2), Lycoris),
    suffix("b2", No, ".weight", Role::Glora(3), Lycoris),
    suffix("bm", No, ".weight", Role::Glora(4), Lycoris),
    // diffusers before it wrote PEFT's names
    suffix("lora.down", No, ".weight", Role::A, Diffusers),
    suffix("lora.up", No, ".weight", Role::B, Diffusers),
    suffix("lora_linear_layer.down", No, ".weight", Role::A, Diffusers),
    suffix("lora_linear_layer.up", No, ".weight", Role::B, Diffusers),
    // GGUF's lower case is PEFT's orientation, and so is torchtune's; MLX's is not
    suffix("weight.lora_a", No, "", Role::A, Gguf),
    suffix("weight.lora_b", No, "", Role::B, Gguf),
    suffix("lora_a", No, ".weight", Role::A, Torchtune),
    suffix("lora_b", No, ".weight", Role::B, Torchtune),
    suffix("magnitude", No, "", Role::Magnitude, Torchtune),
    suffix("lora_a", No, "", Role::MlxA, Mlx),
    suffix("lora_b", No, "", Role::MlxB, Mlx),
    suffix("m", No, "", Role::Magnitude, Mlx),
    suffix("A", No, "", Role::MlxA, Mlx),
    suffix("B", No, "", Role::MlxB, Mlx),
    suffix("adapter.linear_in", No, ".weight", Role::A, Megatron),
    suffix("adapter.linear_out", No, ".weight", Role::B, Megatron),
    // StabilityAI's Control-LoRA, in a file that holds `lora_controlnet`
    suffix("down", No, "", Role::A, Family::ControlLora),
    suffix("up", No, "", Role::B, Family::ControlLora),
];

/// Takes a tensor's name apart; `None` for names without a suffix of any dialect.
#[inline(never)]
pub fn parse(key: &str) -> Option<Key<'_>> {
    if let Some((path, role)) = inside(key) {
        return Some(Key { path, role, adapter: None, family: Peft });
    }
    if let Some((_, kind)) = WHOLE.iter().find(|(whole, _)| *whole == key) {
        return Some(Key { path: key, role: Role::Named(kind), adapter: None, family: Peft });
    }
    if let Some((_, kind)) = BEGINNINGS.iter().find(|(start, _)| key.starts_with(start)) {
        return Some(Key { path: key, role: Role::Named(kind), adapter: None, family: Peft });
    }
    safeloras(key)
        .or_else(|| processor(key))
        .or_else(|| SUFFIXES.iter().chain(NAMED).find_map(|suffix| suffix.parse(key)))
}

/// What stands before the first segment of [`INSIDE`], and its role. Every name of a file is looked at several times:
/// segment by segment, which is quicker than a search for each word.
fn inside(key: &str) -> Option<(&str, Role)> {
    let mut begin = 0;
    key.split('.').find_map(|segment| {
        let end = begin + segment.len();
        let known = INSIDE.iter().find(|(word, _)| *word == segment && end < key.len());
        let found = known.and_then(|&(_, role)| Some((key.get(..begin.checked_sub(1)?)?, role)));
        begin = end + 1;
        found
    })
}

/// cloneofsimo's `unet:0:up`, `text_encoder:3:down`: the module is only a number.
fn safeloras(key: &str) -> Option<Key<'_>> {
    let (path, end) = key.rsplit_once(':')?;
    let (component, index) = path.rsplit_once(':')?;
    let numbered = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()) && !component.is_empty();
    let role = match end {
        "down" => Role::A,
        "up" => Role::B,
        _ => return None,
    };
    numbered.then_some(Key { path, role, adapter: None, family: Family::Safeloras })
}

/// Old diffusers' `….processor.to_q_lora.down.weight` and XLabs' `….processor.qkv_lora1.up.weight`: an underscore
/// before `lora`, and no dot.
fn processor(key: &str) -> Option<Key<'_>> {
    let (path, role) = if let Some(path) = key.strip_suffix(".down.weight") {
        (path, Role::A)
    } else {
        (key.strip_suffix(".up.weight")?, Role::B)
    };
    let last = path.rsplit('.').next()?;
    let (word, number) = last.rsplit_once("_lora")?;
    let family = match (word, number) {
        ("qkv" | "proj", "" | "1" | "2") => Family::Xlabs,
        (_, "") if !word.is_empty() => Diffusers,
        _ => return None,
    };
    Some(Key { path, role, adapter: None, family })
}

/// The model's own path of a module that [`processor`] found: `attn1.processor.to_q_lora` is `attn1.to_q`, and the
/// text encoder's `self_attn.to_out_lora` is `self_attn.out_proj` (diffusers' conversion of its first format). XLabs'
/// `lora1` is the image's stream and `lora2` the text's.
pub fn without_processor(path: &str) -> Option<String> {
    let (parent, last) = path.rsplit_once('.')?;
    let (word, number) = last.rsplit_once("_lora")?;
    let block = match parent.strip_suffix("processor") {
        Some(block) => block.strip_suffix('.').unwrap_or(block),
        // The text encoder had no processors.
        None if parent.ends_with("self_attn") => parent,
        None => return None,
    };
    let joined = |name: &str| if block.is_empty() { name.to_owned() } else { format!("{block}.{name}") };
    match (word, number) {
        ("qkv" | "proj", "1") => Some(joined(&format!("img_attn.{word}"))),
        ("qkv" | "proj", "2") => Some(joined(&format!("txt_attn.{word}"))),
        ("qkv", "") => Some(joined("linear1")),
        ("proj", "") => Some(joined("linear2")),
        (_, "") if block.rsplit('.').next() == Some("self_attn") => Some(joined(match word {
            "to_q" => "q_proj",
            "to_k" => "k_proj",
            "to_v" => "v_proj",
            "to_out" => "out_proj",
            other => other,
        })),
        ("to_out", "") => Some(joined("to_out.0")),
        (word, "") if !word.is_empty() => Some(joined(word)),
        _ => None,
    }
}
