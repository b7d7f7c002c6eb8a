//! A result on its way from the engine to the page: its head first, then its lists in pieces, one right behind the other.

use lorascope_protocol::report::{AdapterReport, ModuleReport};
use lorascope_protocol::{AdapterPiece, Head, ItemId, JobId, Piece};

/// An adapter with all of its modules.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    pub item: ItemId,
    /// Without its modules: they are beside it.
    pub report: AdapterReport,
    pub modules: Vec<ModuleReport>,
}

impl Adapter {
    pub fn new(item: ItemId, report: AdapterReport, pieces: Vec<Piece>) -> Adapter {
        let mut adapter = Adapter { item, report, modules: Vec::new() };
        for piece in pieces {
            let Piece::Adapter(piece) = piece else { continue };
            let Adapter { report, modules, .. } = &mut adapter;
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
        }
        adapter
    }
}

/// A result whose pieces are still arriving.
#[derive(Clone, Debug)]
pub struct Arriving {
    pub job: Option<JobId>,
    pub head: Head,
    pub pieces: Vec<Piece>,
    /// Pieces that it is to have.
    pub expected: usize,
}

impl Arriving {
    pub fn is_whole(&self) -> bool {
        self.pieces.len() >= self.expected
    }
}
