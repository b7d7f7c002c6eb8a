//! Sorting one drop: what each file is, told from its content, and which belong together.

use std::collections::HashSet;

mod companions;
mod gguf;
mod labels;
mod sets;

use serde_json::Value;

use lorascope_format::adapter::{Content, PeftConfig, recognise};
use lorascope_format::bytes::ByteSource;
use lorascope_format::checkpoint::{Checkpoint, CheckpointFile, Index, Schemes};
use lorascope_format::container::{ContainerError, Header, read_header};
use lorascope_format::natural::natural;
use lorascope_protocol::projection::models::ModelShape;
use lorascope_protocol::report::{Report, saved};
use lorascope_protocol::scheme::{self, Scheme};

pub use labels::{folder, make_unique};

/// The longest JSON file that is read.
const MAX_JSON: u64 = 4 << 20;
/// The longest index of a sharded model that is read: those of large models are long.
const MAX_INDEX: u64 = 32 << 20;
/// The longest report that is read: of 20,000 modules with their spectra it has about 25 MB.
const MAX_REPORT: u64 = 128 << 20;
/// Where in a long file the name of a report's version is looked for.
const REPORT_HEAD: u64 = 64;

/// A drop, sorted.
#[derive(Debug)]
pub struct Sorted<S> {
    pub adapters: Vec<AdapterFile<S>>,
    /// Labels are unique in the drop.
    pub checkpoints: Vec<Checkpoint<S>>,
    /// Indexes of sharded models, without a file of theirs in this drop.
    pub indexes: Vec<Index>,
    /// Adapter configurations that no weights of this drop use.
    pub configs: Vec<ConfigFile>,
    /// The `config.json` of models: sizes to project to.
    pub models: Vec<ModelFile>,
    /// Reports that Lorascope saved.
    pub reports: Vec<ReportFile>,
    pub schemes: Vec<SchemeFile>,
    /// Paths of files that belong to a training folder, not to the analysis.
    pub companions: Vec<String>,
    /// Sentences that name the file: what could not be used, and what to do.
    pub problems: Vec<String>,
}

/// The weights of one adapter, and the configuration in the same folder.
#[derive(Clone, Debug)]
pub struct AdapterFile<S> {
    /// Unique in the drop.
    pub label: String,
    pub source: S,
    pub header: Header,
    pub config: Option<ConfigFile>,
}

#[derive(Clone, Debug)]
pub struct ConfigFile {
    pub path: String,
    pub config: PeftConfig,
}

/// A report that Lorascope saved.
#[derive(Clone, Debug)]
pub struct ReportFile {
    pub path: String,
    pub report: Report,
}

/// A scheme for domain profiles.
#[derive(Clone, Debug)]
pub struct SchemeFile {
    pub path: String,
    pub scheme: Scheme,
}

/// A model's `config.json`.
#[derive(Clone, Debug)]
pub struct ModelFile {
    pub path: String,
    pub shape: ModelShape,
}

impl ModelFile {
    /// What to say of it while there is no adapter.
    pub fn waiting(&self) -> String {
        format!(
            "{}: this is a model's configuration, not an adapter. It is kept as a target for projection: drop an \
             adapter to use it.",
            self.path
        )
    }
}

impl ConfigFile {
    /// What to say of it while its weights are missing.
    pub fn waiting(&self) -> String {
        format!(
            "{}: the adapter's weights are missing. Drop its `adapter_model.safetensors` together with it.",
            self.path
        )
    }
}

/// What one file turned out to be.
enum Kind {
    Weights(Header, Content),
    Config(Box<PeftConfig>),
    Model(Box<ModelShape>),
    Report(Box<Report>),
    Scheme(Box<Scheme>),
    Index(Index),
    /// An index that cannot be read: nothing to speak of where there is no model for it.
    BrokenIndex(String),
    Companion,
    Problem(String),
    /// Weights that cannot be used; their configuration then goes without a word.
    Refused(String),
}

