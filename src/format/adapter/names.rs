//! Where a module sits, read from its path: layer number, stack, role.
//!
//! Only names are looked at, so an unknown architecture gives no layer and the role `other`, never an error.

use std::ops::Range;

use super::flat;
pub use super::roles::order as role_order;

mod depth;
mod order;

pub use order::{Side, StackOrder, forward_order, settle_attention, settle_stacks, side, stack_order};

/// A module's place in the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number after the first layer container in the path; in a U-Net, the number of the pair of a residual block and
    /// an attention within its half (3·I + J in `down_blocks.I.resnets.J`). `None` without one, or where it does not
    /// fit 32 bits.
    pub layer: Option<u32>,
    /// The tower or the block stack (`text_encoder`, `encoder`, `single`, `down`, …); empty where the path names none.
    pub stack: String,
    /// `q`, `k`, `v`, `o`, `qkv`, `gate`, `up`, `down`, `embed`, `head`, `norm`, `conv`, …, `other`.
    pub role: String,
}

/// Path segments that name a tower, and the stack; the first one in the path counts.
const TOWERS: &[(&str, &str)] = &[
    ("text_encoder_4", "text_encoder_4"),
    ("text_encoder_3", "text_encoder_3"),
    ("text_encoder_2", "text_encoder_2"),
    ("text_encoder", "text_encoder"),
    ("prior_text_encoder", "text_encoder"),
    ("cond_stage_model", "text_encoder"),
    ("transformer_2", "transformer_2"),
    ("text_model", "text_model"),
    ("vision_tower", "vision_tower"),
    ("vision_model", "vision_model"),
    ("visual", "visual"),
    ("audio_tower", "audio_tower"),
    ("language_model", "language_model"),
    ("encoder", "encoder"),
    ("decoder", "decoder"),
];

/// What llama.cpp writes before `blk`.
const GGUF_TOWERS: &[(&str, &str)] = &[("enc", "encoder"), ("dec", "decoder"), ("v", "visual")];

#[inline(never)]
pub fn place(path: &str) -> Place {
    let lower = dotted_lower(path);
    let depth = depth::depth(&lower);
    let before = depth.as_ref().map_or(lower.as_str(), |d| lower.get(..d.before).unwrap_or_default());
    let own = depth.as_ref().map_or("", |d| d.stack.as_str());
    let tower =
        GGUF_TOWERS.iter().find(|(word, _)| depth.is_some() && before.strip_suffix('.') == Some(*word)).map_or_else(
            || connector(before, depth.is_some()).unwrap_or_else(|| tower(before)),
            |(_, tower)| (*tower).to_owned(),
        );
    let stack = match (tower, own) {
        (tower, "") => tower,
        (tower, own) if tower.is_empty() => own.to_owned(),
        (tower, own) => format!("{tower}.{own}"),
    };
    let layered = depth.as_ref().is_some_and(|d| !d.stack.is_empty() || d.digits.is_some());
    Place { layer: depth.and_then(|d| d.layer), stack, role: super::roles::role(&lower, layered) }
}

/// LTX-2's connectors from the text to the audio and the video, each with blocks of its own before the model's.
fn connector(before: &str, layered: bool) -> Option<String> {
    let segments: Vec<&str> = before.trim_end_matches('.').split('.').collect();
    let is_one = |segment: &str| segment.ends_with("connector") || segment.ends_with("connectors");
    let first = segments.iter().position(|&segment| is_one(segment)).filter(|_| layered)?;
    segments.get(first..).map(|own| own.join("."))
}

/// The tower that the words before the layers name.
fn tower(before: &str) -> String {
    let segments: Vec<&str> = before.split('.').filter(|segment| !segment.is_empty()).collect();
    match segments[..] {
        // ComfyUI names the text encoder itself: clip_l, clip_g, t5xxl, …
        ["text_encoders", name, ..] => return format!("text_encoder.{name}"),
        ["conditioner", "embedders", "0", ..] => return "text_encoder".to_owned(),
        ["conditioner", "embedders", _, ..] => return "text_encoder_2".to_owned(),
        _ => {}
    }
    let named = |segment: &&str| TOWERS.iter().find(|(word, _)| word == segment).map(|(_, tower)| *tower);
    segments.iter().find_map(named).unwrap_or_default().to_owned()
}

