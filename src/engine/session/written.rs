//! A written adapter, and the files that are made of it.

use serde::{Deserialize, Serialize};

use crate::export::zip::{self, Member, Sum};
use lorascope_format::bytes::{ByteSource, SourceError};
use lorascope_protocol::ExportFile;

/// The names that PEFT looks for.
pub(crate) const ADAPTER: &str = "adapter_model.safetensors";
const CONFIG: &str = "adapter_config.json";

/// Bytes of the written file, kept by the environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Piece<B> {
    /// Where they begin in the file.
    pub at: u64,
    pub bytes: B,
    pub sum: Sum,
}

/// An adapter, ready to be downloaded.
pub(crate) struct Written<B> {
    /// A name that every file system takes: "statute-tutor-svd".
    pub stem: String,
    /// `adapter_config.json`
    pub config: String,
    /// The adapter's file, in order and without gaps.
    pub pieces: Vec<Piece<B>>,
}

/// A file to download: its name, its MIME type, and the pieces that it consists of.
pub struct Download<B> {
    pub name: String,
    pub mime: &'static str,
    pub pieces: Vec<B>,
}

/// # Errors
/// The environment has no room.
pub(crate) fn piece<S: ByteSource>(at: u64, bytes: Vec<u8>) -> Result<Piece<S::Piece>, SourceError> {
    let sum = Sum::of(&bytes);
    Ok(Piece { at, bytes: S::keep(bytes)?, sum })
}

impl<B: Clone> Written<B> {
    /// # Errors
    /// A sentence for a person: there is no room for the file.
    pub fn download<S: ByteSource<Piece = B>>(&self, file: ExportFile) -> Result<Download<B>, String> {
        let keep = |bytes: Vec<u8>| S::keep(bytes).map_err(|error| error.to_string());
        let adapter = || self.pieces.iter().map(|piece| piece.bytes.clone());
        let config = self.config.as_bytes();
        match file {
            ExportFile::Adapter => {
                let mime = "application/octet-stream";
                Ok(Download { name: ADAPTER.to_owned(), mime, pieces: adapter().collect() })
            }
            ExportFile::Config => {
                let pieces = vec![keep(config.to_vec())?];
                Ok(Download { name: CONFIG.to_owned(), mime: "application/json", pieces })
            }
            ExportFile::Zip => {
                let sum = self.pieces.iter().fold(Sum::default(), |sum, piece| sum.then(piece.sum));
                let member = |name: &str, sum: Sum| Member { name: name.to_owned(), len: sum.len, crc: sum.crc };
                let members = [member(ADAPTER, sum), member(CONFIG, Sum::of(config))];
                let framing = zip::framing(&members).map_err(|error| error.to_string())?;
                let [first, second] = framing.locals.as_slice() else { return Err("no zip could be made".to_owned()) };
                let mut pieces = vec![keep(first.clone())?];
                pieces.extend(adapter());
                pieces.push(keep([second, config, &framing.central].concat())?);
                Ok(Download { name: format!("{}.zip", self.stem), mime: "application/zip", pieces })
            }
        }
    }
}
