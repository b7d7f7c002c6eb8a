use crate::container::quoted;

/// Why an adapter gives nothing to analyse. The sentences do not name the file: who reads it puts that before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdapterError {
    #[error("the file holds no tensors, so there is nothing to analyse. Save the adapter again.")]
    Empty,
    #[error(
        "this is {dialect}, {}. Drop an adapter of another kind, or one that was merged and extracted as LoRA.",
        super::grouping::why_only_named(dialect)
    )]
    OtherDialect { dialect: &'static str },
    #[error("this is a model checkpoint without adapter tensors. Drop the adapter that belongs to it.")]
    Checkpoint,
    #[error("nothing in this adapter can be analysed: {}", some(.reasons))]
    NothingLeft { reasons: Vec<String> },
}

fn some(reasons: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = reasons.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(" ");
    if reasons.len() > SHOWN {
        text.push_str(&format!(" ({} more like these)", reasons.len() - SHOWN));
    }
    text
}

/// Why one module is not analysed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModuleFault {
    #[error("it has {has} but no {lacks}, and one half of a pair gives no update")]
    Orphan { has: &'static str, lacks: &'static str },
    #[error("its factors disagree about the rank: lora_A says {a}, lora_B says {b}")]
    RankMismatch { a: u64, b: u64 },
    #[error(
        "a factor is empty (rank 0 or a tensor without elements), as a sharded run (DeepSpeed ZeRO-3, FSDP) leaves it \
         when its weights were not gathered; save the adapter again with gathered weights"
    )]
    Empty,
    #[error(
        "its factors are empty, as a module is left that was not trained; most others of the file are whole, so nothing \
         seems to be lost"
    )]
    Placeholder,
    #[error("AdaLoRA's budget left it no direction (rank 0 in its rank_pattern), so its update is zero")]
    NoDirection,
    #[error(
        "the factor {factor} has the shape {shape}, which is no matrix; a sharded run (DeepSpeed ZeRO-3, FSDP) leaves \
         such tensors when its weights were not gathered"
    )]
    NotAMatrix { factor: &'static str, shape: String },
    #[error("the shape {shape} of lora_B is not that of a LoRA pair: every dimension after the second should be 1")]
    WideUp { shape: String },
    #[error("it is a grouped convolution (lora_A has rank {a}, lora_B {b}), whose update is no plain product")]
    Grouped { a: u64, b: u64 },
    #[error("its factors are stored as {dtype}, which cannot be decoded here")]
    Dtype { dtype: String },
    #[error("its rank or size is beyond what is computed here ({shape}; ranks to 1024, factors to 64 Mi numbers)")]
    TooLarge { shape: String },
    #[error(
        "it adapts the experts of a mixture at once, and only the rank r of an adapter_config.json tells them apart; \
         drop the file beside the weights"
    )]
    Experts,
    #[error(
        "its factors of three dimensions, lora_A {a} and lora_B {b}, hold the experts of a mixture in a way that is not \
         known: known are [E, r, in] with [E, out, r] or [out, r, E], either of the first two also with one E for all"
    )]
    ExpertShapes { a: String, b: String },
    #[error("it is a {variant} module: {why}")]
    Variant { variant: &'static str, why: &'static str },
    #[error("its tensors are parts of no update that is known ({has})")]
    Parts { has: String },
    #[error("the shape {shape} of {vector} does not fit its factors, which ask for {wanted}")]
    Lengths { vector: &'static str, shape: String, wanted: u64 },
    #[error("its Tucker core {core} does not fit its factors, of ranks {a} and {b}")]
    Core { core: String, a: u64, b: u64 },
    #[error("its matrices do not fit one another ({shapes})")]
    Halves { shapes: String },
    #[error(
        "VeRA's shared vera_A and vera_B are not in the file (save_projection was false), and cannot be made again here: \
         they come from PyTorch's random numbers; save the adapter with save_projection=True"
    )]
    SharedMissing,
    #[error(
        "its lora_A has a slice for each of q, k and v (LitGPT's fused attention), and the file does not say how the \
         rows of lora_B are shared between them"
    )]
    FusedParts,
    #[error(
        "it is {kind}, whose update is defined on the base model's weight: drop the base checkpoint together with the \
         adapter"
    )]
    NeedsBase { kind: &'static str },
    #[error("its update is defined on the base model's weight: {reason}")]
    OfBase { reason: String },
    #[error("it has the factors of a linear layer and those of an embedding, and only one pair can be meant")]
    TwoPairs,
    #[error("another module of the file has the same name in the model")]
    NameTaken,
    #[error(
        "its factors hold {count} values that are not finite (NaN or infinity), as a run that diverged leaves them"
    )]
    NotFinite { count: u64 },
    #[error("its values are beyond double precision")]
    OutOfRange,
}

impl ModuleFault {
    /// Faults of one kind share a few sentences.
    fn kind(&self) -> std::mem::Discriminant<Self> {
        std::mem::discriminant(self)
    }
}

/// The warnings about single modules: each names its module, and many of one kind end in a count.
#[derive(Clone, Debug, Default)]
pub struct FaultLog {
    faults: Vec<(String, ModuleFault)>,
}

impl FaultLog {
    pub fn push(&mut self, module: String, fault: ModuleFault) {
        self.faults.push((module, fault));
    }

    /// All but those of some modules.
    pub fn without(&self, is_gone: impl Fn(&str) -> bool) -> Self {
        Self { faults: self.faults.iter().filter(|(module, _)| !is_gone(module)).cloned().collect() }
    }

    /// Each module with its reason.
    pub fn into_reasons(self) -> impl Iterator<Item = (String, String)> {
        self.faults.into_iter().map(|(module, fault)| (module, fault.to_string()))
    }

    pub fn sentences(&self) -> Vec<String> {
        const NAMED: usize = 20;
        let mut sentences = Vec::new();
        let mut counts: Vec<(std::mem::Discriminant<ModuleFault>, usize)> = Vec::new();
        for (module, fault) in &self.faults {
            let at = counts.iter().position(|(kind, _)| *kind == fault.kind()).unwrap_or_else(|| {
                counts.push((fault.kind(), 0));
                counts.len() - 1
            });
            counts[at].1 += 1;
            if counts[at].1 <= NAMED {
                sentences.push(format!("{} is not analysed: {fault}.", quoted(module)));
            }
        }
        let hidden: usize = counts.iter().map(|(_, count)| count.saturating_sub(NAMED)).sum();
        if hidden > 0 {
            sentences.push(format!("{hidden} more modules are not analysed for the same reasons; each is listed."));
        }
        sentences
    }
}
