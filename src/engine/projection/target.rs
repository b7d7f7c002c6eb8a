//! What a module's size becomes in the target, by its role.

use super::plan::{PlanError, Subject, TargetShape};
use super::sizes::{RANGE, in_range, words};
use lorascope_format::adapter::{Module, flat, names};
use lorascope_format::checkpoint::{Found, Weights, is_of_senses};
use lorascope_format::container::quoted;
use lorascope_protocol::projection::models::{self, ModelShape};

/// A target, ready to be asked.
pub enum Goal<'a> {
    Unchanged,
    Model(&'a ModelShape),
    Weights(Box<Weights<'a>>),
}

/// Why a module has no size.
pub enum Unsized {
    /// Only this one: part of a sentence.
    Here(String),
    /// The target's description lacks a number.
    Lacks(Number),
    /// The target gives a size that cannot be computed.
    OutOfRange([u64; 2]),
}

/// A number of a model's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    Hidden,
    Intermediate,
    Heads,
    KvHeads,
    HeadDim,
    Vocab,
}

impl Number {
    pub fn words(self) -> String {
        let (what, spellings) = match self {
            Self::Hidden => ("the hidden size", models::HIDDEN),
            Self::Intermediate => ("the intermediate size", models::INTERMEDIATE),
            Self::Heads => ("the number of heads", models::HEADS),
            Self::KvHeads => ("the number of key-value heads", models::KV_HEADS),
            Self::HeadDim => ("the head dimension", models::HEAD_DIM),
            Self::Vocab => ("the vocabulary's size", models::VOCAB),
        };
        format!("{what} (`{}`)", spellings.first().copied().unwrap_or_default())
    }

    fn of(self, model: &ModelShape) -> Result<u64, Unsized> {
        let value = match self {
            Self::Hidden => model.hidden,
            Self::Intermediate => model.intermediate,
            Self::Heads => model.heads,
            Self::KvHeads => model.kv_heads,
            Self::HeadDim => model.head_dim,
            Self::Vocab => model.vocab,
        };
        value.ok_or(Unsized::Lacks(self))
    }
}

impl<'a> Goal<'a> {
    pub fn new(target: TargetShape<'a>) -> Self {
        match target {
            TargetShape::Unchanged => Self::Unchanged,
            TargetShape::Model(model) => Self::Model(model),
            TargetShape::Weights(tensors) => Self::Weights(Box::new(Weights::new(tensors))),
        }
    }

    /// How many layers the stack of this module has in the target; `None` where it does not say, or does not change.
    pub fn layers(&self, subject: &Subject<'_>) -> Option<u64> {
        match self {
            Self::Unchanged => None,
            Self::Model(model) => model.layers.filter(|_| foreign(subject.name).is_none()).map(u64::from),
            Self::Weights(weights) => weights.layers(subject.name),
        }
    }

    /// The `[out, in]` of a module that is called `name` in the target.
    ///
    /// # Errors
    /// [`Unsized`].
    pub fn shape(&self, subject: &Subject<'_>, name: &str) -> Result<[u64; 2], Unsized> {
        match self {
            Self::Unchanged => Ok(subject.shape),
            Self::Model(model) => {
                let shape = by_role(subject.name, subject.role, subject.swapped, model)?;
                if in_range(shape) { Ok(shape) } else { Err(Unsized::OutOfRange(shape)) }
            }
            Self::Weights(weights) => match weights.find(name) {
                Found::Shape { shape, .. } if !in_range(shape) => {
                    Err(Unsized::Here(format!("the target stores it as {}, and {RANGE}", words(shape))))
                }
                Found::Shape { kernel, .. } if kernel != subject.kernel => Err(Unsized::Here(format!(
                    "its kernel has {} elements and the target's {kernel}, and a kernel is not resized",
                    subject.kernel
                ))),
                Found::Shape { shape, .. } => Ok(shape),
                Found::Not(reason) if subject.role == "head" => Err(Unsized::Here(format!(
                    "{reason} (a model whose head is its embedding stores only that); give the size of the role `head` \
                     by hand"
                ))),
                Found::Not(reason) => Err(Unsized::Here(reason)),
            },
        }
    }