/// Sorts the files of one drop, in the natural order of their paths: browsers give a folder's in any order.
pub async fn sort_drop<S: ByteSource>(mut files: Vec<S>) -> Sorted<S> {
    files.sort_by(|a, b| natural(a.path(), b.path()));
    let mut sorted = Sorted {
        adapters: vec![],
        checkpoints: vec![],
        indexes: vec![],
        configs: vec![],
        models: vec![],
        reports: vec![],
        schemes: vec![],
        companions: vec![],
        problems: vec![],
    };
    // Folders that hold weights of any sort, usable or not.
    let mut weighty = HashSet::new();
    let (mut files_of_models, mut indexes, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    for source in files {
        let path = source.path().to_owned();
        let kind = kind_of(&source).await;
        if matches!(kind, Kind::Weights(..) | Kind::Refused(_)) {
            weighty.insert(folder(&path).to_owned());
        }
        match kind {
            Kind::Weights(header, Content::Checkpoint) => {
                files_of_models.push(CheckpointFile { source, header });
            }
            Kind::Weights(header, _) => {
                sorted.adapters.push(AdapterFile { label: labels::label(&path), source, header, config: None });
            }
            Kind::Config(config) => sorted.configs.push(ConfigFile { path, config: *config }),
            Kind::Model(shape) => sorted.models.push(ModelFile { path, shape: *shape }),
            Kind::Report(report) => sorted.reports.push(ReportFile { path, report: *report }),
            Kind::Scheme(scheme) => sorted.schemes.push(SchemeFile { path, scheme: *scheme }),
            Kind::Index(index) => indexes.push(index),
            Kind::BrokenIndex(sentence) => broken.push((path, sentence)),
            Kind::Companion => sorted.companions.push(path),
            Kind::Problem(sentence) | Kind::Refused(sentence) => sorted.problems.push(sentence),
        }
    }
    sorted.pair_configs(&weighty);
    for (path, sentence) in broken {
        let needed = files_of_models.iter().any(|file| folder(file.source.path()) == folder(&path));
        if needed { sorted.problems.push(sentence) } else { sorted.companions.push(path) }
    }
    sorted.put_together(files_of_models, indexes);
    sorted.settle_models();
    let paths: Vec<String> = sorted.adapters.iter().map(|a| a.source.path().to_owned()).collect();
    make_unique(sorted.adapters.iter_mut().map(|a| &mut a.label), &paths);
    let paths: Vec<String> = sorted.checkpoints.iter().map(|c| c.path().to_owned()).collect();
    make_unique(sorted.checkpoints.iter_mut().map(|c| &mut c.label), &paths);
    sorted
}

impl<S: ByteSource> Sorted<S> {
    /// The configuration beside a checkpoint is a companion where the weights tell every size themselves: all of them
    /// are here, and none is packed.
    fn settle_models(&mut self) {
        let tells = |checkpoint: &Checkpoint<S>| {
            let schemes = Schemes::new(checkpoint.tensors().map(|(_, tensor)| tensor));
            checkpoint.missing().is_empty() && !schemes.modules().any(|(_, scheme)| scheme.packed)
        };
        let told: HashSet<String> =
            self.checkpoints.iter().filter(|c| !c.folder.is_empty() && tells(c)).map(|c| c.folder.clone()).collect();
        for model in std::mem::take(&mut self.models) {
            if told.contains(folder(&model.path)) {
                self.companions.push(model.path);
            } else {
                self.models.push(model);
            }
        }
    }

    /// Gives each adapter the configuration of its folder. One beside weights that cannot be used is a companion.
    fn pair_configs(&mut self, weighty: &HashSet<String>) {
        // Where a folder holds several (a browser's "adapter_config (1).json"), the plain name comes first.
        self.configs.sort_by_key(|config| labels::file_name(&config.path) != "adapter_config.json");
        let mut used = HashSet::new();
        for adapter in &mut self.adapters {
            let home = folder(adapter.source.path());
            let found = self.configs.iter().find(|config| folder(&config.path) == home);
            used.extend(found.map(|config| config.path.clone()));
            adapter.config = found.cloned();
        }
        for config in std::mem::take(&mut self.configs) {
            if weighty.contains(folder(&config.path)) {
                if !used.contains(&config.path) {
                    self.companions.push(config.path);
                }
            } else {
                self.configs.push(config);
            }
        }
    }
}

async fn kind_of<S: ByteSource>(source: &S) -> Kind {
    let path = source.path();
    if companions::is_hidden(path) {
        return Kind::Companion;
    }
    if labels::extension(path) == "json" {
        return json_kind(source).await;
    }
    if companions::is_known(path) {
        return Kind::Companion;
    }
    match read_header(source).await {
        Ok(header) => match gguf::refusal(path, &header) {
            Some(sentence) => Kind::Refused(sentence),
            None => weights_kind(path, header),
        },
        Err(error) if is_unknown(path, &error) => Kind::Problem(format!(
            "{path}: not a file that Lorascope knows. Drop an adapter's `adapter_model.safetensors` and \
             `adapter_config.json`."
        )),
        Err(error) => Kind::Refused(error.to_string()),
    }
}

fn weights_kind(path: &str, header: Header) -> Kind {
    match recognise(&header) {
        content @ (Content::Adapter | Content::Checkpoint) => Kind::Weights(header, content),
        // The one place that turns a header without an adapter into words.
        Content::Other(_) | Content::Empty => match lorascope_format::adapter::read(&header, None) {
            Ok(_) => Kind::Weights(header, Content::Adapter),
            Err(error) => Kind::Refused(format!("{path}: {error}")),
        },
    }
}

/// Neither the name nor the content says that the file holds weights.
fn is_unknown(path: &str, error: &ContainerError) -> bool {
    const WEIGHTS: &[&str] = &["safetensors", "bin", "pt", "pth", "ckpt", "pkl", "gguf"];
    use ContainerError::{Foreign, Gguf, Source};
    let about_content = matches!(error, Foreign { .. } | Gguf { .. } | Source(_));
    !about_content && !WEIGHTS.contains(&labels::extension(path).as_str())
}

async fn json_kind<S: ByteSource>(source: &S) -> Kind {
    let path = source.path();
    let known = companions::is_known(path);
    let longest = if companions::is_index(path) { MAX_INDEX } else { MAX_JSON };
    let is_report = source.len() > longest && is_long_report(source).await;
    if source.len() > longest && !is_report {
        if companions::is_index(path) {
            return Kind::BrokenIndex(format!(
                "{path}: this index of a sharded model is longer than 32 MB, so it is not read. The model's files are put \
                 together by the numbers in their names."
            ));
        }
        return if known { Kind::Companion } else { unknown_json(path) };
    }
    let bytes = match source.read(0..source.len()).await {
        Ok(bytes) => bytes,
        Err(error) => return Kind::Problem(error.to_string()),
    };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}');
    if companions::is_index(path) {
        return index_kind(path, text);
    }
    if is_report {
        return report_kind(path, text);
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) if object.contains_key("lorascope") => report_kind(path, text),
        Ok(Value::Object(object)) if scheme::file::is_one(&object) => match scheme::file::read(object) {
            Ok(scheme) => Kind::Scheme(Box::new(scheme)),
            Err(sentence) => Kind::Problem(format!("{path}: {sentence}")),
        },
        Ok(Value::Object(object)) if PeftConfig::is_one(&object) => Kind::Config(Box::new(PeftConfig::read(&object))),
        Ok(Value::Object(object)) if ModelShape::is_one(&object) => Kind::Model(Box::new(ModelShape::read(&object))),
        Ok(Value::Object(object)) if object.contains_key("weight_map") => index_kind(path, text),
        Ok(_) if known => Kind::Companion,
        Ok(_) if is_config_name(path) => Kind::Problem(format!(
            "{path}: this is not an adapter_config.json of PEFT or MLX (it has no `peft_type` and no `lora_parameters`), so the scale is not known from it. \
             Drop the file that was saved with the weights."
        )),
        Ok(_) => unknown_json(path),
        Err(_) if known => Kind::Companion,
        Err(_) if is_report_head(bytes.get(..REPORT_HEAD as usize).unwrap_or(&bytes)) => report_kind(path, text),
        Err(error) => Kind::Problem(format!("{path}: not valid JSON ({error}). Download or save it again.")),
    }
}

