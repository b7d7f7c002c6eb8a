//! Which tensor of a checkpoint is the weight of an adapter's module.

use super::Checkpoint;
use crate::adapter::Module;
use crate::container::TensorEntry;
use crate::source::ByteSource;

/// A module's weight in one checkpoint: an m × n matrix, stored row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightRef {
    /// Index into [`Checkpoint::files`].
    pub file: usize,
    pub tensor: TensorEntry,
    /// As stored; a convolution's kernel counts with its inputs.
    pub rows: u64,
    pub cols: u64,
    /// The weight is stored as `[in, out]` and the module's ΔW as `[out, in]`: its left and right factors change
    /// places. (Conv1D without a configuration that says so.)
    pub swapped: bool,
}

/// What became of one module: its weight, or the reason why there is none, in words.
pub type Matched = Result<WeightRef, String>;

/// The weight of every module, in their order.
pub fn match_modules<S: ByteSource>(modules: &[Module], checkpoint: &Checkpoint<S>) -> Vec<Matched> {
    let tensors: Vec<(String, Vec<u64>)> =
        checkpoint.tensors().map(|(_, tensor)| (tensor.name.clone(), tensor.shape.clone())).collect();
    let _weights = super::Weights::new(&tensors);
    modules
        .iter()
        .map(|module| {
            let name = format!("{}.weight", module.name);
            let (file, tensor) =
                checkpoint.tensors().find(|(_, tensor)| tensor.name == name).ok_or("no tensor of that name")?;
            let [rows, cols] = module.shape;
            if tensor.shape != [rows, cols] {
                return Err(format!("its shape is {:?}", tensor.shape));
            }
            Ok(WeightRef { file, tensor: tensor.clone(), rows, cols, swapped: false })
        })
        .collect()
}
