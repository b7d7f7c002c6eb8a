//! Updates that are defined on the base model's weights: exact once a checkpoint of the base is here.

use crate::analysis::Sigma;
use crate::formula::{self, Array, Dense, based};
use crate::session::analyse::{Stopped, spectra_of};
use crate::session::compute::schedule::read;
use crate::session::factors::tensors::{self, OfFile, Way};
use crate::session::holdings::item::{Exact, Held, What, WithBase};
use crate::session::results::Sources;
use crate::session::{Emit, Session};
use lorascope_format::adapter::{Adapter, FaultLog, Module, ModuleFault};
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_format::checkpoint::{Lookup, WeightRef, order};
use lorascope_kernels::plan::{Cost, MAX_NUMBERS};
use lorascope_kernels::{FactorType, Pulse};
use lorascope_protocol::{ItemId, Progress, ToPage};

/// A module, and its weight in the base's files.
struct Wanted<S> {
    number: usize,
    module: Module,
    weight: Result<(Metered<S>, WeightRef), String>,
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Computes what needs a base's weights, of every adapter whose own state or whose base's is another than when that
    /// was last done. Gives sentences about what could not be.
    pub(crate) async fn complete_all(&mut self) -> Result<Vec<String>, Stopped> {
        let mut sentences = Vec::new();
        let mut items = self.held.adapters().into_iter();
        for item in items.by_ref() {
            match self.complete(item).await {
                Ok(sentence) => sentences.extend(sentence),
                Err(stopped) => {
                    [item].into_iter().chain(items).for_each(|item| self.cut_short(item));
                    return Err(stopped);
                }
            }
        }
        Ok(sentences)
    }

    /// What a cancel or an unreadable file has cut short is tried again.
    pub(crate) fn complete_again(&mut self) {
        for held in self.held.iter_mut() {
            if let What::Adapter(analysed) = &mut held.what
                && std::mem::take(&mut analysed.found.exact.is_cut_short)
            {
                analysed.found.exact.sources.clear();
            }
        }
    }

    /// Puts back what a base's weights had given, if the base and the adapter are as they were.
    pub(crate) fn put_back(&mut self, item: ItemId, exact: WithBase) {
        let is_part = |held: &Held<S>| exact.sources.iter().any(|(id, _)| *id == held.id);
        if self.held.revisions(is_part) == exact.sources {
            self.set_exact(item, exact);
        }
    }

    fn set_exact(&mut self, item: ItemId, exact: WithBase) {
        let Some(held) = self.held.of_mut(item) else { return };
        let What::Adapter(analysed) = &mut held.what else { return };
        let former = std::mem::replace(&mut analysed.found.exact, exact);
        if former.is_any() || analysed.found.exact.is_any() {
            analysed.renew(&held.label);
            held.is_told = false;
        }
        if let Some(trash) = self.trash.as_mut().filter(|_| former.is_any()) {
            trash.exact.push((item, former));
        }
    }

    /// What an adapter's figures would come from now, and its base, where that is not what they come from.
    fn new_base(&self, item: ItemId) -> Option<(Option<ItemId>, Sources)> {
        let analysed = self.held.adapter(item)?;
        analysed.adapter.modules.iter().find(|module| module.update.needs_base())?;
        let base = self.base_of(&analysed.adapter);
        let sources = self.held.revisions(|held| held.id == item || Some(held.id) == base);
        (analysed.found.exact.sources != sources).then_some((base, sources))
    }

    /// There will be no new figures until they are asked for again: those of before stay, while what they came from is
    /// here.
    fn cut_short(&mut self, item: ItemId) {
        let Some((_, sources)) = self.new_base(item) else { return };
        let Some(former) = self.held.adapter(item).map(|analysed| analysed.found.exact.clone()) else { return };
        let is_here = former.sources.iter().all(|(source, _)| self.held.of(*source).is_some());
        let kept = if is_here { former } else { WithBase::default() };
        self.set_exact(item, WithBase { sources, is_cut_short: true, ..kept });
    }

