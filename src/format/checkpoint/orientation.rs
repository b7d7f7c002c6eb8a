//! Which way round a weight is stored: nearly all as `[out, in]`, GPT-2's layers (Conv1D) as `[in, out]`.

use crate::adapter::Module;

/// What the layers of GPT-2's kind are called, in models that store them either way.
const CONV1D: &[&str] = &["c_attn", "c_proj", "c_fc", "q_attn"];
/// Those of them that have more outputs than inputs in every model, so that their shape tells how they are stored.
const TELLING: &[&str] = &["c_attn", "c_fc"];

/// What the shapes of a stack's telling weights say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Votes {
    inputs_first: u32,
    outputs_first: u32,
}

/// How a module's update lies on a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Straight,
    /// The update's factors change places.
    Swapped,
    Disagree,
    /// Both ways fit, and nothing tells which is meant.
    Unclear,
}

impl Votes {
    pub fn count(&mut self, rows: u64, cols: u64) {
        self.inputs_first += u32::from(rows < cols);
        self.outputs_first += u32::from(rows > cols);
    }

    /// Whether weights are stored as `[in, out]`; `None` where nothing tells.
    pub fn inputs_first(self) -> Option<bool> {
        match (self.inputs_first, self.outputs_first) {
            (1.., 0) => Some(true),
            (0, 1..) => Some(false),
            _ => None,
        }
    }
}

pub fn is_telling(path: &str) -> bool {
    is_one_of(path, TELLING)
}

/// Whether the module has the name of such a layer, and its weight is a matrix.
pub fn is_conv1d(path: &str, stored: &[u64]) -> bool {
    is_one_of(path, CONV1D) && stored.len() == 2
}

fn is_one_of(path: &str, names: &[&str]) -> bool {
    path.rsplit('.').next().is_some_and(|last| names.contains(&last))
}

/// Lays a module's update on a tensor of shape `stored`, a matrix of `size`.
pub fn fit(module: &Module, stored: &[u64], size: [u64; 2], votes: Votes) -> Fit {
    let [rows, cols] = size;
    let conv1d = is_conv1d(&module.name, stored);
    // The adapter's configuration says `[in, out]`.
    let told = module.inputs_first;
    if size == module.shape && (rows != cols || !conv1d) {
        return Fit::Straight;
    }
    if size == module.shape {
        return match votes.inputs_first() {
            Some(inputs_first) if inputs_first == told => Fit::Straight,
            Some(_) => Fit::Swapped,
            None if told => Fit::Straight,
            None => Fit::Unclear,
        };
    }
    let turned = stored.len() == 2 && [cols, rows] == module.shape;
    if turned && (conv1d || told) { Fit::Swapped } else { Fit::Disagree }
}
