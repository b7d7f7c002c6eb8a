//! A projection as it is shown: headline figures and a table of its modules.

use super::figures::{ENERGY_KEPT, Figure, LEFT_ANGLE, NORM_RATIO, RELATIVE_ERROR, RIGHT_ANGLE, WHOLE};
use super::plan::change;
use super::{Ask, rank};
use crate::model::column::Column;
use crate::model::identity::Fact;
use crate::model::number::{bytes, fixed, general, plural, shape, whole};
use crate::model::sheet::{RowFacts, RowSheet, size, span};
use lorascope_protocol::report::{ProjectedModule, ProjectionReport};
use lorascope_protocol::{ItemId, JobId};

/// A projection with all of its modules.
#[derive(Clone, Debug)]
pub struct Projected {
    /// Its files are downloaded by it.
    pub job: Option<JobId>,
    pub item: ItemId,
    /// What it was asked with; `None` where the page did not ask.
    pub ask: Option<Ask>,
    /// Without its modules: they are beside it.
    pub report: ProjectionReport,
    pub modules: Vec<ProjectedModule>,
    /// From the question to the last module, in seconds.
    pub seconds: Option<f64>,
}

impl Projected {
    /// "statute-tutor: svd to Llama 3.2 1B, rank 8".
    pub fn words(&self) -> String {
        let report = &self.report;
        let mut words = format!("{}: {} to {}", report.adapter, report.method, report.target);
        if let Some(ask) = &self.ask {
            words.push_str(&format!(", {}", rank::words(ask.request.rank)));
            if ask.request.uniform {
                words.push_str(", one for all modules");
            }
        }
        format!("{words}, {}", report.dtype)
    }

    /// What was written, after the figures of the whole.
    pub fn written(&self) -> Vec<Fact> {
        let report = &self.report;
        let before = span(self.modules.iter().map(|m| m.source_rank));
        let after = span(self.modules.iter().map(|m| m.rank));
        let modules = plural(self.modules.len(), "module", "modules");
        let (size, file) = (bytes(report.file.bytes), report.file.name.clone());
        let mut facts = vec![
            Fact::new("Rank", change(before, after), modules),
            Fact::new("File", file, format!("{size}, {}", report.dtype)),
        ];
        facts.extend(report.base_model.as_ref().map(|base| Fact::new("For the base model", base, "")));
        facts.extend(self.seconds.map(|seconds| Fact::new("Ready after", format!("{} s", fixed(seconds, 2)), "")));
        facts
    }

    /// The figures of the whole that apply.
    pub fn figures(&self) -> impl Iterator<Item = (&'static Figure, String)> + '_ {
        let quality = &self.report.quality;
        WHOLE.into_iter().filter(|f| f.value(quality).is_some()).map(|f| (f, f.write_of(quality)))
    }

    /// The module to look at first: the strongest of the result.
    pub fn strongest(&self) -> Option<usize> {
        let norms = self.modules.iter().map(|m| m.frobenius).enumerate().filter(|(_, norm)| norm.is_finite());
        norms.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(row, _)| row)
    }
}

type ProjectedColumn = Column<ProjectedModule>;

const COLUMNS: [&ProjectedColumn; 9] = [
    &ProjectedColumn::module("Path of the module in the result"),
    &ProjectedColumn::number(
        "size",
        "Size",
        "Outputs × inputs of ΔW, before → after",
        |m| Some(size(m.shape)),
        general,
    )
    .written(|m| change(shape(m.source_shape), shape(m.shape))),
    &ProjectedColumn::number(
        "rank",
        "Rank",
        "Inner dimension of the factors, before → after",
        |m| Some(m.rank.into()),
        whole,
    )
    .written(|m| change(m.source_rank.to_string(), m.rank.to_string())),
    &ProjectedColumn::like(ENERGY_KEPT.about, |m| ENERGY_KEPT.value(&m.quality)),
    &ProjectedColumn::like(RELATIVE_ERROR.about, |m| RELATIVE_ERROR.value(&m.quality)),
    &ProjectedColumn::like(NORM_RATIO.about, |m| NORM_RATIO.value(&m.quality)),
    &ProjectedColumn::like(LEFT_ANGLE.about, |m| LEFT_ANGLE.value(&m.quality)),
    &ProjectedColumn::like(RIGHT_ANGLE.about, |m| RIGHT_ANGLE.value(&m.quality)),
    &ProjectedColumn::number(
        "gain",
        "Gain",
        "What svd multiplied the singular values by for the change of size, ((m·n)/(m′·n′))^¼; 1 otherwise",
        |m| Some(m.gain),
        general,
    ),
];

impl RowSheet for Projected {
    type Row = ProjectedModule;

    fn table(&self) -> (&[&'static ProjectedColumn], &[ProjectedModule]) {
        (&COLUMNS, &self.modules)
    }

    fn facts_of(m: &ProjectedModule) -> RowFacts<'_> {
        let (source, rank, kept) = (Some(m.source.as_str()), Some(m.rank), ENERGY_KEPT.value(&m.quality));
        RowFacts { name: &m.name, source, rank, kept, ..RowFacts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::Direction;
    use crate::model::projection::testing::{projected, projection};
    use crate::model::sheet::{Sheet, SheetOrder};
    use lorascope_protocol::projection::{RankRule, Request};

    fn example() -> Projected {
        let mut modules = vec![projected("l.0.q", 8, 0.9), projected("l.1.q", 8, 0.97)];
        modules[1].frobenius = 9.0;
        let request = Request { rank: RankRule::Number(8), ..Request::default() };
        let ask = Some(Ask { item: 1, version: 0, request });
        Projected { job: None, item: 1, ask, report: projection("a"), modules, seconds: Some(0.834) }
    }

    #[test]
    fn the_headline() {
        let result = example();
        assert_eq!(result.words(), "a: svd to the same sizes, rank 8, BF16");
        let facts = result.written();
        let of = |name: &str| {
            let fact = facts.iter().find(|fact| fact.name == name)?;
            Some((fact.value.replace('\u{202f}', " "), fact.note.replace('\u{202f}', " ")))
        };
        let figures: Vec<_> = result.figures().map(|(f, text)| (f, text.replace('\u{202f}', " "))).collect();
        assert_eq!(figures, [(&ENERGY_KEPT, "97.31 %".to_owned())], "an absent figure is left out");
        assert_eq!(of("Rank"), Some(("16 → 8".into(), "2 modules".into())));
        assert_eq!(of("File"), Some(("adapter_model.safetensors".into(), "42.1 MB, BF16".into())));
        assert_eq!(of("Ready after").unwrap().0, "0.83 s");
        assert_eq!(of("For the base model"), None);
        assert_eq!(result.strongest(), Some(1));
    }

    #[test]
    fn every_cell_is_written_and_absent_ones_come_last() {
        let mut result = example();
        result.modules[0].quality = lorascope_protocol::report::Quality::default();
        result.modules[0].source_shape = [64, 64];
        let cells: Vec<String> = (0..COLUMNS.len()).map(|column| result.write(0, column)).collect();
        assert_eq!(cells, ["l.0.q", "64×64 → 64×32", "16 → 8", "–", "–", "–", "–", "–", "1.000"]);
        for direction in [Direction::Ascending, Direction::Descending] {
            assert_eq!(SheetOrder { by: Some(("kept", direction)) }.apply(&result, ""), [1, 0]);
        }
        assert_eq!(result.facts(0).unwrap().kept, None);
    }
}