    async fn complete(&mut self, item: ItemId) -> Result<Option<String>, Stopped> {
        let Some((base, sources)) = self.new_base(item) else { return Ok(None) };
        let Some(analysed) = self.held.adapter(item) else { return Ok(None) };
        let source = analysed.file.source.clone();
        let wanted = base.map(|base| self.weights_of(base, &analysed.adapter)).unwrap_or_default();
        let mut exact =
            WithBase { modules: vec![None; analysed.adapter.modules.len()], sources, ..WithBase::default() };
        exact.label = base.map(|base| self.held.label(base).to_owned()).unwrap_or_default();
        let label = self.held.label(item).to_owned();
        let bytes = |wanted: &Wanted<S>| wanted.weight.as_ref().map_or(0, |(_, weight)| weight.tensor.byte_len());
        let total = wanted.iter().map(bytes).sum();
        let (mut done, mut faults) = (0, FaultLog::default());
        for (n, one) in wanted.iter().enumerate() {
            let text = format!("Reading the base's weights for {label}: {n} of {} modules", wanted.len());
            self.emit.emit(ToPage::Progress(Progress { text, done, total }));
            if self.chosen.is_cancelled().await {
                return Err(Stopped::Cancelled);
            }
            match self.exact(&source, one).await? {
                Ok((sigma, shape)) => exact.modules[one.number] = Some(Exact { sigma, shape }),
                Err(fault) => faults.push(one.module.name.clone(), fault),
            }
            done += bytes(one);
        }
        let (count, base) = (exact.modules.iter().flatten().count(), exact.label.clone());
        self.set_exact(item, exact);
        let reasons = faults.sentences();
        Ok((count < wanted.len()).then(|| {
            let first = reasons.first().map(String::as_str).unwrap_or_default();
            format!(
                "{label}: {count} of {} modules that need the base model's weights are exact with {base}. {first}",
                wanted.len()
            )
        }))
    }

    /// The checkpoint that has the weights of most of the modules that need them; the first of equals: of a training's
    /// states, the one that it began with.
    fn base_of(&self, adapter: &Adapter) -> Option<ItemId> {
        let checkpoints: Vec<_> = self.held.iter().filter_map(|held| Some((held, held.checkpoint()?))).collect();
        let labels: Vec<&str> = checkpoints.iter().map(|(held, _)| held.label.as_str()).collect();
        let mut best = (0, None);
        for (held, checkpoint) in order(&labels).into_iter().map(|at| checkpoints[at]) {
            let lookup = Lookup::new(checkpoint);
            let needing = adapter.modules.iter().filter(|module| module.update.needs_base());
            let matched = needing.filter(|module| lookup.base_of(module).is_ok()).count();
            if matched > best.0 {
                best = (matched, Some(held.id));
            }
        }
        best.1
    }

    /// The modules of an adapter that need a base, and their weights in this one.
    fn weights_of(&self, base: ItemId, adapter: &Adapter) -> Vec<Wanted<S>> {
        let Some((_, checkpoint)) = self.held.checkpoint(base) else { return Vec::new() };
        let lookup = Lookup::new(checkpoint);
        let needing = adapter.modules.iter().enumerate().filter(|(_, module)| module.update.needs_base());
        needing
            .map(|(number, module)| {
                let weight =
                    lookup.base_of(module).map(|weight| (checkpoint.files[weight.file].source.clone(), weight));
                Wanted { number, module: module.clone(), weight }
            })
            .collect()
    }

    /// The singular values of one update, scale included.
    async fn exact(
        &mut self,
        source: &Metered<S>,
        wanted: &Wanted<S>,
    ) -> Result<Result<(Sigma, [u64; 2]), ModuleFault>, Stopped> {
        let refused = |reason: String| Ok(Err(ModuleFault::OfBase { reason }));
        let (file, weight) = match &wanted.weight {
            Ok(found) => found,
            Err(reason) => return refused(reason.clone()),
        };
        if weight.rows.checked_mul(weight.cols).is_none_or(|numbers| numbers > MAX_NUMBERS) {
            return refused(format!("it is larger than is computed here ({} × {})", weight.rows, weight.cols));
        }
        let module = &wanted.module;
        let (of, reads) = OfFile::new(source, [module]);
        let tensors = of.tensors(&mut read(&reads).await?.into_iter());
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
        let mut spectra =
            spectra_of::<Metered<S>, P>(&mut self.chosen, vec![(0, formula::of_dense(delta))], cost).await?;
        Ok(match spectra.pop() {
            Some((_, Ok(sigma))) => Ok((Sigma { scaled: true, ..sigma }, shape)),
            Some((_, Err(none))) => Err(none.of(module)),
            None => Err(ModuleFault::OutOfRange),
        })
    }
}

fn decoded(weight: &WeightRef, bytes: &[u8]) -> Dense {
    let (rows, cols) = (weight.rows as usize, weight.cols as usize);
    let dtype = crate::factor_type::of_tensor(&weight.tensor.dtype).unwrap_or(FactorType::F32);
    Dense { rows, cols, numbers: (0..rows * cols).map(|index| dtype.decode(bytes, index) as f32).collect() }
}
