//! What the page has been told, put together as the page does.

use std::collections::BTreeMap;

use lorascope_protocol::report::{AlignmentReport, Along, Report};
use serde_json::Value;

use crate::session::*;

#[derive(Debug, Default)]
pub struct Shown {
    pub items: BTreeMap<u32, (ItemKind, String)>,
    adapters: BTreeMap<u32, AdapterReport>,
    alignments: BTreeMap<(u32, bool), Vec<AlignmentReport>>,
    /// By kind: the job, and the report.
    pub results: BTreeMap<&'static str, (u32, Value)>,
    head: Option<Head>,
}

impl Shown {
    pub fn hear(&mut self, message: ToPage) {
        match message {
            ToPage::Item(item) => drop(self.items.insert(item.item, (item.kind, item.label))),
            ToPage::Removed { item } => {
                self.items.remove(&item);
                self.adapters.remove(&item);
                self.alignments.retain(|(of, _), _| *of != item);
            }
            ToPage::Cleared { .. } => *self = Self::default(),
            ToPage::Gone { job } => self.results.retain(|_, (of, _)| *of != job),
            ToPage::Result { job, head, .. } => {
                match &head {
                    Head::Adapter { item, report } => drop(self.adapters.insert(*item, report.as_ref().clone())),
                    Head::Alignments { item, along } => {
                        drop(self.alignments.insert((*item, *along == Along::Adapters), Vec::new()));
                    }
                    Head::Projection { report, .. } => self.result("projection", job, report),
                    Head::Extraction(report) => self.result("extraction", job, report),
                    Head::Comparison { items, .. } => self.result("comparison", job, items),
                    Head::Plan(_) | Head::Pair | Head::Overlap(_) => {}
                }
                self.head = Some(head);
            }
            ToPage::Piece(piece) => self.piece(piece),
            _ => {}
        }
    }

    fn result(&mut self, kind: &'static str, job: Option<u32>, head: &impl serde::Serialize) {
        self.results.insert(kind, (job.expect("a job"), serde_json::to_value(head).expect("JSON")));
    }

    fn piece(&mut self, piece: Piece) {
        match (piece, self.head.as_ref()) {
            (Piece::Adapter(piece), Some(Head::Adapter { item, .. })) => {
                let report = self.adapters.get_mut(item).expect("a head");
                match piece {
                    AdapterPiece::Modules(more) => report.modules.extend(more),
                    AdapterPiece::NotAnalyzed(more) => report.not_analyzed.extend(more),
                    AdapterPiece::Warnings(more) => report.warnings.extend(more),
                    AdapterPiece::Metadata(more) => report.metadata.extend(more),
                }
            }
            (piece, Some(Head::Alignments { item, along })) => {
                let all = self.alignments.get_mut(&(*item, *along == Along::Adapters)).expect("a head");
                match piece {
                    Piece::Alignment { report, .. } => all.push(*report),
                    Piece::Aligned(modules) => all.last_mut().expect("an alignment").modules.extend(modules),
                    other => panic!("{other:?}"),
                }
            }
            (Piece::Projected(modules), _) => self.append("projection", "modules", modules),
            (Piece::Extracted(modules), _) => self.append("extraction", "modules", modules),
            (Piece::Plan(_) | Piece::Compared(_), _) => {}
            (other, head) => panic!("{other:?} of {head:?}"),
        }
    }

    fn append(&mut self, kind: &str, list: &str, rows: impl serde::Serialize) {
        let (_, value) = self.results.get_mut(kind).expect("a head");
        let Value::Array(rows) = serde_json::to_value(rows).expect("JSON") else { panic!("no list") };
        value[list].as_array_mut().expect("a list").extend(rows);
    }

    /// The items of a kind, in order.
    pub fn ids(&self, kind: ItemKind) -> Vec<u32> {
        self.items.iter().filter(|(_, (of, _))| *of == kind).map(|(id, _)| *id).collect()
    }

    pub fn is_like(&self, report: &Report) {
        let adapters: Vec<&AdapterReport> = self.adapters.values().collect();
        assert_eq!(adapters, report.adapters.iter().collect::<Vec<_>>(), "adapters");
        // By adapter, checkpoints first: as the report has them.
        let alignments: Vec<&AlignmentReport> = self.alignments.values().flatten().collect();
        assert_eq!(alignments, report.alignment.iter().collect::<Vec<_>>(), "alignments");
        let value = |kind: &str| self.results.get(kind).map(|(_, value)| value.clone());
        assert_eq!(value("projection"), report.projection.as_ref().map(|r| serde_json::to_value(r).unwrap()));
        assert_eq!(value("extraction"), report.extraction.as_ref().map(|r| serde_json::to_value(r).unwrap()));
        let labels = |items: &Value| -> Vec<String> {
            let id = |item: &Value| item.as_u64().expect("an id") as u32;
            items.as_array().expect("ids").iter().map(|item| self.items[&id(item)].1.clone()).collect()
        };
        let compared = value("comparison").as_ref().map(labels);
        assert_eq!(compared, report.comparison.as_ref().map(|comparison| comparison.adapters.clone()));
    }
}
