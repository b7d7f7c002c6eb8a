//! An adapter on its way from the engine to the page: its report first, then the lists of it in pieces.

use lorascope_protocol::report::{AdapterReport, ModuleReport};
use lorascope_protocol::{AdapterPiece, ItemId};

/// An adapter with all of its modules.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    pub item: ItemId,
    /// Without its modules: they are beside it.
    pub report: AdapterReport,
    pub modules: Vec<ModuleReport>,
}

/// An adapter whose pieces are still arriving.
#[derive(Clone, Debug)]
pub struct Arriving {
    /// Pieces that are still to come.
    left: usize,
    adapter: Adapter,
}

impl Arriving {
    /// `pieces` are to follow.
    pub fn new(item: ItemId, pieces: usize, report: AdapterReport) -> Arriving {
        Arriving { left: pieces, adapter: Adapter { item, report, modules: Vec::new() } }
    }

    pub fn take(&mut self, piece: AdapterPiece) {
        let Adapter { report, modules, .. } = &mut self.adapter;
        match piece {
            AdapterPiece::Modules(more) => modules.extend(more),
            AdapterPiece::NotAnalyzed(more) => report.not_analyzed.extend(more),
            AdapterPiece::Warnings(more) => report.warnings.extend(more),
            AdapterPiece::Metadata(more) => {
                for (key, text) in more {
                    report.metadata.entry(key).or_default().push_str(&text);
                }
            }
        }
        self.left = self.left.saturating_sub(1);
    }

    pub fn is_whole(&self) -> bool {
        self.left == 0
    }

    pub fn into_adapter(self) -> Adapter {
        self.adapter
    }
}
