//! An extraction as it is shown: its error in words, and a table of its modules.

use crate::model::column::Column;
use crate::model::identity::Fact;
use crate::model::number::{bytes, fixed, general, percent_fine, plural, shape, whole};
use crate::model::sheet::{RowFacts, RowSheet, size, span};
use lorascope_protocol::report::{ExtractedModule, ExtractionReport};
use lorascope_protocol::{ExtractRequest, JobId};

/// An extraction with all of its modules.
#[derive(Clone, Debug)]
pub struct Extracted {
    /// Its files are downloaded by it.
    pub job: Option<JobId>,
    /// What it was asked with; `None` where the page did not ask.
    pub request: Option<ExtractRequest>,
    /// Without its modules: they are beside it.
    pub report: ExtractionReport,
    pub modules: Vec<ExtractedModule>,
    /// From the question to the last module, in seconds.
    pub seconds: Option<f64>,
}

impl Extracted {
    /// "base → merged: rank 8, F32".
    pub fn words(&self) -> String {
        let report = &self.report;
        format!("{} → {}: {}, {}", report.from, report.to, report.rank_rule, report.dtype)
    }

    /// What the error means, for a person.
    pub fn sentence(&self) -> String {
        let error = self.report.error;
        if !error.is_finite() {
            return "The error of this LoRA is not a number; look at the modules below.".to_owned();
        }
        let missing = percent_fine(error);
        // The error is orthogonal to what a best approximation keeps, but for the rounding of the factors.
        let kept = percent_fine((1.0 - error * error).max(0.0));
        format!(
            "In the modules that were extracted, this LoRA added to {} misses {} by {missing} of the change’s norm: it \
             holds {kept} of the energy of their change.",
            self.report.from, self.report.to
        )
    }

    /// The figures of the whole, and what was written.
    pub fn headline(&self) -> Vec<Fact> {
        let report = &self.report;
        let ranks = span(self.modules.iter().map(|m| m.rank));
        let modules = plural(self.modules.len(), "module", "modules");
        let mut facts = vec![
            Fact::new("Error ‖X − B·A‖/‖X‖", percent_fine(report.error), ""),
            Fact::new("‖X‖", general(report.update_norm), ""),
            Fact::new("Rank", ranks, modules),
            Fact::new("File", report.file.name.clone(), format!("{}, {}", bytes(report.file.bytes), report.dtype)),
        ];
        facts.extend(self.seconds.map(|seconds| Fact::new("Ready after", format!("{} s", fixed(seconds, 2)), "")));
        facts
    }
}

type ExtractedColumn = Column<ExtractedModule>;

const COLUMNS: [&ExtractedColumn; 6] = [
    &ExtractedColumn::module("Path of the module in the model"),
    &ExtractedColumn::number("size", "Size", "Outputs × inputs of the weight", |m| Some(size(m.shape)), general)
        .written(|m| shape(m.shape)),
    &ExtractedColumn::number(
        "rank",
        "Rank",
        "Inner dimension of the extracted factors",
        |m| Some(m.rank.into()),
        whole,
    ),
    &ExtractedColumn::number(
        "norm",
        "‖X‖",
        "Frobenius norm of the change X = W(to) − W(from)",
        |m| Some(m.update_norm),
        general,
    ),
    &ExtractedColumn::number(
        "error",
        "Error",
        "‖X − B·A‖/‖X‖, measured with the factors as they are written",
        |m| Some(m.error),
        percent_fine,
    )
    .share(),
    &ExtractedColumn::number("sigma-1", "σ₁", "The largest singular value of X", |m| Some(sigma_1(m)), general),
];

fn sigma_1(module: &ExtractedModule) -> f64 {
    module.singular_values.first().copied().unwrap_or(0.0)
}

impl RowSheet for Extracted {
    type Row = ExtractedModule;

    fn table(&self) -> (&[&'static ExtractedColumn], &[ExtractedModule]) {
        (&COLUMNS, &self.modules)
    }

    fn facts_of(m: &ExtractedModule) -> RowFacts<'_> {
        let error = Some(m.error).filter(|x| x.is_finite());
        RowFacts { name: &m.name, rank: Some(m.rank), error, ..RowFacts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::Direction;
    use crate::model::extraction::testing::{extracted, extraction};
    use crate::model::number::ABSENT;
    use crate::model::sheet::{Sheet, SheetOrder};

    fn example() -> Extracted {
        let modules = vec![extracted("l.0.q", 8, 0.25), extracted("l.1.q", 4, 0.125)];
        Extracted { job: None, request: None, report: extraction(), modules, seconds: Some(2.5) }
    }

    #[test]
    fn the_headline() {
        let result = example();
        assert_eq!(result.words(), "base → merged: rank 8, F32");
        let said = result.sentence().replace('\u{202f}', " ");
        assert!(
            said.starts_with("In the modules that were extracted")
                && said.contains("misses merged by 20.00 % of")
                && said.contains("holds 96.00 % of"),
            "{said}"
        );
        let facts: Vec<String> = result.headline().iter().map(|f| format!("{}: {}", f.name, f.value)).collect();
        assert_eq!(facts[2..], ["Rank: 4 to 8", "File: adapter_model.safetensors", "Ready after: 2.50 s"]);
    }

    #[test]
    fn odd_results_are_said_in_words() {
        let mut result = example();
        result.report.error = f64::NAN;
        assert!(result.sentence().contains("not a number") && result.headline()[0].value == ABSENT);
        // Bad rounding of tiny factors: no negative share.
        let worse = ExtractionReport { error: 1.5, ..result.report.clone() };
        let said = Extracted { report: worse, ..result }.sentence().replace('\u{202f}', " ");
        assert!(said.contains("holds 0 % of"), "{said}");
    }

    #[test]
    fn every_cell_is_written_and_sorted() {
        let mut result = example();
        result.modules[0].error = f64::NAN;
        let cells: Vec<String> = (0..COLUMNS.len()).map(|column| result.write(0, column)).collect();
        assert_eq!(cells, ["l.0.q", "64×32", "8", "1.500", ABSENT, "1.000"]);
        assert_eq!((result.facts(0).unwrap().error, result.facts(1).unwrap().error), (None, Some(0.125)));
        for direction in [Direction::Ascending, Direction::Descending] {
            assert_eq!(SheetOrder { by: Some(("error", direction)) }.apply(&result, ""), [1, 0]);
        }
    }
}