/// The path as it is read: with dots, in lower case.
fn dotted_lower(path: &str) -> String {
    flat::dotted(path).to_lowercase()
}

/// Whether a dotted path in lower case leads through a numbered layer.
pub(super) fn holds_a_layer(path: &str) -> bool {
    depth::depth(path).is_some()
}

/// The number after the last `transformer_blocks`: inside a U-Net's layer the block, elsewhere the layer once more. Read
/// at every comparison of a sort, so without reading the path anew.
fn inner_block(path: &str) -> Option<u32> {
    let (_, after) = path.rsplit_once("transformer_blocks")?;
    let number = after.get(1..)?;
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number.get(..end)?.parse().ok()
}

/// A path inside its model without the numbers that say which layer it is in: what makes modules of different layers
/// the same row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// `model.layers.*.self_attn.q_proj`, with dots also where the path is flat.
    pub path: String,
    /// What stands inside the layer: `self_attn.q_proj`.
    pub inside: String,
    /// The layer's number, as [`Place`] has it.
    pub layer: u32,
    /// The number of the transformer block inside the layer, for a U-Net.
    pub block: Option<u32>,
}

/// The pattern of a module's path; `None` where it lies in no layer.
pub fn pattern(path: &str) -> Option<Pattern> {
    let path = flat::dotted(path);
    let lower = path.to_lowercase();
    let depth = depth::depth(&lower)?;
    let layer = depth.layer?;
    let cuts = depth.numbers.iter().map(|range| Some((original(&path, range.start)?, range.len())));
    let mut cuts: Vec<(usize, usize)> = cuts.collect::<Option<_>>()?;
    cuts.sort_unstable();
    let mut starred = String::with_capacity(path.len());
    let inside = original(&path, depth.inside).unwrap_or(path.len());
    let (mut from, mut inside_from) = (0, None);
    for (at, len) in cuts {
        if inside_from.is_none() && inside <= at {
            inside_from = Some(starred.len() + inside.saturating_sub(from));
        }
        starred.push_str(path.get(from..at)?);
        starred.push('*');
        from = at + len;
    }
    let inside_from = inside_from.unwrap_or(starred.len() + inside.saturating_sub(from));
    starred.push_str(path.get(from..)?);
    let inside = starred.get(inside_from..).unwrap_or_default().to_owned();
    Some(Pattern { path: starred, inside, layer, block: depth.block })
}

/// Where a byte of the lower-cased path stands in the path itself: lower case may take more or fewer bytes.
fn original(path: &str, lower: usize) -> Option<usize> {
    let mut at = 0;
    path.char_indices().find_map(|(start, c)| {
        let found = (at == lower).then_some(start);
        at += c.to_lowercase().map(char::len_utf8).sum::<usize>();
        found
    })
}

/// Where the layer number stands that [`place`] reads, in bytes of `path`: a module's path, or a tensor's name that
/// begins with one. None for a U-Net, whose layers are written as pairs of numbers.
pub fn layer_digits(path: &str) -> Option<Range<usize>> {
    let flat = flat::flat(path);
    let (prefix, rest) = flat.as_ref().map_or((0, path), |flat| (flat.prefix, flat.rest.as_str()));
    let digits = depth::depth(&rest.to_lowercase())?.digits?;
    let start = prefix + original(rest, digits.start)?;
    Some(start..start + digits.len())
}

/// The layer number that is written in the path, as [`layer_digits`] finds it.
pub fn layer_number(path: &str) -> Option<u32> {
    path.get(layer_digits(path)?)?.parse().ok()
}

/// The path with another layer number, everything else as it was; `None` where it has none. For a module's path and
/// for a tensor's name, as [`layer_digits`].
pub fn renumbered(path: &str, layer: u32) -> Option<String> {
    let digits = layer_digits(path)?;
    Some(format!("{}{layer}{}", path.get(..digits.start)?, path.get(digits.end..)?))
}
