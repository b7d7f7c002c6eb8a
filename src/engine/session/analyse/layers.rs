//! How many layers an adapter's model has. The reference counts them on the model, so what is known of the base goes
//! before the adapter's own names.

use crate::analysis::profile::{TotalLayers, layers_named};
use crate::projection::target::shape_in;
use crate::session::holdings::item::{Held, What};
use crate::session::{Emit, Session};
use lorascope_format::adapter::{Adapter, names};
use lorascope_format::bytes::{ByteSource, Metered};
use lorascope_format::checkpoint::{Checkpoint, Lookup, order};
use lorascope_kernels::Pulse;
use lorascope_protocol::projection::ModelShape;
use lorascope_protocol::projection::models::listed;
use lorascope_protocol::report::LayerSource;

/// What the adapter's own configuration says: the layers that its base was made deeper by, or the name of a listed base.
pub(crate) fn said(adapter: &Adapter) -> Option<TotalLayers> {
    let replicated = u32::try_from(adapter.base_layers).ok().filter(|&count| count > 0);
    replicated.map(|count| TotalLayers { count, source: LayerSource::Replication }).or_else(|| {
        let model = listed(adapter.base_model.as_deref()?)?;
        Some(TotalLayers { count: model.layers, source: LayerSource::Listed(model.id) })
    })
}

/// What a model's `config.json` says, where its sizes are those of every module that they tell of, and the modules' names
/// number layers as the reference counts them (T5's `block.3.layer.1` does not).
fn configured(shape: &ModelShape, path: &str, adapter: &Adapter) -> Option<TotalLayers> {
    let count = shape.layers.filter(|&count| count > 0)?;
    let mut told =
        adapter.modules.iter().filter_map(|module| Some((module.shape, shape_in(module, shape)?))).peekable();
    let fits = told.peek().is_some() && told.all(|(is, should)| is == should);
    let names = || adapter.modules.iter().map(|module| module.name.as_str());
    let numbered = names().filter_map(names::layer_number).max().and_then(|last| last.checked_add(1));
    (fits && numbered == layers_named(names()))
        .then(|| TotalLayers { count, source: LayerSource::Config(path.to_owned()) })
}

/// A checkpoint that may be the base of adapters.
struct Base<'a> {
    label: &'a str,
    layers: u32,
    lookup: Lookup<'a>,
}

impl<'a> Base<'a> {
    /// `None` for one without layers, or of which not all files are known.
    fn of<S: ByteSource>(label: &'a str, checkpoint: &'a Checkpoint<Metered<S>>) -> Option<Self> {
        if checkpoint.index().is_none() && !checkpoint.missing().is_empty() {
            return None;
        }
        let listed = checkpoint.index().into_iter().flat_map(|index| index.weight_map.keys()).map(String::as_str);
        let layers = layers_named(checkpoint.tensors().map(|(_, tensor)| tensor.name.as_str()).chain(listed))?;
        Some(Self { label, layers, lookup: Lookup::new(checkpoint) })
    }

    /// It has the weight of a module, and none of another shape.
    fn layers_of(&self, adapter: &Adapter) -> Option<TotalLayers> {
        let mut is_base = false;
        for module in &adapter.modules {
            if self.lookup.find(module).is_ok() {
                is_base = true;
            } else if module.expert.is_none() && self.lookup.base_of(module).is_ok() {
                return None;
            }
        }
        is_base.then(|| TotalLayers { count: self.layers, source: LayerSource::Checkpoint(self.label.to_owned()) })
    }
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Counts the layers of every adapter's model by what is held now.
    pub(crate) fn count_layers(&mut self) {
        let counted: Vec<Option<TotalLayers>> = {
            let of_name = |held: &Held<S>| held.analysed().and_then(|analysed| said(&analysed.adapter));
            let is_open = |held: &Held<S>| held.analysed().is_some() && of_name(held).is_none();
            let bases = if self.held.iter().any(is_open) { self.bases_of_layers() } else { Vec::new() };
            let count = |held: &Held<S>| {
                let adapter = &held.analysed()?.adapter;
                let dropped = || bases.iter().find_map(|base| base.layers_of(adapter));
                said(adapter).or_else(dropped).or_else(|| {
                    self.held.iter().find_map(|other| match &other.what {
                        What::Model(model) => configured(&model.shape, &model.path, adapter),
                        _ => None,
                    })
                })
            };
            self.held.iter().map(count).collect()
        };
        for (n, model) in counted.into_iter().enumerate() {
            let held = &mut self.held[n];
            let What::Adapter(analysed) = &mut held.what else { continue };
            if analysed.model == model {
                continue;
            }
            analysed.model = model;
            analysed.report_again(&held.label);
            held.is_told = false;
        }
    }

    /// The checkpoints, the first of a training's states first.
    fn bases_of_layers(&self) -> Vec<Base<'_>> {
        let checkpoints: Vec<_> =
            self.held.iter().filter_map(|held| Some((held.label.as_str(), held.checkpoint()?))).collect();
        let labels: Vec<&str> = checkpoints.iter().map(|(label, _)| *label).collect();
        order(&labels).into_iter().filter_map(|at| Base::of(checkpoints[at].0, checkpoints[at].1)).collect()
    }
}
