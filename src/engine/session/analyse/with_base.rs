//! Updates that are defined on the base model's weights: exact once a checkpoint of the base is here.

use crate::analysis::Sigma;
use crate::formula::{self, Array, Dense, based};
use crate::session::analyse::Stopped;
use crate::session::factors::tensors::{self, Way};
use crate::session::holdings::item::{Exact, What};
use crate::session::{Emit, Session};
use lorascope_format::adapter::{FaultLog, Module, ModuleFault};
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_format::checkpoint::{Lookup, WeightRef, order};
use lorascope_kernels::plan::{Cost, MAX_NUMBERS};
use lorascope_kernels::{FactorType, Pulse};
use lorascope_protocol::{ItemId, Progress, ToPage};

/// A module, and its weight in the base's files.
struct Asked<S> {
    number: usize,
    module: Module,
    weight: Result<(Metered<S>, WeightRef), String>,
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Computes what needs a base's weights, for every adapter whose base is here. Gives sentences about what could
    /// not be.
    pub(crate) async fn complete_all(&mut self) -> Result<Vec<String>, Stopped> {
        let mut sentences = Vec::new();
        let items: Vec<ItemId> =
            self.held.iter().filter(|held| held.analysed().is_some()).map(|held| held.id).collect();
        for item in items {
            sentences.extend(self.complete(item, false).await?);
        }
        Ok(sentences)
    }

    /// The same of one adapter; `again` where its scales changed.
    pub(crate) async fn complete(&mut self, item: ItemId, again: bool) -> Result<Option<String>, Stopped> {
        let Some((base, asked)) = self.ask_base(item, again) else { return Ok(None) };
        let Some(at) = self.held.iter().position(|held| held.id == item) else { return Ok(None) };
        let label = self.held[at].label.clone();
        let Some(source) = self.held[at].analysed().map(|analysed| analysed.file.source.clone()) else {
            return Ok(None);
        };
        let bytes = |asked: &Asked<S>| asked.weight.as_ref().map_or(0, |(_, weight)| weight.tensor.byte_len());
        let total = asked.iter().map(bytes).sum();
        let (mut done, mut faults, mut exact) = (0, FaultLog::default(), Vec::new());
        for (n, one) in asked.iter().enumerate() {
            let text = format!("Reading the base's weights for {label}: {n} of {} modules", asked.len());
            self.emit.emit(ToPage::Progress(Progress { text, done, total }));
            if self.chosen.is_cancelled().await {
                return Err(Stopped::Cancelled);
            }
            match self.exact(&source, one).await? {
                Ok((sigma, shape)) => exact.push((one.number, sigma, shape)),
                Err(fault) => faults.push(one.module.name.clone(), fault),
            }
            done += bytes(one);
        }
        let Some(held) = self.held.get_mut(at) else { return Ok(None) };
        let What::Adapter(analysed) = &mut held.what else { return Ok(None) };
        let count = exact.len();
        for (n, sigma, shape) in exact {
            analysed.found.exact[n] = Some(Exact { sigma, base: base.clone(), shape });
        }
        analysed.renew(&held.label);
        let reasons = faults.sentences();
        Ok((count < asked.len()).then(|| {
            let first = reasons.first().map(String::as_str).unwrap_or_default();
            format!(
                "{label}: {count} of {} modules that need the base model's weights are exact with {base}. {first}",
                asked.len()
            )
        }))
    }

    /// The modules of an adapter that need a base, and the checkpoint that has the weights of most of them.
    fn ask_base(&self, item: ItemId, again: bool) -> Option<(String, Vec<Asked<S>>)> {
        let analysed = self.held.iter().find(|held| held.id == item)?.analysed()?;
        let modules = analysed.adapter.modules.iter().enumerate();
        let waiting: Vec<(usize, &Module)> = modules
            .filter(|(n, module)| module.update.needs_base() && (again || analysed.found.exact[*n].is_none()))
            .collect();
        if waiting.is_empty() {
            return None;
        }
        let checkpoints: Vec<_> =
            self.held.iter().filter_map(|held| Some((held.label.as_str(), held.checkpoint()?))).collect();
        let labels: Vec<&str> = checkpoints.iter().map(|(label, _)| *label).collect();
        let mut best: Option<(usize, &str, Vec<Asked<S>>)> = None;
        // The first of equals: of a training's states, the one that it began with.
        for at in order(&labels) {
            let (label, checkpoint) = checkpoints[at];
            let lookup = Lookup::new(checkpoint);
            let asked: Vec<Asked<S>> = waiting
                .iter()
                .map(|&(number, module)| {
                    let weight =
                        lookup.base_of(module).map(|weight| (checkpoint.files[weight.file].source.clone(), weight));
                    Asked { number, module: module.clone(), weight }
                })
                .collect();
            let matched = asked.iter().filter(|asked| asked.weight.is_ok()).count();
            if matched > best.as_ref().map_or(0, |(most, ..)| *most) {
                best = Some((matched, label, asked));
            }
        }
        best.map(|(_, label, asked)| (label.to_owned(), asked))
    }

    /// The singular values of one update, scale included.
    async fn exact(
        &mut self,
        source: &Metered<S>,
        asked: &Asked<S>,
    ) -> Result<Result<(Sigma, [u64; 2]), ModuleFault>, Stopped> {
        let refused = |reason: String| Ok(Err(ModuleFault::OfBase { reason }));
        let (file, weight) = match &asked.weight {
            Ok(found) => found,
            Err(reason) => return refused(reason.clone()),
        };
        if weight.rows.checked_mul(weight.cols).is_none_or(|numbers| numbers > MAX_NUMBERS) {
            return refused(format!("it is larger than is computed here ({} × {})", weight.rows, weight.cols));
        }
        let module = &asked.module;
        let tensors = tensors::read(source, &[module]).await?;
        let bytes = file.read(weight.tensor.begin..weight.tensor.end).await?;
        let w = decoded(weight, &bytes);
        drop(bytes);
        let arrays: Vec<Array<'_>> = tensors.arrays(&module.update);
        let delta = match based::with_base(module, &arrays, &w) {
            Ok(delta) if delta.not_finite() == 0 => delta,
            Ok(_) => return refused("numbers of the weight, or of the update, are not finite".to_owned()),
            Err(reason) => return refused(reason),
        };
        drop(w);
        let shape = [delta.rows as u64, delta.cols as u64];
        let cost = match tensors::of_whole(shape) {
            Way::Thin(cost) => cost,
            _ => Cost { words: u64::MAX, ..Cost::default() },
        };
        let mut spectra = self.spectra_of(vec![(0, formula::of_dense(delta))], cost).await?;
        Ok(match spectra.pop() {
            Some((_, Ok(sigma))) => Ok((Sigma { scaled: true, ..sigma }, shape)),
            Some((_, Err(fault))) => Err(fault),
            None => Err(ModuleFault::OutOfRange),
        })
    }
}

fn decoded(weight: &WeightRef, bytes: &[u8]) -> Dense {
    let (rows, cols) = (weight.rows as usize, weight.cols as usize);
    let dtype = crate::factor_type::of_tensor(&weight.tensor.dtype).unwrap_or(FactorType::F32);
    Dense { rows, cols, numbers: (0..rows * cols).map(|index| dtype.decode(bytes, index) as f32).collect() }
}
