//! A plan as it is shown: one line for the whole, a table of its modules.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Ask;
use crate::model::column::Column;
use crate::model::number::{bytes, general, percent_fine, plural, shape, whole};
use crate::model::sheet::{RowFacts, RowSheet, size, span};
use lorascope_protocol::Refusal;
use lorascope_protocol::projection::PlanHead;
use lorascope_protocol::projection::{Method, PlanRow};

/// The engine's answer to a question.
#[derive(Clone, Debug)]
pub struct Planned {
    pub ask: Ask,
    /// The plan, or why there is none.
    pub outcome: Result<Arc<Plan>, Refusal>,
}

/// A plan with all of its rows.
#[derive(Clone, Debug)]
pub struct Plan {
    pub head: PlanHead,
    pub rows: Vec<PlanRow>,
    /// The method is `svd`: only then do singular values say what is kept.
    is_svd: bool,
    /// Some module has another name in the target.
    renamed: bool,
}

impl Plan {
    pub fn new(head: PlanHead, mut rows: Vec<PlanRow>, ask: &Ask) -> Plan {
        let renamed = rows.iter().any(|row| row.name != row.source);
        let is_svd = ask.request.method == Method::Svd;
        if !is_svd {
            rows.iter_mut().for_each(|row| row.kept = f64::NAN);
        }
        Plan { head, rows, is_svd, renamed }
    }

    /// "224 modules, rank 16 → 8, keeps 97.31 % of the energy, file of 42.1 MB, BF16".
    pub fn summary(&self) -> String {
        let mut parts = vec![plural(self.rows.len(), "module", "modules"), self.ranks()];
        if self.is_svd {
            let kept = percent_fine(self.head.kept);
            let resized = self.rows.iter().any(|row| row.from != row.shape);
            parts.push(if resized {
                format!("the kept directions hold {kept} of the energy")
            } else {
                format!("keeps {kept} of the energy")
            });
        }
        parts.push(format!("file of {}", bytes(self.head.bytes)));
        parts.push(self.head.dtype.clone());
        parts.join(", ")
    }

    fn ranks(&self) -> String {
        let before = span(self.rows.iter().map(|row| row.source_rank));
        let after = span(self.rows.iter().map(|row| row.rank));
        if before == after { format!("rank {before}") } else { format!("rank {before} → {after}") }
    }

    /// The result would be the adapter as it is, apart from the dtype.
    pub fn changes_nothing(&self) -> bool {
        self.head.same_model && self.rows.iter().all(|row| row.rank == row.source_rank && row.shape == row.from)
    }
}

type PlanColumn = Column<PlanRow>;

const COLUMNS: [&PlanColumn; 5] = [
    &PlanColumn::module("Path of the module in the result"),
    &PlanColumn::number("size", "Size", "Outputs × inputs of ΔW, before → after", |row| Some(size(row.shape)), general)
        .written(|row| change(shape(row.from), shape(row.shape))),
    &PlanColumn::number(
        "rank",
        "Rank",
        "Inner dimension of the factors, before → after",
        |row| Some(row.rank.into()),
        whole,
    )
    .written(|row| change(row.source_rank.to_string(), row.rank.to_string())),
    &KEPT,
    &PlanColumn::text(
        "from",
        "From",
        "The module of the source, where it has another name",
        |row| row.source.clone(),
        |_, _| Ordering::Equal,
    )
    .ordered(|row| row.layer.map(f64::from)),
];

const KEPT: PlanColumn = PlanColumn::number(
    "kept",
    "Energy kept",
    "The share of the module’s Σσ² that the kept singular values hold, before they are cropped to another size. Only the \
     svd method is known to keep it.",
    |row| Some(row.kept),
    percent_fine,
)
.share()
// The least kept first: where a smaller rank costs most.
.ascending();

impl RowSheet for Plan {
    type Row = PlanRow;

    fn table(&self) -> (&[&'static PlanColumn], &[PlanRow]) {
        (if self.renamed { &COLUMNS } else { &COLUMNS[..4] }, &self.rows)
    }

    fn facts_of(row: &PlanRow) -> RowFacts<'_> {
        let (source, rank) = (Some(row.source.as_str()), Some(row.rank));
        RowFacts { name: &row.name, source, rank, kept: KEPT.value(row), ..RowFacts::default() }
    }
}

/// `16 → 8`, or `16` where nothing changes.
pub fn change(before: String, after: String) -> String {
    if before == after { after } else { format!("{before} → {after}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sheet::Sheet;
    use lorascope_protocol::projection::Request;

    fn row(name: &str, rank: u32, kept: f64) -> PlanRow {
        PlanRow {
            source: name.to_owned(),
            name: name.to_owned(),
            layer: Some(0),
            from: [4096, 4096],
            shape: [4096, 4096],
            source_rank: 16,
            rank,
            scale: 2.0,
            kept,
            gain: 1.0,
        }
    }

    fn plan(rows: Vec<PlanRow>, method: Method) -> Plan {
        let head = crate::model::projection::testing::head(rows.len());
        let request = Request { method, ..Request::default() };
        Plan::new(head, rows, &Ask { item: 1, version: 0, request })
    }

    #[test]
    fn one_line_for_the_whole() {
        let plain = |plan: &Plan| plan.summary().replace('\u{202f}', " ");
        let mut small = plan(vec![row("a", 8, 0.97), row("b", 8, 0.98)], Method::Svd);
        assert_eq!(plain(&small), "2 modules, rank 16 → 8, keeps 97.31 % of the energy, file of 42.1 MB, BF16");
        assert!(!small.changes_nothing());
        small.rows[1].rank = 4;
        small.rows[0].shape = [2048, 2048];
        assert!(plain(&small).contains("rank 16 → 4 to 8, the kept directions hold 97.31 %"));
        let same = plan(vec![row("a", 16, 1.0)], Method::Truncate);
        assert_eq!(plain(&same), "1 module, rank 16, file of 42.1 MB, BF16");
        assert!(same.changes_nothing());
    }

    #[test]
    fn cells_say_before_and_after() {
        let mut plan = plan(vec![row("l.0.q", 8, 0.97), row("l.1.q", 16, f64::NAN)], Method::Svd);
        plan.rows[0].shape = [2048, 2048];
        let cells = |r: usize| (1..4).map(|c| plan.write(r, c).replace('\u{202f}', " ")).collect::<Vec<_>>();
        assert_eq!(cells(0), ["4096×4096 → 2048×2048", "16 → 8", "97.00 %"]);
        assert_eq!(cells(1), ["4096×4096", "16", "–"]);
        assert_eq!(plan.facts(1).unwrap().kept, None);
        assert_eq!(plan.heads().len(), 4);
        assert_eq!(plan.write(9, 1), "");
    }

    #[test]
    fn a_module_that_moves_says_where_from() {
        let mut moved = row("l.1.q", 16, 1.0);
        moved.source = "l.2.q".into();
        let plan = plan(vec![moved], Method::Svd);
        assert_eq!((plan.heads().len(), plan.write(0, 4).as_str()), (5, "l.2.q"));
    }

    #[test]
    fn only_svd_says_what_is_kept() {
        let plan = plan(vec![row("a", 16, 1.0)], Method::Interpolate);
        assert_eq!((plan.value(0, 3), plan.write(0, 3).as_str()), (None, "–"));
    }
}
