//! Where a module sits, read from its path: layer number, stack, role.
//!
//! Only names are looked at, so an unknown architecture gives no layer and the role `other`, never an error.

use std::cmp::Ordering;
use std::ops::Range;

pub use super::roles::order as role_order;
use crate::natural::natural;

/// A module's place in the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number after the first layer container in the path; `None` without one, or where it does not fit 32 bits.
    pub layer: Option<u32>,
    /// The tower or the block stack (`text_encoder`, `encoder`, `single`, …); empty where the path names none.
    pub stack: String,
    /// `q`, `k`, `v`, `o`, `qkv`, `gate`, `up`, `down`, `embed`, `head`, `norm`, `conv`, …, `other`.
    pub role: String,
}

/// Words that a layer number follows, with the stack that the word itself names. Longer words stand before the
/// words that they end with or begin with.
const CONTAINERS: &[(&str, &str)] = &[
    ("single_transformer_blocks", "single"),
    ("joint_transformer_blocks", "joint"),
    ("double_stream_blocks", "double"),
    ("single_stream_blocks", "single"),
    ("transformer_blocks", ""),
    ("context_refiner", "context_refiner"),
    ("noise_refiner", "noise_refiner"),
    ("refiner_blocks", "refiner"),
    ("double_blocks", "double"),
    ("single_blocks", "single"),
    ("output_blocks", "up"),
    ("middle_block", "mid"),
    ("input_blocks", "down"),
    ("joint_blocks", "joint"),
    ("down_blocks", "down"),
    ("up_blocks", "up"),
    ("resblocks", ""),
    ("layers", ""),
    ("blocks", ""),
    ("layer", ""),
    ("block", ""),
    ("blk", ""),
    ("h", ""),
];

/// Path segments that name a tower; the first one in the path counts.
const TOWERS: &[&str] = &[
    "text_encoder_3",
    "text_encoder_2",
    "text_encoder",
    "text_model",
    "vision_tower",
    "vision_model",
    "visual",
    "audio_tower",
    "language_model",
    "cond_stage_model",
    "encoder",
    "decoder",
];

/// The layer container that comes first in a path.
struct Container<'a> {
    /// What stands before it, without the separator.
    before: &'a str,
    stack: &'static str,
    layer: Option<u32>,
    /// Where the number stands, in bytes of the lower-cased path.
    digits: Range<usize>,
}

pub fn place(path: &str) -> Place {
    let lower = path.to_lowercase();
    let container = container(&lower);
    let layer = container.as_ref().and_then(|c| c.layer);
    let before = container.as_ref().map_or(lower.as_str(), |c| c.before);
    let tower = before.split('.').find_map(|segment| TOWERS.iter().find(|&&tower| tower == segment));
    let own = container.as_ref().map_or("", |c| c.stack);
    let stack = match (tower, own) {
        (Some(tower), "") => (*tower).to_owned(),
        (Some(tower), own) => format!("{tower}.{own}"),
        (None, own) => own.to_owned(),
    };
    Place { layer, stack, role: super::roles::role(&lower, container.is_some()) }
}

/// Dotted paths are split at dots; a path without dots is a flattened one, split at underscores.
fn container(lower: &str) -> Option<Container<'_>> {
    let separator = if lower.contains('.') { '.' } else { '_' };
    let starts = std::iter::once(0).chain(lower.match_indices(separator).map(|(at, _)| at + 1));
    starts.into_iter().find_map(|start| {
        CONTAINERS.iter().find_map(|&(word, stack)| {
            let number = lower.get(start..)?.strip_prefix(word)?.strip_prefix(separator)?;
            let number = number.split(separator).next()?;
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            let before = lower.get(..start.saturating_sub(1))?;
            let at = start + word.len() + separator.len_utf8();
            let place = || Container { before, stack, layer: number.parse().ok(), digits: at..at + number.len() };
            digits.then(place)
        })
    })
}

/// Where the layer number stands that [`place`] reads, in bytes of `path`: a module's path, or a tensor's name that
/// begins with one. A flattened path counts only without a dotted suffix.
pub fn layer_digits(path: &str) -> Option<Range<usize>> {
    let digits = container(&path.to_lowercase())?.digits;
    // Lower case may take more or fewer bytes than the path itself; digits do not change.
    let mut lower_at = 0;
    let (start, _) = path.char_indices().find(|(_, c)| {
        let found = lower_at == digits.start;
        lower_at += c.to_lowercase().map(char::len_utf8).sum::<usize>();
        found
    })?;
    Some(start..start + digits.len())
}

/// The path with another layer number, everything else as it was; `None` where it has none. For a module's path and
/// for a tensor's name, as [`layer_digits`].
pub fn renumbered(path: &str, layer: u32) -> Option<String> {
    let digits = layer_digits(path)?;
    Some(format!("{}{layer}{}", path.get(..digits.start)?, path.get(digits.end..)?))
}

/// Makes the stacks of one adapter agree: `transformer_blocks` beside `single_transformer_blocks` are the double
/// stream, and where every layer belongs to the same stack its name says nothing and goes.
pub fn settle_stacks(places: &mut [Place]) {
    if places.iter().any(|p| p.stack == "single") {
        for place in places.iter_mut().filter(|p| p.stack.is_empty() && p.layer.is_some()) {
            place.stack = "double".to_owned();
        }
    }
    let mut layered = places.iter().filter(|p| p.layer.is_some()).map(|p| p.stack.as_str());
    let first = layered.next().unwrap_or_default();
    if layered.all(|stack| stack == first) {
        places.iter_mut().for_each(|p| p.stack.clear());
    }
}

/// Stacks in the order of the forward pass.
const STACKS: &[&str] = &[
    "",
    "vision_tower",
    "vision_model",
    "visual",
    "audio_tower",
    "text_encoder",
    "text_encoder_2",
    "text_encoder_3",
    "text_model",
    "cond_stage_model",
    "encoder",
    "language_model",
    "decoder",
    "noise_refiner",
    "context_refiner",
    "refiner",
    "joint",
    "double",
    "single",
    "down",
    "mid",
    "up",
];

/// Orders modules as the model runs them: embeddings without a layer, the layers of each stack, what is left
/// without a layer, the head. Within a layer by role, then by name with numbers as numbers.
pub fn forward_order(a: (&Place, &str), b: (&Place, &str)) -> Ordering {
    let key = |place: &Place| {
        let section = match (place.layer, place.role.as_str()) {
            (None, "embed") => 0,
            (Some(_), _) => 1,
            (None, "head") => 3,
            (None, _) => 2,
        };
        let (tower, own) = place.stack.split_once('.').unwrap_or((&place.stack, ""));
        let stack = |name| STACKS.iter().position(|&s| s == name).unwrap_or(STACKS.len());
        (section, stack(tower), stack(own), place.layer, role_order(&place.role))
    };
    key(a.0).cmp(&key(b.0)).then_with(|| natural(a.1, b.1))
}
