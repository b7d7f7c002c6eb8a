//! A projection as it is shown: headline figures and a table of its modules.

use super::figures::Figure;
use super::plan::change;
use super::{Ask, rank};
use crate::model::identity::Fact;
use crate::model::number::{bytes, fixed, general, plural, shape};
use crate::model::sheet::{Head, RowFacts, Sheet, span};
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
            Fact { name: "Rank", value: change(before, after), note: modules },
            Fact { name: "File", value: file, note: format!("{size}, {}", report.dtype) },
        ];
        if let Some(base) = &report.base_model {
            facts.push(Fact { name: "For the base model", value: base.clone(), note: String::new() });
        }
        if let Some(seconds) = self.seconds {
            facts.push(Fact { name: "Ready after", value: format!("{} s", fixed(seconds, 2)), note: String::new() });
        }
        facts
    }

    /// The figures of the whole that apply.
    pub fn figures(&self) -> impl Iterator<Item = (Figure, String)> + '_ {
        let quality = &self.report.quality;
        Figure::WHOLE.into_iter().filter(|f| f.value(quality).is_some()).map(|f| (f, f.write(quality)))
    }

    /// The module to look at first: the strongest of the result.
    pub fn strongest(&self) -> Option<usize> {
        let norms = self.modules.iter().map(|m| m.frobenius).enumerate().filter(|(_, norm)| norm.is_finite());
        norms.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(row, _)| row)
    }
}

/// The figures of the columns from the fourth on; the gain comes last.
const COLUMNS: [Figure; 5] =
    [Figure::EnergyKept, Figure::RelativeError, Figure::NormRatio, Figure::LeftAngle, Figure::RightAngle];

const FIRST_FIGURE: usize = 3;

const HEADS: [Head; FIRST_FIGURE + COLUMNS.len() + 1] = [
    Head::module("Path of the module in the result"),
    Head::number("Size", "Outputs × inputs of ΔW, before → after"),
    Head::number("Rank", "Inner dimension of the factors, before → after"),
    Head::share("Energy kept", "1 − ‖ΔW − ΔW′‖²/‖ΔW‖², measured; only where the sizes agree").ascending(),
    Head::number("Rel. error", "‖ΔW − ΔW′‖/‖ΔW‖, measured; only where the sizes agree"),
    Head::number("Norm ratio", "‖ΔW′‖/‖ΔW‖, both with their scale"),
    Head::number(
        "∠ outputs",
        "Largest principal angle between the output directions before and after, in degrees; only where the outputs \
         agree",
    ),
    Head::number(
        "∠ inputs",
        "Largest principal angle between the input directions before and after, in degrees; only where the inputs agree",
    ),
    Head::number(
        "Gain",
        "What svd multiplied the singular values by for the change of size, ((m·n)/(m′·n′))^¼; 1 otherwise",
    ),
];

impl Sheet for Projected {
    fn heads(&self) -> &'static [Head] {
        &HEADS
    }

    fn rows(&self) -> usize {
        self.modules.len()
    }

    fn facts(&self, row: usize) -> Option<RowFacts<'_>> {
        let m = self.modules.get(row)?;
        Some(RowFacts {
            name: &m.name,
            source: Some(&m.source),
            rank: Some(m.rank),
            kept: Figure::EnergyKept.value(&m.quality),
            ..RowFacts::default()
        })
    }

    fn key(&self, row: usize, column: usize) -> Option<f64> {
        let m = self.modules.get(row)?;
        match column {
            0 => None,
            1 => Some(m.shape[0] as f64 * m.shape[1] as f64),
            2 => Some(f64::from(m.rank)),
            _ => match COLUMNS.get(column - FIRST_FIGURE) {
                Some(figure) => figure.value(&m.quality),
                None => Some(m.gain).filter(|gain| gain.is_finite()),
            },
        }
    }

    fn write(&self, row: usize, column: usize) -> String {
        let Some(m) = self.modules.get(row) else { return String::new() };
        match column {
            0 => m.name.clone(),
            1 => change(shape(m.source_shape), shape(m.shape)),
            2 => change(m.source_rank.to_string(), m.rank.to_string()),
            _ => match COLUMNS.get(column - FIRST_FIGURE) {
                Some(figure) => figure.write(&m.quality),
                None => general(m.gain),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::projection::testing::{projected, projection};
    use crate::model::sheet::SheetOrder;
    use crate::model::table::Direction;
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
        assert_eq!(figures, [(Figure::EnergyKept, "97.31 %".to_owned())], "an absent figure is left out");
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
        let cells: Vec<String> = (0..HEADS.len()).map(|column| result.write(0, column)).collect();
        assert_eq!(cells, ["l.0.q", "64×64 → 64×32", "16 → 8", "–", "–", "–", "–", "–", "1.000"]);
        for direction in [Direction::Ascending, Direction::Descending] {
            assert_eq!(SheetOrder { by: Some((3, direction)) }.apply(&result), [1, 0]);
        }
        assert_eq!(result.facts(0).unwrap().kept, None);
    }
}
