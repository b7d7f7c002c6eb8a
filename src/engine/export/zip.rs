//! A zip archive whose members are stored as they are, put together from pieces.
//!
//! Sizes and checksums are known when the archive is assembled, and the members' bytes are blobs that nobody reads
//! again, so what has to be written is only what stands between them: APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16.

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};

use lorascope_format::container::quoted;

/// A file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    pub len: u64,
    pub crc: u32,
}

/// The archive but for its members' bytes: `locals[0]`, the first member, `locals[1]`, the second, …, `central`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framing {
    /// What goes before each member.
    pub locals: Vec<Vec<u8>>,
    /// What goes after the last.
    pub central: Vec<u8>,
    /// Bytes of the whole archive.
    pub len: u64,
}

/// Why there can be no archive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    #[error("together the files are {len} bytes, and a zip ends at 4 GiB. Download them one by one.")]
    TooLarge { len: u64 },
    #[error("{count} files are more than the 65,534 of a zip. Download them one by one.")]
    TooMany { count: usize },
    #[error("the name {name} is too long for a zip. Download the files one by one.")]
    LongName { name: String },
}

/// The checksum and the length of a member, added up from its pieces in file order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub crc: u32,
    pub len: u64,
}

impl Sum {
    pub fn of(bytes: &[u8]) -> Self {
        Self { crc: crc32fast::hash(bytes), len: bytes.len() as u64 }
    }

    /// That of these bytes and then the bytes of `next`, of which only the sum is needed.
    pub fn then(self, next: Self) -> Self {
        let mut all = Hasher::new_with_initial_len(self.crc, self.len);
        all.combine(&Hasher::new_with_initial_len(next.crc, next.len));
        Self { crc: all.finalize(), len: self.len + next.len }
    }
}

/// 2.0, where folders begin; stored members need nothing newer.
const VERSION: u16 = 20;
/// The name is UTF-8.
const UTF8: u16 = 1 << 11;
/// 1 January 1980, midnight, the first that DOS knows: the same content gives the same archive.
const DATE: u16 = 1 << 5 | 1;

/// What stands between the members of an archive.
///
/// # Errors
/// [`ZipError`]: beyond 4 GiB or 65,534 members (one more, and a reader looks for zip64), which every reader knows.
pub fn framing(members: &[Member]) -> Result<Framing, ZipError> {
    let count = u16::try_from(members.len()).ok().filter(|&n| n < u16::MAX);
    let count = count.ok_or(ZipError::TooMany { count: members.len() })?;
    let whole = whole_len(members);
    let too_large = ZipError::TooLarge { len: whole };
    if whole >= u64::from(u32::MAX) {
        return Err(too_large);
    }
    let (mut locals, mut central) = (Vec::with_capacity(members.len()), Vec::new());
    let mut at = 0u64;
    for member in members {
        let long = || ZipError::LongName { name: quoted(&member.name) };
        let name_len = u16::try_from(member.name.len()).map_err(|_| long())?;
        // All three are below `whole`.
        let (Ok(len), Ok(offset)) = (u32::try_from(member.len), u32::try_from(at)) else { return Err(too_large) };
        let mut common = Vec::with_capacity(26);
        for field in [VERSION, UTF8, 0, 0, DATE] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        for field in [member.crc, len, len] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        common.extend_from_slice(&name_len.to_le_bytes());
        common.extend_from_slice(&0u16.to_le_bytes());
        let local = [b"PK\x03\x04", common.as_slice(), member.name.as_bytes()].concat();
        at += local.len() as u64 + member.len;
        locals.push(local);
        central.extend_from_slice(b"PK\x01\x02");
        central.extend_from_slice(&VERSION.to_le_bytes());
        central.extend_from_slice(&common);
        // No comment, first disk, no attributes.
        central.extend_from_slice(&[0; 10]);
        central.extend_from_slice(&offset.to_le_bytes());
        central.extend_from_slice(member.name.as_bytes());
    }
    let (Ok(size), Ok(offset)) = (u32::try_from(central.len()), u32::try_from(at)) else { return Err(too_large) };
    central.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    central.extend_from_slice(&count.to_le_bytes());
    central.extend_from_slice(&count.to_le_bytes());
    central.extend_from_slice(&size.to_le_bytes());
    central.extend_from_slice(&offset.to_le_bytes());
    central.extend_from_slice(&[0; 2]);
    Ok(Framing { locals, central, len: whole })
}

/// Bytes of the archive: a name stands twice, beside 30 bytes locally and 46 in the directory, which ends with 22.
fn whole_len(members: &[Member]) -> u64 {
    let of = |member: &Member| member.len.saturating_add(76 + 2 * member.name.len() as u64);
    members.iter().map(of).fold(22, u64::saturating_add)
}
