//! A PEFT adapter from nothing but factors: names, places in the file and the configuration that fits them.
//!
//! Every module's scale is 1: its alpha is its rank.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::layout::{FactorPlace, Layout, Part, RowLayout, placed};
use super::peft_config::{WrittenConfig, minimal};
use super::safetensors::{HeaderError, NewTensor};
use super::{patterns, targets};
use lorascope_format::checkpoint::{Stored, is_of_senses};
use lorascope_format::container::{elements, quoted};
use lorascope_protocol::projection::OutputType;

/// A module of a new adapter: ΔW = left·rightᵀ, m × n as the base stores the weight, left m × rank, right n × rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewModule {
    /// The module's path in the model.
    pub path: String,
    /// `[m, n]`: the rows and columns of the stored weight.
    pub shape: [u64; 2],
    pub rank: u32,
    /// How the model stores its weight, and so how PEFT stores its factors.
    pub stored: Stored,
    pub dtype: OutputType,
}

/// The model that a new adapter is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Base<'a> {
    /// For `base_model_name_or_path`.
    pub name: Option<&'a str>,
    /// The paths of all modules of the model that have weights, those of the adapter among them.
    pub paths: &'a [&'a str],
    /// No file of the model is missing, so that `paths` are all there are.
    pub complete: bool,
}

/// Why an adapter cannot be written. Names are [`quoted`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewAdapterError {
    #[error("there is no module to write: nothing that can be extracted has changed")]
    Empty,
    #[error("{module} would have rank 0, which is no update; leave it out")]
    NoRank { module: String },
    #[error("{module} is a convolution with {kernel} weights for each input, and {inputs} is no multiple of that")]
    Kernel { module: String, inputs: u64, kernel: u64 },
    #[error("the adapter cannot be written as one safetensors file: {0}. Take fewer modules or a smaller rank.")]
    Header(#[from] HeaderError),
}

/// The file of a new adapter and its `adapter_config.json`. [`Layout::rows`] are in the order of `modules`, and hold
/// what [`super::encode`] asks for.
///
/// # Errors
/// [`NewAdapterError`].
pub fn new_adapter(modules: &[NewModule], base: Base<'_>) -> Result<(Layout, WrittenConfig), NewAdapterError> {
    let config = config(modules, base)?;
    let (mut tensors, mut rows) = (Vec::with_capacity(2 * modules.len()), Vec::with_capacity(modules.len()));
    for (n, module) in modules.iter().enumerate() {
        let mut place = |part: Part, side: Side| {
            let name = format!("base_model.model.{}.{}", module.path, side.name);
            tensors.push((part, NewTensor { name: name.clone(), dtype: module.dtype.dtype(), shape: side.shape }));
            FactorPlace { name, range: 0..0, dtype: module.dtype, transposed: side.transposed }
        };
        let [left, right] = module.sides()?;
        rows.push(RowLayout { left: place(Part::Left(n), left), right: place(Part::Right(n), right) });
    }
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    Ok((placed(tensors, rows, Vec::new(), &metadata)?, config))
}

/// A factor's tensor.
struct Side {
    name: &'static str,
    shape: Vec<u64>,
    transposed: bool,
}

impl NewModule {
    /// The tensors of the left and of the right factor.
    fn sides(&self) -> Result<[Side; 2], NewAdapterError> {
        let ([m, n], rank) = (self.shape, u64::from(self.rank));
        let down = |name, size, kernel: &[u64]| {
            let shape = [&[rank, size], kernel].concat();
            Side { name, shape, transposed: true }
        };
        let up = |name, size, kernel: &[u64]| {
            let shape = [&[size, rank][..], &vec![1; kernel.len()]].concat();
            Side { name, shape, transposed: false }
        };
        let (a, b) = ("lora_A.weight", "lora_B.weight");
        Ok(match &self.stored {
            Stored::Linear => [up(b, m, &[]), down(a, n, &[])],
            Stored::Conv1D => [down(a, m, &[]), up(b, n, &[])],
            Stored::Embedding => [down("lora_embedding_A", m, &[]), up("lora_embedding_B", n, &[])],
            Stored::Convolution(kernel) => {
                let each = elements(kernel).filter(|&each| each > 0 && n.is_multiple_of(each));
                let inputs = each.map(|each| n / each).ok_or_else(|| NewAdapterError::Kernel {
                    module: quoted(&self.path),
                    inputs: n,
                    kernel: elements(kernel).unwrap_or(u64::MAX),
                })?;
                [up(b, m, kernel), down(a, inputs, kernel)]
            }
        })
    }
}

fn config(modules: &[NewModule], base: Base<'_>) -> Result<WrittenConfig, NewAdapterError> {
    if let Some(module) = modules.iter().find(|module| module.rank == 0) {
        return Err(NewAdapterError::NoRank { module: quoted(&module.path) });
    }
    let ranks: Vec<(&str, u32)> = modules.iter().map(|module| (module.path.as_str(), module.rank)).collect();
    let (r, table) = patterns::table(&ranks, Value::from).ok_or(NewAdapterError::Empty)?;
    let paths: Vec<&str> = ranks.iter().map(|(path, _)| *path).collect();
    let mut object: Map<String, Value> = minimal();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("r", json!(r));
    set("lora_alpha", json!(r));
    set("rank_pattern", Value::Object(table.clone()));
    set("alpha_pattern", Value::Object(table));
    set("target_modules", targets::targets(&paths, base.paths, base.complete));
    set("fan_in_fan_out", json!(modules.iter().any(|module| module.stored == Stored::Conv1D)));
    set("base_model_name_or_path", json!(base.name));
    set("task_type", if is_causal(base.paths) { json!("CAUSAL_LM") } else { Value::Null });
    let warnings = base.name.is_none().then(|| {
        "Nothing says which model the adapter is for, so that `base_model_name_or_path` is empty: give the model when \
         you load it."
            .to_owned()
    });
    Ok(WrittenConfig { object, warnings: warnings.into_iter().collect() })
}

/// Whether these are surely the modules of a language model that writes on: a head over the vocabulary, one stack of
/// layers, and nothing that sees, hears or encodes.
fn is_causal(paths: &[&str]) -> bool {
    let head = paths.iter().any(|path| matches!(*path, "lm_head" | "embed_out"));
    let other = |path: &&str| is_of_senses(path) || path.split('.').any(|part| matches!(part, "encoder" | "decoder"));
    head && !paths.iter().any(other)
}
