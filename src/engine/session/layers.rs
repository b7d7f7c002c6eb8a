//! How many layers an adapter's model has. The reference counts them on the model, so what is known of the base goes
//! before the adapter's own names.

use super::held::{Held, What};
use super::{Emit, Session};
use crate::analysis::profile::{TotalLayers, layers_named};
use lorascope_format::adapter::{Adapter, Module};
use lorascope_format::bytes::{ByteSource, Metered};
use lorascope_format::checkpoint::{Checkpoint, Lookup, order};
use lorascope_kernels::Pulse;
use lorascope_protocol::ToPage;
use lorascope_protocol::projection::ModelShape;
use lorascope_protocol::projection::models::listed;

/// What the adapter's own configuration says: the layers that its base was made deeper by, or the name of a listed base.
pub(super) fn said(adapter: &Adapter) -> Option<TotalLayers> {
    let replicated = u32::try_from(adapter.base_layers).ok().filter(|&count| count > 0);
    let replicated = replicated
        .map(|count| TotalLayers { count, source: "layer_replication of the adapter's configuration".to_owned() });
    replicated.or_else(|| {
        let model = listed(adapter.base_model.as_deref()?)?;
        Some(TotalLayers { count: model.layers, source: format!("the listed sizes of {}", model.id) })
    })
}

/// What a model's `config.json` says, where its hidden size is that of the adapter's modules.
fn configured(shape: &ModelShape, path: &str, adapter: &Adapter) -> Option<TotalLayers> {
    let count = shape.layers.filter(|&count| count > 0)?;
    let takes_hidden =
        |module: &&Module| matches!(module.role.as_str(), "q" | "k" | "v" | "qkv" | "gate" | "up" | "gate_up");
    let width = |module: &Module| if module.inputs_first { module.shape[0] } else { module.shape[1] };
    let mut widths = adapter.modules.iter().filter(takes_hidden).map(width).peekable();
    let fits = widths.peek().is_some() && widths.all(|width| Some(width) == shape.hidden);
    fits.then(|| TotalLayers { count, source: format!("num_hidden_layers of {path}") })
}

/// The layers of a checkpoint that holds the weight of one of the adapter's modules.
fn of_checkpoint<S: ByteSource>(
    label: &str,
    checkpoint: &Checkpoint<Metered<S>>,
    adapter: &Adapter,
) -> Option<TotalLayers> {
    let listed = checkpoint.index().into_iter().flat_map(|index| index.weight_map.keys()).map(String::as_str);
    let count = layers_named(checkpoint.tensors().map(|(_, tensor)| tensor.name.as_str()).chain(listed))?;
    let lookup = Lookup::new(checkpoint);
    let is_base = adapter.modules.iter().any(|module| lookup.find(module).is_ok());
    is_base.then(|| TotalLayers { count, source: format!("the layers of the checkpoint {label}") })
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Counts the layers of every adapter's model by what is held now, and sends the profiles that this changes.
    pub(super) fn count_layers(&mut self) {
        for n in 0..self.held.len() {
            let Some(analysed) = self.held[n].analysed() else { continue };
            let model = self.layers_of(&analysed.adapter);
            if model == analysed.model {
                continue;
            }
            let held = &mut self.held[n];
            if let What::Adapter(analysed) = &mut held.what {
                analysed.model = model;
                analysed.report_again(&held.label);
            }
            self.emit.emit(ToPage::Item(self.held[n].item()));
            self.send(&self.held[n]);
        }
    }

    fn layers_of(&self, adapter: &Adapter) -> Option<TotalLayers> {
        if adapter.base_layers > 0 {
            return said(adapter);
        }
        let checkpoints: Vec<_> =
            self.held.iter().filter_map(|held| Some((held.label.as_str(), held.checkpoint()?))).collect();
        let labels: Vec<&str> = checkpoints.iter().map(|(label, _)| *label).collect();
        let dropped = order(&labels).into_iter().find_map(|at| {
            let (label, checkpoint) = checkpoints[at];
            of_checkpoint(label, checkpoint, adapter)
        });
        let of_config = |held: &Held<S>| match &held.what {
            What::Model(model) => configured(&model.shape, &model.path, adapter),
            _ => None,
        };
        dropped.or_else(|| self.held.iter().find_map(of_config)).or_else(|| said(adapter))
    }
}