    /// # Errors
    /// [`PlanError`] for a checkpoint that shares no module with the adapter, unless `given` has a size by hand.
    pub fn check_shared(
        &self,
        subjects: &[Subject<'_>],
        given: impl Fn(&Subject<'_>) -> bool,
        target: &str,
    ) -> Result<(), PlanError> {
        let Self::Weights(weights) = self else { return Ok(()) };
        if subjects.iter().any(|subject| given(subject) || weights.shares(subject.name)) {
            return Ok(());
        }
        let ours = subjects.first().map_or_else(String::new, |subject| quoted(subject.name));
        let theirs = weights.example().map_or_else(
            || "it holds no weight matrix at all".to_owned(),
            |name| format!("its tensors are named like {}", quoted(name)),
        );
        Err(PlanError(format!(
            "{target} shares no module with the adapter: {theirs}, the adapter's modules like {ours}. Drop a checkpoint \
             of the same architecture, or the target model's config.json, or choose a model from the list."
        )))
    }
}

/// How a reason ends for what only a person can tell.
const BY_HAND: &str = "give the size of this role or module by hand";

/// The shape of a module's weight in a model of these sizes; `None` where they do not say.
pub fn shape_in(module: &Module, model: &ModelShape) -> Option<[u64; 2]> {
    by_role(&module.name, &module.role, module.inputs_first, model).ok()
}

/// The size that a language model's numbers give a module; `swapped` where its weight is stored as `[in, out]`.
fn by_role(name: &str, role: &str, swapped: bool, model: &ModelShape) -> Result<[u64; 2], Unsized> {
    if let Some(reason) = foreign(name).or_else(|| special(name)) {
        return Err(Unsized::Here(format!("{reason}; {BY_HAND}")));
    }
    let number = |number: Number| number.of(model);
    let hidden = || number(Number::Hidden);
    let times = |a: u64, b: u64| a.saturating_mul(b);
    let queries = || Ok(times(number(Number::Heads)?, number(Number::HeadDim)?));
    let keys = || Ok(times(number(Number::KvHeads)?, number(Number::HeadDim)?));
    let plain = role.strip_prefix("cross_").unwrap_or(role);
    let [out, inputs] = match plain {
        "q" => [queries()?, hidden()?],
        "k" | "v" => [keys()?, hidden()?],
        "o" => [hidden()?, queries()?],
        "qkv" => [queries()?.saturating_add(times(2, keys()?)), hidden()?],
        "gate" | "up" => [number(Number::Intermediate)?, hidden()?],
        "gate_up" => [times(2, number(Number::Intermediate)?), hidden()?],
        "down" => [hidden()?, number(Number::Intermediate)?],
        // Tables of the vocabulary are stored `[vocab, dim]` everywhere.
        "embed" if is_one_of(name, TOKENS) => return Ok([number(Number::Vocab)?, hidden()?]),
        "head" if is_one_of(name, WORDS) => return Ok([number(Number::Vocab)?, hidden()?]),
        "embed" => {
            return Err(Unsized::Here(format!("it is an embedding, but not of the vocabulary; {BY_HAND}")));
        }
        "head" => {
            return Err(Unsized::Here(format!("it is a head, but not over the vocabulary; {BY_HAND}")));
        }
        role => {
            let role = quoted(role);
            return Err(Unsized::Here(format!(
                "the sizes of a language model do not tell that of the role {role}; {BY_HAND}"
            )));
        }
    };
    Ok(if swapped { [inputs, out] } else { [out, inputs] })
}

/// Last segments of embeddings of tokens, and of heads that give a score to each.
const TOKENS: &[&str] = &[
    "embed_tokens",
    "wte",
    "word_embeddings",
    "embeddings",
    "shared",
    "tok_embeddings",
    "embed_in",
    "token_embd",
    "token_embedding",
    "word_embedding",
];
const WORDS: &[&str] = &["lm_head", "embed_out", "output"];

fn is_one_of(path: &str, names: &[&str]) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path).to_lowercase();
    names.contains(&last.as_str())
}

/// Why a module is none of a language model: a part of a picture, a sound or a diffusion model.
fn foreign(path: &str) -> Option<&'static str> {
    const TOWERS: &[&str] = &["", "language_model", "text_model", "encoder", "decoder"];
    if is_of_senses(path) {
        return Some("it belongs to the vision or audio part, which the sizes of a language model do not describe");
    }
    let diffusion = ["unet", "transformer_blocks", "diffusion_model"];
    let (stack, lower) = (names::place(path).stack, flat::dotted(path).to_lowercase());
    if !TOWERS.contains(&stack.as_str()) || lower.split('.').any(|segment| diffusion.contains(&segment)) {
        return Some("it belongs to a diffusion model, which the sizes of a language model do not describe");
    }
    None
}

/// Why a module of a language model has a size of its own.
fn special(path: &str) -> Option<&'static str> {
    const EXPERTS: &[&str] = &["experts", "shared_expert", "shared_experts", "block_sparse_moe"];
    const MIXERS: &[&str] = &["mixer", "mamba", "ssm", "linear_attn"];
    const LATENT: &[&str] = &["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj"];
    let lower = path.to_lowercase();
    let has = |words: &[&str]| lower.split('.').any(|segment| words.contains(&segment));
    if has(EXPERTS) {
        return Some("it belongs to the experts of a mixture, which have their own sizes");
    }
    if has(MIXERS) {
        return Some("it belongs to a state-space mixer, which has its own sizes");
    }
    has(LATENT).then_some("it belongs to a compressed (multi-head latent) attention, which has its own sizes")
}
