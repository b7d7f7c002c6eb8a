//! A drop's report beside dense updates in f64.

#![allow(dead_code, reason = "each test program uses its own part")]

use lorascope_format::bytes::MemorySource;
use lorascope_kernels::Steady;
use lorascope_protocol::report::{AdapterReport, ModuleReport, Report};
use lorascope_protocol::{BackendChoice, Outcome, Problem};
use nalgebra::DMatrix;
use pollster::block_on;

use crate::dialect::File;
use crate::started::{start, verdict};

/// What one module should show.
pub struct Update {
    /// The module's name, or its end after a dot; `*` stands for anything.
    pub name: String,
    /// With the scale.
    pub delta: DMatrix<f64>,
    pub scale: f64,
    /// How `scale_source` may begin: words between bars.
    pub source: &'static str,
}

impl Update {
    /// ΔW = scale·product.
    pub fn new(name: &str, scale: f64, source: &'static str, product: DMatrix<f64>) -> Self {
        Self { name: name.to_owned(), delta: product * scale, scale, source }
    }
}

/// What drops came to.
pub struct Dropped {
    pub report: Report,
    pub outcome: Outcome,
    pub problems: Vec<Problem>,
}

/// Drops these files one after the other, each list in one drop, on the CPU.
pub fn drops(drops: Vec<Vec<MemorySource>>) -> Dropped {
    drops_on(BackendChoice::Cpu, drops)
}

/// The same on a backend of one's choice.
pub fn drops_on(choice: BackendChoice, drops: Vec<Vec<MemorySource>>) -> Dropped {
    let (mut session, messages) = start(choice, Steady);
    for files in drops {
        block_on(session.load(files));
    }
    let report = session.report();
    let (outcome, problems) = verdict(&messages);
    Dropped { report, outcome, problems }
}

/// Drops one file under a name that says nothing.
pub fn drop_file(file: &File) -> Dropped {
    drops(vec![vec![file.at("some.safetensors")]])
}

/// Drops a file with a configuration beside it.
pub fn drop_with(file: &File, config: MemorySource) -> Dropped {
    drops(vec![vec![file.at("adapter_model.safetensors"), config]])
}

impl Dropped {
    /// The one adapter of the drop.
    pub fn adapter(&self) -> &AdapterReport {
        assert_eq!(self.outcome, Outcome::Done, "{:?}", self.problems);
        match self.report.adapters.as_slice() {
            [adapter] => adapter,
            others => panic!("{} adapters: {:?}", others.len(), self.problems),
        }
    }

    /// The adapter has exactly these modules, each with this update.
    pub fn shows(&self, updates: &[Update]) {
        let adapter = self.adapter();
        let names: Vec<&str> = adapter.modules.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names.len(), updates.len(), "{names:?}, not listed: {:?}", adapter.not_analyzed);
        for update in updates {
            self.has(update);
        }
    }

    /// The adapter has this module among others.
    pub fn has(&self, update: &Update) {
        let module = self.module(&update.name);
        agrees(module, update);
    }

    /// The one module of this name.
    pub fn module(&self, name: &str) -> &ModuleReport {
        let adapter = self.adapter();
        let found: Vec<_> = adapter.modules.iter().filter(|m| is_called(&m.name, name)).collect();
        match found.as_slice() {
            [module] => module,
            others => {
                let all: Vec<&str> = adapter.modules.iter().map(|m| m.name.as_str()).collect();
                panic!("{} modules are called {name}: {all:?}, listed: {:?}", others.len(), adapter.not_analyzed)
            }
        }
    }

    /// The reason for which a tensor, or the module that it belongs to, is listed; `None` where it is not.
    pub fn reason(&self, key: &str) -> Option<&str> {
        let bare = key.strip_prefix("base_model.model.").unwrap_or(key);
        let listed = self.adapter().not_analyzed.iter().find(|listed| {
            let name = listed.name.strip_prefix("base_model.model.").unwrap_or(&listed.name);
            bare == name || bare.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ':']))
        });
        listed.map(|listed| listed.reason.as_str())
    }

    /// The tensor is listed for a reason that has one of these words (between bars; case and hyphens do not count).
    pub fn lists(&self, key: &str, words: &str) {
        let Some(reason) = self.reason(key) else {
            panic!("{key} is not listed: {:?}", self.adapter().not_analyzed);
        };
        assert!(has_word(reason, words), "{key} is listed without {words:?}: {reason}");
    }

    /// The module shows this update, or is not analysed and listed for a reason with one of these words.
    pub fn shows_or_lists(&self, update: &Update, key: &str, words: &str) {
        if self.adapter().modules.iter().any(|m| is_called(&m.name, &update.name)) {
            self.has(update);
        } else {
            self.lists(key, words);
        }
    }

    /// A warning of the adapter or a problem of the drop has one of these words.
    pub fn warns(&self, words: &str) {
        let said = self.said();
        assert!(said.iter().any(|text| has_word(text, words)), "no warning of {words:?}: {said:?}");
    }

    /// Nothing is warned of.
    pub fn is_quiet(&self) {
        assert_eq!(self.said(), Vec::<String>::new());
    }

    fn said(&self) -> Vec<String> {
        let warnings = self.report.adapters.iter().flat_map(|a| a.warnings.iter().cloned());
        warnings.chain(self.problems.iter().map(|p| p.text.clone())).collect()
    }

    /// Nothing of the drop could be analysed, and the one problem has one of these words.
    pub fn is_refused(&self, words: &str) {
        assert_eq!(self.outcome, Outcome::Error, "{:?}", self.report.adapters);
        assert_eq!(self.problems.len(), 1, "{:?}", self.problems);
        assert!(has_word(&self.problems[0].text, words), "{words:?}: {}", self.problems[0].text);
    }
}