fn report_kind(path: &str, text: &str) -> Kind {
    match saved::read(text) {
        Ok(report) => Kind::Report(Box::new(report)),
        Err(sentence) => Kind::Problem(format!("{path}: {sentence}")),
    }
}

/// A report begins with its version; a long file is looked at no further than there.
async fn is_long_report<S: ByteSource>(source: &S) -> bool {
    let head = source.len() <= MAX_REPORT;
    let head = if head { source.read(0..REPORT_HEAD.min(source.len())).await.ok() } else { None };
    head.is_some_and(|head| is_report_head(&head))
}

fn is_report_head(head: &[u8]) -> bool {
    String::from_utf8_lossy(head).contains("\"lorascope\"")
}

fn index_kind(path: &str, text: &str) -> Kind {
    match Index::read(path, text) {
        // It names nothing, or files that are refused by themselves.
        Ok(index) if index.is_of_pickles() => Kind::Companion,
        Ok(index) => Kind::Index(index),
        Err(sentence) => Kind::BrokenIndex(sentence),
    }
}

fn is_config_name(path: &str) -> bool {
    labels::file_name(path) == "adapter_config.json"
}

fn unknown_json(path: &str) -> Kind {
    Kind::Problem(format!(
        "{path}: not a JSON file that Lorascope knows. Of JSON files it reads `adapter_config.json`, a \
         model's `config.json`, and its own saved reports and schemes."
    ))
}
