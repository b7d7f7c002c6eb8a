//! One drop: sorted, analysed, judged.

pub(crate) mod addresses;
pub(crate) mod checkpoints;
pub(crate) mod look;
pub(crate) mod outline;
pub(crate) mod recall;

use std::rc::Rc;

use crate::intake::{AdapterFile, ConfigFile, SchemeFile, Sorted, folder, make_unique, sort_drop};
use crate::session::analyse::layers;
use crate::session::analyse::{Stopped, Work, bytes_of};
use crate::session::drop::outline::outline;
use crate::session::holdings::item::{Analysed, Given, Held, Revision, What};
use crate::session::{Emit, Session, warning};
use lorascope_format::adapter::{self, Adapter, scale};
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_kernels::Pulse;
use lorascope_protocol::report::FileReport;
use lorascope_protocol::{ItemId, Problem, ToPage};

/// An adapter whose header and configuration have been read, and the item that it will be.
type Read<S> = (ItemId, AdapterFile<Metered<S>>, Adapter);

/// What a drop came to.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Something of it could be analysed.
    pub good: bool,
    pub problems: Vec<Problem>,
}

impl Verdict {
    pub fn say(&mut self, text: String) {
        self.problems.push(warning(text));
    }
}

/// Where a file of the load under way came from.
pub(crate) struct Origin {
    pub address: String,
    /// The item that its outline was told of.
    pub item: Option<ItemId>,
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Takes one drop, to its end: `error` if and only if nothing of it could be analysed.
    pub async fn load(&mut self, files: Vec<S>) {
        let first = self.held.coming();
        self.load_beside(files, Verdict::default(), first).await;
    }

    /// Takes the files of one drop, of which `verdict` holds what is known already. Its items are from `first` on.
    pub(crate) async fn load_beside(&mut self, files: Vec<S>, mut verdict: Verdict, first: ItemId) {
        self.trash = None;
        self.chosen_series.forget_unless(|item| self.held.of(item).is_some());
        self.emit.emit(ToPage::Loading);
        let sizes: Vec<FileReport> =
            files.iter().map(|f| FileReport { name: f.path().to_owned(), bytes: f.len() }).collect();
        let metered = files.into_iter().map(|f| Metered::new(f, Rc::clone(&self.bytes_read))).collect();
        let sorted = sort_drop(metered).await;
        let taken = if self.chosen.is_cancelled().await {
            Err(Cancelled)
        } else {
            self.take(sorted, &sizes, &mut verdict).await
        };
        if taken.is_err() {
            return self.cancelled(first).await;
        }
        let Verdict { good, mut problems } = verdict;
        if good {
            // What was cancelled is not begun again for a drop that brings nothing.
            self.is_paused = false;
            self.complete_again();
        }
        problems.extend(self.settle().await);
        problems.extend(self.lone_checkpoint(first).filter(|_| good).map(warning));
        problems.iter_mut().for_each(|problem| problem.error = !good);
        self.finish(good, problems).await;
    }

    /// Ends a load that was cancelled: items from `first` on are of it. Adapters that were finished, and configurations
    /// that were given, stay.
    pub(crate) async fn cancelled(&mut self, first: ItemId) {
        let gone = self.held.take(|held| held.id >= first && !(held.is_told && held.report().is_some()));
        self.tell_gone(&gone);
        self.is_paused = true;
        let mut problems = self.settle().await;
        if !self.held.is_empty() {
            problems.insert(0, warning("Cancelled. What was finished before is kept.".to_owned()));
        }
        self.finish(true, problems).await;
    }

