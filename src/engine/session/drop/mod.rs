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
use crate::session::holdings::item::{Analysed, Given, Held, What};
use crate::session::{Emit, Session};
use lorascope_format::adapter::{self, Adapter};
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_kernels::Pulse;
use lorascope_protocol::report::FileReport;
use lorascope_protocol::{ItemId, Outcome, Problem, ToPage};

/// An adapter whose header and configuration have been read.
type Read<S> = (AdapterFile<Metered<S>>, Adapter);

/// What a drop came to.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Something of it could be analysed.
    pub good: bool,
    pub problems: Vec<String>,
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Takes one drop, to its end: `error` if and only if nothing of it could be analysed.
    pub async fn load(&mut self, files: Vec<S>) {
        self.load_beside(files, Verdict::default()).await;
    }

    /// Takes the files of one drop, of which `verdict` holds what is known already.
    pub(crate) async fn load_beside(&mut self, files: Vec<S>, mut verdict: Verdict) {
        self.emit.emit(ToPage::Loading);
        let sizes: Vec<FileReport> =
            files.iter().map(|f| FileReport { name: f.path().to_owned(), bytes: f.len() }).collect();
        let metered = files.into_iter().map(|f| Metered::new(f, Rc::clone(&self.bytes_read))).collect();
        let before = self.next;
        let sorted = sort_drop(metered).await;
        let taken = if self.chosen.is_cancelled().await {
            Err(Cancelled)
        } else {
            self.take(sorted, &sizes, &mut verdict).await
        };
        match taken {
            Ok(()) => {
                let Verdict { good, mut problems } = verdict;
                self.count_layers();
                if good {
                    problems.extend(self.align_all(before).await);
                } else {
                    // There is nothing new to align; what was cancelled is not begun again for that.
                    self.tell_alignments();
                }
                let mut problems: Vec<_> = problems.into_iter().map(|text| Problem { error: !good, text }).collect();
                problems.extend(self.redo().await);
                self.finished(if good { Outcome::Done } else { Outcome::Error }, problems);
            }
            Err(Cancelled) => self.cancelled(before).await,
        }
    }

    /// Ends a load that was cancelled: items from `first` on are of it.
    pub(crate) async fn cancelled(&mut self, first: ItemId) {
        self.forget_unfinished(first);
        // Adapters that were finished, and configurations that were given, stay.
        self.count_layers();
        self.tell_alignments();
        let text = "Cancelled. What was finished before is kept.".to_owned();
        let mut problems = if self.held.is_empty() { vec![] } else { vec![Problem { error: false, text }] };
        problems.extend(self.redo().await);
        self.finished(self.outcome(), problems);
    }

    async fn take(
        &mut self,
        sorted: Sorted<Metered<S>>,
        sizes: &[FileReport],
        verdict: &mut Verdict,
    ) -> Result<(), Cancelled> {
        let Sorted { adapters, checkpoints, indexes, configs, models, reports, schemes, companions, problems } = sorted;
        verdict.problems.extend(problems);
        let size = |path: &str| sizes.iter().find(|f| f.name == path).cloned();
        for config in configs {
            let file = size(&config.path);
            if self.give_config(&config, file.as_ref()).await? {
                verdict.good = true;
            } else {
                verdict.problems.push(config.waiting());
                self.hold(config.path.clone(), file.into_iter().collect(), What::Config(Box::new(config)));
            }
        }
        self.take_reports(reports, sizes, verdict);
        let (adapters, mut work) = self.read_adapters(adapters, verdict);
        let mut of_base = Vec::new();
        for (file, mut adapter) in adapters {
            let found = match self.analyse(&file, &adapter, &mut work).await {
                Ok(found) => found,
                Err(Stopped::Cancelled) => return Err(Cancelled),
                Err(Stopped::Failed(text)) => {
                    verdict.problems.push(text);
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
                verdict.problems.push(nothing_in(file.source.path(), &report.warnings));
                continue;
            }
            files.extend(file.config.iter().flat_map(|config| self.release_config(&config.path)));
            let analysed = What::Adapter(Box::new(Analysed { file, adapter, found, model, report }));
            if is_empty {
                // Whether it can be shown depends on the checkpoints that come with it.
                of_base.push(self.hold_quietly(label, files, analysed));
                continue;
            }
            verdict.good = true;
            let id = self.hold(label, files, analysed);
            self.send_item(id);
        }
        // With an adapter, both are targets to project it to.
        let has_adapter = self.held.iter().any(|held| held.analysed().is_some());
        verdict.good |= has_adapter && !(checkpoints.is_empty() && models.is_empty());
        self.take_checkpoints(checkpoints, indexes, sizes, verdict).await;
        self.complete_held(of_base, verdict).await?;
        for model in models {
            if !has_adapter {
                verdict.problems.push(model.waiting());
            }
            let files = size(&model.path).into_iter().collect();
            self.hold(model.path.clone(), files, What::Model(Box::new(model)));
        }
        for SchemeFile { path, scheme } in schemes {
            verdict.good = true;
            let item =
                self.hold(path.clone(), size(&path).into_iter().collect(), What::Scheme(Box::new(scheme.clone())));
            self.emit.emit(ToPage::Scheme { item, scheme: Box::new(scheme) });
        }
        if !verdict.good && verdict.problems.is_empty() {
            verdict.problems.push(nothing(&companions));
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
        let reports = |session: &Self| -> Vec<(ItemId, usize)> {
            let exact = |a: &Analysed<S>| a.found.exact.iter().flatten().count();
            session.held.iter().filter_map(|held| Some((held.id, exact(held.analysed()?)))).collect()
        };
        let before = reports(self);
        let outcome = self.complete_all().await;
        let changed: Vec<ItemId> =
            reports(self).into_iter().filter(|now| !before.contains(now)).map(|(id, _)| id).collect();
        for id in of_base {
            let is_empty = |held: &Held<S>| held.analysed().is_some_and(|a| a.report.modules.is_empty());
            let Some(at) = self.held.iter().position(|held| held.id == id) else { continue };
            if is_empty(&self.held[at]) {
                let held = self.held.remove(at);
                if let Some(analysed) = held.analysed() {
                    verdict.problems.push(nothing_in(analysed.file.source.path(), &analysed.report.warnings));
                }
            } else {
                verdict.good = true;
                self.forget_comparison();
                self.emit.emit(ToPage::Item(self.held[at].item()));
            }
        }
        for id in changed {
            self.send_item(id);
        }
        match outcome {
            Ok(sentences) => verdict.problems.extend(sentences),
            Err(Stopped::Cancelled) => return Err(Cancelled),
            Err(Stopped::Failed(text)) => verdict.problems.push(text),
        }
        Ok(())
    }

    /// Sends an item's report, if it is an adapter.
    pub(crate) fn send_item(&self, item: ItemId) {
        if let Some(held) = self.held.iter().find(|held| held.id == item) {
            self.send(held);
        }
    }

    /// What the headers and configurations say, before any tensor is read.
    fn read_adapters(&mut self, files: Vec<AdapterFile<Metered<S>>>, verdict: &mut Verdict) -> (Vec<Read<S>>, Work) {
        let mut work = Work::default();
        let mut adapters = Vec::new();
        for mut file in files {
            if file.config.is_none() {
                file.config = self.waiting_config(file.source.path());
            }
            match adapter::read(&file.header, file.config.as_ref().map(|c| &c.config)) {
                Ok(adapter) => {
                    work.total += bytes_of(&adapter);
                    let outline = outline(&file.label, file.source.len(), &adapter);
                    self.emit.emit(ToPage::Outline(Box::new(outline)));
                    adapters.push((file, adapter));
                }
                Err(error) => verdict.problems.push(format!("{}: {error}", file.source.path())),
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
        let Some(n) = self.held.iter().rposition(waits) else { return Vec::new() };
        let held = self.held.remove(n);
        self.emit.emit(ToPage::Removed { item: held.id });
        held.files
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
            held.files.extend(file.cloned());
            self.emit.emit(ToPage::Item(self.held[n].item()));
            self.send(&self.held[n]);
            self.forget_projection(self.held[n].id);
            self.forget_comparison_with(self.held[n].id);
            self.aligned.forget(self.held[n].id);
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
        if matches!(what, What::Adapter(_)) {
            self.forget_comparison();
        }
        let id = self.hold_quietly(label, files, what);
        self.emit.emit(ToPage::Item(self.held[self.held.len() - 1].item()));
        id
    }

    /// Holds what is not yet as it will be: the page is not told.
    pub(crate) fn hold_quietly(&mut self, label: String, files: Vec<FileReport>, what: What<S>) -> ItemId {
        let id = self.next;
        self.next += 1;
        let address = files.iter().find_map(|file| self.origins.get(&file.name)).cloned();
        self.held.push(Held { id, label, files, address, what });
        id
    }

    /// After a cancel: what the drop brought beside finished adapters goes.
    fn forget_unfinished(&mut self, first: ItemId) {
        let (kept, gone) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|held: &Held<S>| held.id < first || held.report().is_some());
        self.held = kept;
        for held in gone {
            self.emit.emit(ToPage::Removed { item: held.id });
        }
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

fn nothing_in(path: &str, warnings: &[String]) -> String {
    format!("{path}: nothing in this adapter can be analysed: {}", warnings.join(" "))
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
