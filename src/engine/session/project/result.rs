//! A projection that is done.

use crate::session::written::Written;
use lorascope_format::bytes::ByteSource;
use lorascope_protocol::ItemId;
use lorascope_protocol::report::ProjectionReport;

pub(crate) struct Projected<S: ByteSource> {
    /// The source.
    pub item: ItemId,
    pub report: ProjectionReport,
    pub written: Written<S::Piece>,
}
