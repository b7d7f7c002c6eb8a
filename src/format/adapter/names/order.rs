//! The order of modules in a model's forward pass.

use std::cmp::Ordering;

use super::{Place, dotted_lower};
use crate::adapter::roles;
use crate::natural::natural;

/// Makes the stacks of one adapter agree: `transformer_blocks` beside `single_transformer_blocks` are the double
/// stream, the unnamed blocks of a denoiser beside other stacks are `transformer`, and where every layer belongs to
/// the same stack its name says nothing and goes.
pub fn settle_stacks(places: &mut [Place]) {
    let named = |places: &[Place], words: &[&str]| {
        places.iter().any(|p| p.layer.is_some() && words.iter().any(|word| p.stack.starts_with(word)))
    };
    let unnamed = if places.iter().any(|p| p.stack == "single") {
        Some("double")
    } else {
        let beside =
            ["text_encoder", "transformer_2", "noise_refiner", "context_refiner", "token_refiner", "vace", "guidance"];
        let connected = places.iter().any(|p| p.layer.is_some() && p.stack.contains("connector"));
        (connected || named(places, &beside)).then_some("transformer")
    };
    if let Some(unnamed) = unnamed {
        for place in places.iter_mut().filter(|p| p.stack.is_empty() && p.layer.is_some()) {
            place.stack = unnamed.to_owned();
        }
    }
    let mut layered = places.iter().filter(|p| p.layer.is_some()).map(|p| p.stack.as_str());
    let first = layered.next().unwrap_or_default();
    if layered.all(|stack| stack == first) {
        places.iter_mut().for_each(|p| p.stack.clear());
    }
}

/// SD3.5's blocks have two attentions to the image itself, `attn` and `attn2`; in all other models `attn2` stands beside
/// an `attn1` and attends to the text.
pub fn settle_attention<'a>(placed: impl Iterator<Item = (&'a mut Place, &'a str)>) {
    let follows = |path: &str, attention: &str| {
        let mut rest = path.split('.').skip_while(|segment| *segment != "transformer_blocks").skip(1);
        rest.next().is_some_and(|number| number.parse::<u32>().is_ok()) && rest.next() == Some(attention)
    };
    let mut second = Vec::new();
    let mut is_joint = false;
    for (place, path) in placed {
        let path = dotted_lower(path);
        is_joint |= follows(&path, "attn");
        if follows(&path, "attn2") {
            second.push(place);
        }
    }
    for place in second.into_iter().filter(|_| is_joint) {
        place.role = place.role.trim_start_matches("cross_").to_owned();
    }
}

/// Stacks in the order of the forward pass, and [`BEFORE`] their layers what belongs to none.
const STACKS: &[&str] = &[
    "vision_tower",
    "vision_model",
    "visual",
    "audio_tower",
    "text_encoder",
    "text_encoder_2",
    "text_encoder_3",
    "text_encoder_4",
    "text_model",
    "prior",
    BEFORE,
    "encoder",
    "language_model",
    "",
    "decoder",
    "guidance",
    "token_refiner",
    "context_refiner",
    "noise_refiner",
    "text_blocks",
    "visual_blocks",
    "vace",
    "connectors",
    "audio_connector",
    "video_connector",
    "audio_embeddings_connector",
    "video_embeddings_connector",
    "transformer",
    "joint",
    "double",
    "single",
    "down",
    "mid",
    "up",
    "transformer_2",
];
const BEFORE: &str = "<";

/// Where a module without a layer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Embeddings, and a U-Net's first convolution.
    Before,
    Layers,
    /// Everything else without a layer: final norms, projections, heads.
    After,
}

/// On which side of its stack's layers a module runs.
pub fn side(layer: Option<u32>, role: &str, path: &str) -> Side {
    let first = || {
        let path = dotted_lower(path);
        path.ends_with(".conv_in") || path == "conv_in" || path.ends_with("input_blocks.0.0")
    };
    match layer {
        Some(_) => Side::Layers,
        None if matches!(role, "embed" | "time") || (role == "conv" && first()) => Side::Before,
        None => Side::After,
    }
}

/// Where a stack comes in the forward pass, or one side of it.
pub type StackOrder = (usize, Side, usize, u32);

/// Where a stack comes in the forward pass: equal for equal stacks only, if they are known ones.
pub fn stack_order(stack: &str, side: Side) -> StackOrder {
    let of = |name: &str| {
        let known = |name: &str| STACKS.iter().position(|&known| known == name);
        let word = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let level = || name.get(word.len()..).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        let rank = known(name).map(|rank| (rank, 0)).or_else(|| known(word).map(|rank| (rank, level())));
        rank.unwrap_or((STACKS.len(), 0))
    };
    let (tower, own) = stack.split_once('.').unwrap_or((stack, ""));
    match (tower, side) {
        ("", Side::Before) => (of(BEFORE).0, side, 0, 0),
        ("", Side::After) => (STACKS.len() + 1, side, 0, 0),
        _ if own.is_empty() => {
            let (rank, level) = of(tower);
            // The levels of one half come one after the other, the layers of each before the next.
            (rank, side, 0, level)
        }
        _ => (of(tower).0, side, of(own).0, of(own).1),
    }
}

/// Orders modules as the model runs them: the stacks one after the other, in each what comes before its layers, the
/// layers, and the rest; the head last. Within a layer by role, then by name with numbers as numbers.
pub fn forward_order(a: (&Place, &str), b: (&Place, &str)) -> Ordering {
    let section =
        |place: &Place, path: &str| (stack_order(&place.stack, side(place.layer, &place.role, path)), place.layer);
    let ((p, a), (q, b)) = (a, b);
    section(p, a)
        .cmp(&section(q, b))
        .then_with(|| super::inner_block(a).cmp(&super::inner_block(b)))
        .then_with(|| roles::order(&p.role).cmp(&roles::order(&q.role)))
        .then_with(|| natural(a, b))
}
