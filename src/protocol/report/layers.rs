//! Where the number of a model's layers comes from.

use std::fmt;

/// What counts the layers; a report holds its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerSource {
    /// The layer numbers in the modules' names.
    Names,
    /// The same of the stack that has most layers.
    Stack,
    /// Nothing does, and this many are assumed.
    Assumed(u32),
    /// `layer_replication` of the adapter's configuration.
    Replication,
    /// The model of this id in [`MODELS`](crate::projection::MODELS).
    Listed(&'static str),
    /// The `config.json` at this path.
    Config(String),
    /// The checkpoint of this label.
    Checkpoint(String),
}

impl LayerSource {
    /// Whether a report's words say that the modules' names count them. Links and saved reports have the words alone.
    pub fn are_of_names(words: &str) -> bool {
        [Self::Names, Self::Stack].iter().any(|source| source.to_string() == words)
    }
}

impl fmt::Display for LayerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Names => f.write_str("the largest layer number in the modules' names, plus 1"),
            Self::Stack => f.write_str("the largest layer number of a stack, plus 1"),
            Self::Assumed(count) => write!(f, "assumed {count}: no module's name holds `layers.N.`"),
            Self::Replication => f.write_str("layer_replication of the adapter's configuration"),
            Self::Listed(id) => write!(f, "the listed sizes of {id}"),
            Self::Config(path) => write!(f, "num_hidden_layers of {path}"),
            Self::Checkpoint(label) => write!(f, "the layers of the checkpoint {label}"),
        }
    }
}