/// Whether a text has one of the words between bars; case, hyphens and superscripts do not count.
pub fn has_word(text: &str, words: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace('-', "").replace('³', "3");
    words.split('|').any(|word| plain(text).contains(&plain(word)))
}

/// Whether a name, or its end after a dot, fits a pattern with `*`.
fn is_called(name: &str, pattern: &str) -> bool {
    let fits = |text: &str| fits(text.as_bytes(), pattern.as_bytes());
    fits(name) || name.match_indices('.').any(|(at, _)| fits(&name[at + 1..]))
}

fn fits(text: &[u8], pattern: &[u8]) -> bool {
    match (text, pattern) {
        (_, [b'*', rest @ ..]) => (0..=text.len()).any(|skipped| fits(&text[skipped..], rest)),
        ([t, text @ ..], [p, pattern @ ..]) => t == p && fits(text, pattern),
        (text, pattern) => text.is_empty() && pattern.is_empty(),
    }
}

/// A module's shape, scale, singular values and norm are those of the dense update.
pub fn agrees(module: &ModuleReport, update: &Update) {
    let name = &module.name;
    let (rows, cols) = update.delta.shape();
    assert_eq!(module.shape, [rows as u64, cols as u64], "{name}");
    let (scale, source) = (module.scale, module.scale_source.as_str());
    assert!((scale - update.scale).abs() <= 1e-9 * update.scale.abs(), "{name}: scale {scale}, not {}", update.scale);
    let begins = update.source.split('|').any(|begin| source.starts_with(begin));
    assert!(begins, "{name}: the scale source {source:?} does not begin with {:?}", update.source);
    let sigma = singular_values(&update.delta);
    let bound = 1e-5 * sigma[0];
    assert!(module.singular_values.len() <= sigma.len(), "{name}: {} values", module.singular_values.len());
    for (n, sigma) in sigma.iter().enumerate() {
        let found = module.singular_values.get(n).copied().unwrap_or(0.0);
        assert!((found - sigma).abs() <= bound, "{name}: σ{n} is {found}, not {sigma} within {bound:e}");
    }
    let norm = update.delta.norm();
    assert!((module.frobenius - norm).abs() <= bound, "{name}: the norm is {}, not {norm}", module.frobenius);
}

/// Descending, by the symmetric eigenvalues of [[0, M], [Mᵀ, 0]]: nalgebra's SVD is wrong for some rank-deficient
/// matrices, its symmetric eigensolver is not.
pub fn singular_values(matrix: &DMatrix<f64>) -> Vec<f64> {
    let (m, n) = matrix.shape();
    let mut both = DMatrix::zeros(m + n, m + n);
    both.view_mut((0, m), (m, n)).copy_from(matrix);
    both.view_mut((m, 0), (n, m)).copy_from(&matrix.transpose());
    let mut sigma: Vec<f64> = both.symmetric_eigenvalues().iter().copied().collect();
    sigma.sort_by(|a, b| b.total_cmp(a));
    sigma.truncate(m.min(n));
    sigma
}