    async fn take(
        &mut self,
        sorted: Sorted<Metered<S>>,
        sizes: &[FileReport],
        verdict: &mut Verdict,
    ) -> Result<(), Cancelled> {
        let Sorted { adapters, checkpoints, indexes, configs, models, reports, schemes, companions, problems } = sorted;
        verdict.problems.extend(problems.into_iter().map(warning));
        let size = |path: &str| sizes.iter().find(|f| f.name == path).cloned();
        for config in configs {
            let file = size(&config.path);
            if self.give_config(&config, file.as_ref()).await? {
                verdict.good = true;
            } else {
                verdict.say(config.waiting());
                self.hold(config.path.clone(), file.into_iter().collect(), What::Config(Box::new(config)));
            }
        }
        self.take_reports(reports, sizes, verdict);
        let (adapters, mut work) = self.read_adapters(adapters, verdict);
        let mut of_base = Vec::new();
        for (id, file, mut adapter) in adapters {
            let found = match self.analyse(&file, &adapter, &mut work).await {
                Ok(found) => found,
                Err(Stopped::Cancelled) => return Err(Cancelled),
                Err(Stopped::Failed(text)) => {
                    verdict.say(text);
                    continue;
                }
            };
            let mut files: Vec<FileReport> = size(file.source.path()).into_iter().collect();
            files.extend(file.config.iter().flat_map(|config| size(&config.path)));
            found.tell(&mut adapter);
            let shown = self.held.iter().filter(|held| held.report().is_some());
            let labels = shown.map(|held| (held.label.clone(), held.path().to_owned()));
            let label = unique(labels, &file.label, file.source.path());
            let model = layers::said(&adapter);
            let report = crate::analysis::report(label.clone(), &adapter, &found.sigma(), model.as_ref());
            let is_empty = report.modules.is_empty();
            if is_empty && !adapter.modules.iter().any(|module| module.update.needs_base()) {
                let warnings = report.warnings.join(" ");
                verdict.say(format!("{}: nothing in this adapter can be analysed: {warnings}", file.source.path()));
                continue;
            }
            files.extend(file.config.iter().flat_map(|config| self.release_config(&config.path)));
            let analysed = What::Adapter(Box::new(Analysed { file, adapter, found, model, report }));
            self.hold_as(id, label, files, analysed);
            if is_empty {
                // Whether it can be shown depends on the checkpoints that come with it.
                of_base.push(id);
            } else {
                verdict.good = true;
                self.tell_items();
            }
        }
        // With an adapter, both are targets to project it to.
        let has_adapter = self.held.has_adapter();
        verdict.good |= has_adapter && !(checkpoints.is_empty() && models.is_empty());
        self.take_checkpoints(checkpoints, indexes, sizes, verdict).await;
        self.complete_held(of_base, verdict).await?;
        for model in models {
            if !has_adapter {
                verdict.say(model.waiting());
            }
            let files = size(&model.path).into_iter().collect();
            self.hold(model.path.clone(), files, What::Model(Box::new(model)));
        }
        for SchemeFile { path, scheme } in schemes {
            verdict.good = true;
            let files = size(&path).into_iter().collect();
            self.hold(path, files, What::Scheme(Box::new(scheme)));
        }
        if !verdict.good && verdict.problems.is_empty() {
            verdict.say(nothing(&companions));
        }
        if !self.held.is_empty() {
            for path in companions {
                let files = size(&path).into_iter().collect();
                self.hold(path, files, What::Companion);
            }
        }
        Ok(())
    }

    /// Computes what needs a base's weights, now that all of the drop is held. Of the adapters `of_base` nothing could
    /// be shown before, and the page does not know of them.
    async fn complete_held(&mut self, of_base: Vec<ItemId>, verdict: &mut Verdict) -> Result<(), Cancelled> {
        let outcome = self.complete_all().await;
        self.let_go_of_the_empty().into_iter().for_each(|text| verdict.say(text));
        verdict.good |= of_base.into_iter().any(|item| self.held.of(item).is_some());
        self.tell_items();
        match outcome {
            Ok(sentences) => sentences.into_iter().for_each(|text| verdict.say(text)),
            Err(Stopped::Cancelled) => return Err(Cancelled),
            Err(Stopped::Failed(text)) => verdict.say(text),
        }
        Ok(())
    }

    /// What the headers and configurations say, before any tensor is read.
    fn read_adapters(&mut self, files: Vec<AdapterFile<Metered<S>>>, verdict: &mut Verdict) -> (Vec<Read<S>>, Work) {
        let mut work = Work::default();
        let mut adapters: Vec<Read<S>> = Vec::new();
        for mut file in files {
            if file.config.is_none() {
                file.config = self.waiting_config(file.source.path());
            }
            match adapter::read(&file.header, file.config.as_ref().map(|c| &c.config)) {
                Ok(adapter) => {
                    work.total += bytes_of(&adapter);
                    let known = self.origins.get(file.source.path()).and_then(|origin| origin.item);
                    let known = known.filter(|item| !adapters.iter().any(|(taken, ..)| taken == item));
                    let item = known.unwrap_or_else(|| self.held.next_id());
                    let outline = Box::new(outline(&file.label, file.source.len(), &adapter));
                    self.emit.emit(ToPage::Outline { item, outline });
                    adapters.push((item, file, adapter));
                }
                Err(error) => verdict.say(format!("{}: {error}", file.source.path())),
            }
        }
        (adapters, work)
    }

    /// A configuration of an earlier drop that still waits for weights in this folder.
    fn waiting_config(&self, path: &str) -> Option<ConfigFile> {
        let waiting = self.held.iter().filter_map(|held| match &held.what {
            What::Config(config) => Some(config.as_ref()),
            _ => None,
        });
        waiting.rev().find(|config| folder(&config.path) == folder(path)).cloned()
    }

    /// Once an adapter has a configuration that waited, it waits no more; its file is now the adapter's.
    fn release_config(&mut self, path: &str) -> Vec<FileReport> {
        let waits = |held: &Held<S>| matches!(&held.what, What::Config(config) if config.path == path);
        let last = self.held.iter().rfind(|held| waits(held)).map(|held| held.id);
        let gone = self.held.take(|held| Some(held.id) == last);
        self.tell_gone(&gone);
        gone.into_iter().flat_map(|held| held.files).collect()
    }

