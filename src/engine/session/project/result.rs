//! A projection that is done.

use crate::session::written::{Download, Written};
use crate::session::{Emit, Session};
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_kernels::Pulse;
use lorascope_protocol::projection::Request;
use lorascope_protocol::report::ProjectionReport;
use lorascope_protocol::{ExportFile, ItemId};

pub(crate) struct Projected<S: ByteSource> {
    /// The source.
    pub item: ItemId,
    /// What was asked for.
    pub request: Request,
    pub report: ProjectionReport,
    pub written: Written<S::Piece>,
}

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// A file of the last projection.
    ///
    /// # Errors
    /// A sentence for a person: there is no projection, or no room for the file.
    pub fn download(&self, file: ExportFile) -> Result<Download<S::Piece>, String> {
        let Some(projected) = &self.projected else {
            return Err("There is no projection to download any more. Press Project again.".to_owned());
        };
        projected.written.download::<Metered<S>>(file)
    }
}
