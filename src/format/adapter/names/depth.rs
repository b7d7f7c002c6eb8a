//! The numbered block that a path lies in: its stack's own word, its number, and where that stands.

use std::ops::Range;

/// Words that a layer number follows, with the stack that the word itself names.
const CONTAINERS: &[(&str, &str)] = &[
    ("single_transformer_blocks", "single"),
    ("joint_transformer_blocks", "joint"),
    ("double_stream_blocks", "double"),
    ("single_stream_blocks", "single"),
    ("visual_transformer_blocks", "visual_blocks"),
    ("text_transformer_blocks", "text_blocks"),
    ("transformer_blocks", ""),
    ("transformer_1d_blocks", ""),
    ("context_refiner", "context_refiner"),
    ("noise_refiner", "noise_refiner"),
    ("refiner_blocks", "token_refiner"),
    ("double_blocks", "double"),
    ("single_blocks", "single"),
    ("joint_blocks", "joint"),
    ("vace_blocks", "vace"),
    ("resblocks", ""),
    ("layers", ""),
    ("blocks", ""),
    ("layer", ""),
    ("block", ""),
    ("blk", ""),
    ("h", ""),
];

/// Segments before the container that name the stack although the container has no word of its own.
const INNER_STACKS: &[(&str, &str)] = &[
    ("individual_token_refiner", "token_refiner"),
    ("token_refiner", "token_refiner"),
    ("distilled_guidance_layer", "guidance"),
];

/// The first numbered block of a path, left to right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Depth {
    /// Bytes of the path before the container's word.
    pub before: usize,
    pub stack: String,
    /// `None` where the number does not fit 32 bits, and for a convolution that stands at the end of a U-Net.
    pub layer: Option<u32>,
    /// The transformer block inside the layer of a U-Net.
    pub block: Option<u32>,
    /// Where the number stands, in bytes, if the layer is written as one number.
    pub digits: Option<Range<usize>>,
    /// Every number that the layer and the block were read from.
    pub numbers: Vec<Range<usize>>,
    /// Where the path goes on inside the layer.
    pub inside: usize,
}

/// A path's segments with the bytes where they stand.
struct Segments<'a>(Vec<(usize, &'a str)>);

impl<'a> Segments<'a> {
    fn new(path: &'a str) -> Self {
        let mut at = 0;
        let place = |segment: &'a str| {
            let start = at;
            at += segment.len() + 1;
            (start, segment)
        };
        Self(path.split('.').map(place).collect())
    }

    fn word(&self, i: usize) -> &'a str {
        self.0.get(i).map_or("", |(_, segment)| segment)
    }

    /// The number in this place; `None` where there is none, `Some(None)` where it does not fit.
    fn number(&self, i: usize) -> Option<Option<u32>> {
        let word = self.word(i);
        let number = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        number.then(|| word.parse().ok())
    }

    fn range(&self, i: usize) -> Range<usize> {
        self.0.get(i).map_or(0..0, |(start, segment)| *start..start + segment.len())
    }

    /// Where segment `i` begins; the path's end (and one more for the dot) behind the last one.
    fn start(&self, i: usize) -> usize {
        let end = self.0.last().map_or(0, |(start, segment)| start + segment.len() + 1);
        self.0.get(i).map_or(end, |(start, _)| *start)
    }
}

/// `path` in lower case, with dots.
pub(super) fn depth(path: &str) -> Option<Depth> {
    let segments = Segments::new(path);
    (0..segments.0.len()).find_map(|i| unet(&segments, i).or_else(|| numbered(&segments, i)))
}

/// `layers.N` and the like.
fn numbered(path: &Segments<'_>, i: usize) -> Option<Depth> {
    let layer = path.number(i + 1)?;
    let (_, own) = CONTAINERS.iter().find(|(word, _)| *word == path.word(i))?;
    let inner = (0..i).rev().find_map(|k| INNER_STACKS.iter().find(|(word, _)| *word == path.word(k)));
    let stack = inner.map_or(*own, |(_, stack)| stack).to_owned();
    let digits = path.range(i + 1);
    let (before, inside) = (path.start(i), path.start(i + 2));
    Some(Depth { before, stack, layer, block: None, digits: Some(digits.clone()), numbers: vec![digits], inside })
}

/// A U-Net's blocks, by diffusers' names or by those of the original code.
///
/// The layer is the number of the pair of a residual block and an attention within its half: 3·I + J in
/// `down_blocks.I` and `up_blocks.I`, whose samplers stand at 3·I + 2, as in kohya's block weights
/// (sd-scripts, `networks/lora.py`); J in the middle. The original names count the same pairs through, so that
/// `input_blocks.i` is layer i − 1 and `output_blocks.i` layer i. Stable Cascade numbers the blocks of each level
/// directly (`down_blocks.I.J`): there each level is a stack of its own.
fn unet(path: &Segments<'_>, i: usize) -> Option<Depth> {
    let found = |stack: &str, layer: Option<u32>, numbers: &[usize], inside: usize| {
        let mut depth = Depth {
            before: path.start(i),
            stack: stack.to_owned(),
            layer,
            numbers: numbers.iter().map(|&k| path.range(k)).collect(),
            inside: path.start(inside),
            ..Depth::default()
        };
        let block =
            (inside..path.0.len()).find(|&k| path.word(k) == "transformer_blocks" && path.number(k + 1).is_some());
        if let Some(block) = block {
            depth.block = path.number(block + 1).flatten();
            depth.numbers.push(path.range(block + 1));
        }
        Some(depth)
    };
    let number = path.number(i + 1);
    let original_names = |stack: &str, layer: Option<u32>| match path.number(i + 2) {
        Some(_) => found(stack, layer, &[i + 1, i + 2], i + 3),
        None => found(stack, layer, &[i + 1], i + 2),
    };
    match path.word(i) {
        word @ ("down_blocks" | "up_blocks") => {
            let half = if word == "down_blocks" { "down" } else { "up" };
            let outer = number?;
            if let Some(inner) = path.number(i + 2) {
                return found(&format!("{half}{}", path.word(i + 1)), inner, &[i + 2], i + 3);
            }
            let first = outer.and_then(|outer| outer.checked_mul(3));
            match path.number(i + 3) {
                Some(_) if path.word(i + 2).contains("sampler") => {
                    found(half, first.and_then(|f| f.checked_add(2)), &[i + 1, i + 3], i + 2)
                }
                Some(inner) => {
                    let layer = first.zip(inner).and_then(|(first, inner)| first.checked_add(inner));
                    found(half, layer, &[i + 1, i + 3], i + 2)
                }
                None => found(half, first, &[i + 1], i + 2),
            }
        }
        "mid_block" => match path.number(i + 2) {
            Some(inner) => found("mid", inner, &[i + 2], i + 1),
            None => found("mid", Some(0), &[], i + 1),
        },
        "input_blocks" => match number? {
            Some(0) => found("", None, &[], i),
            outer => original_names("down", outer.map(|outer| outer - 1)),
        },
        "output_blocks" => original_names("up", number?),
        "middle_block" => found("mid", number?.map(|outer| outer / 2), &[i + 1], i + 2),
        _ => None,
    }
}