    /// Gives a configuration that came later to the adapters of its folder that have none; if all have one, it
    /// replaces that of the latest. Their spectra stay.
    async fn give_config(&mut self, config: &ConfigFile, file: Option<&FileReport>) -> Result<bool, Cancelled> {
        let of_folder =
            |held: &&Held<S>| held.analysed().is_some_and(|a| folder(a.file.source.path()) == folder(&config.path));
        let has_none = |held: &&Held<S>| held.analysed().is_some_and(|a| a.file.config.is_none());
        let mut chosen: Vec<ItemId> = self.held.iter().filter(of_folder).filter(has_none).map(|held| held.id).collect();
        if chosen.is_empty() {
            chosen.extend(self.held.iter().filter(of_folder).map(|held| held.id).next_back());
        }
        let mut given = false;
        for n in 0..self.held.len() {
            if !chosen.contains(&self.held[n].id) {
                continue;
            }
            let held = &mut self.held[n];
            let What::Adapter(analysed) = &mut held.what else { continue };
            match analysed.give_config(config, &held.label) {
                Given::Yes => {}
                Given::No => continue,
                Given::AnalyseAgain(adapter) => {
                    if !self.analyse_again(n, *adapter, config).await? {
                        continue;
                    }
                }
            }
            let held = &mut self.held[n];
            held.files.retain(|known| known.name != config.path);
            held.change(file.cloned());
            given = true;
        }
        Ok(given)
    }

    /// Computes an adapter once more, as a configuration reads it. False where nothing comes of it.
    async fn analyse_again(&mut self, n: usize, mut adapter: Adapter, config: &ConfigFile) -> Result<bool, Cancelled> {
        let Some(analysed) = self.held[n].analysed() else { return Ok(false) };
        let file = AdapterFile { config: Some(config.clone()), ..analysed.file.clone() };
        let mut work = Work { done: 0, total: bytes_of(&adapter) };
        let found = match self.analyse(&file, &adapter, &mut work).await {
            Ok(found) => found,
            Err(Stopped::Cancelled) => return Err(Cancelled),
            Err(Stopped::Failed(_)) => return Ok(false),
        };
        found.tell(&mut adapter);
        if let Some(former) = self.held[n].analysed() {
            for new in &mut adapter.modules {
                let old = former.adapter.modules.iter().find(|old| old.name == new.name);
                old.into_iter().for_each(|old| scale::keep_by_hand(new, old));
            }
        }
        let label = self.held[n].label.clone();
        let model = layers::said(&adapter);
        let report = crate::analysis::report(label, &adapter, &found.sigma(), model.as_ref());
        if report.modules.is_empty() {
            return Ok(false);
        }
        self.held[n].what = What::Adapter(Box::new(Analysed { file, adapter, found, model, report }));
        Ok(true)
    }

    pub(crate) fn hold(&mut self, label: String, files: Vec<FileReport>, what: What<S>) -> ItemId {
        let id = self.held.next_id();
        self.hold_as(id, label, files, what);
        id
    }

    /// Holds an item that the page is not yet told of.
    fn hold_as(&mut self, id: ItemId, label: String, files: Vec<FileReport>, what: What<S>) {
        let address = files.iter().find_map(|file| self.origins.get(&file.name)).map(|origin| origin.address.clone());
        self.held.insert(Held { id, label, files, address, what, revision: Revision::default(), is_told: false });
    }
}

/// A label that none of `held`, of labels and paths, has.
pub(crate) fn unique(held: impl Iterator<Item = (String, String)>, label: &str, path: &str) -> String {
    let (mut labels, mut paths): (Vec<String>, Vec<String>) = held.unzip();
    if !labels.iter().any(|l| l == label) {
        return label.to_owned();
    }
    let taken = labels.clone();
    labels.push(label.to_owned());
    paths.push(path.to_owned());
    make_unique(labels.iter_mut(), &paths);
    // Those that are held keep their labels, whatever would tell them apart.
    numbered(&taken, &labels.pop().unwrap_or_default())
}

/// The label, with a number behind it where it is taken.
pub(crate) fn numbered(taken: &[String], label: &str) -> String {
    let with = |number: usize| if number == 1 { label.to_owned() } else { format!("{label} ({number})") };
    // Of one more than are taken, one is free.
    (1..=taken.len() + 1).map(with).find(|label| !taken.contains(label)).unwrap_or_default()
}

struct Cancelled;

fn nothing(companions: &[String]) -> String {
    match companions {
        [] => "There was no file in what was dropped. Drop an adapter's `adapter_model.safetensors`.".to_owned(),
        [first, ..] => format!(
            "{first}: only files that belong to a training folder, and none that holds an adapter. Drop its \
             `adapter_model.safetensors` and `adapter_config.json`."
        ),
    }
}
