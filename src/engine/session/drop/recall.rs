//! Reports that come back, from a link or from a saved file: shown again, without the tensors that they were made of.

use crate::intake::ReportFile;
use crate::session::drop::{Verdict, numbered};
use crate::session::holdings::item::What;
use crate::session::{Emit, Session};
use lorascope_format::bytes::ByteSource;
use lorascope_kernels::Pulse;
use lorascope_protocol::report::{FileReport, Report};
use lorascope_protocol::{About, Problem, ToPage};

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Shows the adapters of a report that came by a link.
    pub async fn recall(&mut self, report: Report) {
        self.trash = None;
        self.emit.emit(ToPage::Loading);
        let shown = self.hold_reports(report, None);
        let mut problems = self.settle().await;
        if !shown {
            let text = "There is no adapter in this link.".to_owned();
            problems.push(Problem { error: true, about: About::Drop, text });
        }
        self.finish(shown, problems).await;
    }

    /// Shows the adapters of reports that were dropped.
    pub(crate) fn take_reports(&mut self, reports: Vec<ReportFile>, sizes: &[FileReport], verdict: &mut Verdict) {
        for ReportFile { path, report } in reports {
            let unshown = [
                (!report.alignment.is_empty(), "alignment"),
                (report.extraction.is_some(), "extraction"),
                (report.projection.is_some(), "projection"),
                (report.comparison.is_some(), "comparison"),
            ];
            let unshown: Vec<&str> = unshown.into_iter().filter_map(|(there, name)| there.then_some(name)).collect();
            let file = sizes.iter().find(|file| file.name == path).cloned();
            if !self.hold_reports(report, Some(file.unwrap_or(FileReport { name: path.clone(), bytes: 0 }))) {
                verdict.say(format!("{path}: this report of Lorascope holds no adapter to show."));
                continue;
            }
            verdict.good = true;
            if !unshown.is_empty() {
                verdict.say(format!(
                    "{path}: the adapters of this report are shown. Its other parts ({}) stay in the file.",
                    unshown.join(", ")
                ));
            }
        }
    }

    /// False where there is no adapter.
    fn hold_reports(&mut self, report: Report, file: Option<FileReport>) -> bool {
        let any = !report.adapters.is_empty();
        for mut adapter in report.adapters {
            // Its own label says more of it than the report's path.
            let held = self.held.iter().filter(|held| held.report().is_some());
            let taken: Vec<String> = held.map(|held| held.label.clone()).collect();
            let label = numbered(&taken, &adapter.label);
            adapter.label.clone_from(&label);
            self.hold(label, file.iter().cloned().collect(), What::Recalled(Box::new(adapter)));
        }
        any
    }
}
