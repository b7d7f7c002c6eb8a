//! Shared links: an adapter's profile as the fragment of an address, which browsers never send to a server.
//!
//! The fragment is `#p=<payload>&<view state>` (see [`fragment`]). A payload is base64url of a version byte, that
//! version's profile (in [`postcard`]'s form, deflated, with its measures as bits behind it) and a CRC-32 of all that
//! comes before it. Measures are rounded
//! in steps of their logarithm ([`measures::STEP`]); what identifies a module is exact. Each version keeps its reader
//! for ever, in `READERS`.

use thiserror::Error;

use crate::report::{AdapterReport, ModuleReport};

mod facts;
pub mod fragment;
pub mod measures;
mod names;
mod pack;
mod phrases;
mod seal;
mod spectra;
mod unpack;
mod v1;
mod v2;

/// The newest version. It moves whenever a reader of the one before would misread the new one; a profile is written in
/// the oldest version that holds all of it.
pub const VERSION: u8 = 2;

/// Characters that a whole link may have to pass through every messenger; what is left out of it is chosen by that.
pub const SHORT: usize = 2_000;

/// Characters of the longest payload that is made or read. Browsers take addresses of this length; few other programs
/// do.
pub const LONGEST: usize = 200_000;

/// Modules of the largest adapter that is put into a link or read from one.
const MOST_MODULES: usize = 1 << 16;

/// Reads one version's bytes into what the newest version holds.
type Reader = fn(&[u8]) -> Result<v2::Packed, LinkError>;

/// One reader per version, from 1 on. Where the newest moves, the one before it gets a conversion here.
const READERS: &[Reader] = &[|body| v1::read(body).map(v2::Packed::from), v2::read];

/// Why a link shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LinkError {
    #[error(
        "This link is damaged: a part of it is missing or was changed on the way, as by a program that cuts long links. \
         Ask for it again, or for the report as a JSON file, which can be dropped here."
    )]
    Damaged,
    #[error("This link was made by a newer Lorascope: reload the page to get the newest.")]
    Newer,
    #[error(
        "This adapter is too large for a link: the profile would have more than 200,000 characters. Save the report as \
         JSON instead and send that file; whoever drops it on Lorascope sees the same."
    )]
    TooLarge,
}

/// What a link holds of the adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Letters, digits, `-` and `_` alone.
    pub text: String,
    /// All singular values are in it, not the measures alone.
    pub spectra: bool,
}

/// An adapter's profile as a payload: with its spectra if it then has at most `room` characters, otherwise with the
/// measures alone, however long that is. `modules` are the report's, which the page keeps beside it.
///
/// # Errors
/// [`LinkError::TooLarge`] where it would have more than [`LONGEST`] characters.
pub fn write(report: &AdapterReport, modules: &[ModuleReport], room: usize) -> Result<Payload, LinkError> {
    if modules.len() > MOST_MODULES {
        return Err(LinkError::TooLarge);
    }
    let mut packed = pack::pack(report, modules);
    let sealed = |packed: &v2::Packed| match packed.is_plain() {
        true => seal::seal(1, &v1::write(&packed.profile)),
        false => seal::seal(2, &v2::write(packed)),
    };
    // A value takes a bit at the very least.
    if modules.iter().map(|m| m.singular_values.len()).sum::<usize>() <= 8 * room {
        packed.profile.spectra = spectra::write(modules);
        let text = sealed(&packed);
        if packed.profile.spectra.is_some() && text.len() <= room {
            return Ok(Payload { text, spectra: true });
        }
    }
    packed.profile.spectra = None;
    let text = sealed(&packed);
    if text.len() > LONGEST { Err(LinkError::TooLarge) } else { Ok(Payload { text, spectra: false }) }
}

/// The report that a payload holds, with [`AdapterReport::origin`] set. Every number of it is finite.
///
/// # Errors
/// [`LinkError::Damaged`] for anything that [`write`] did not make, and [`LinkError::Newer`] for what a newer version
/// of it made.
pub fn read(payload: &str) -> Result<AdapterReport, LinkError> {
    let bytes = seal::unseal(payload)?;
    let (version, body) = bytes.split_first().ok_or(LinkError::Damaged)?;
    let Some(at) = version.checked_sub(1) else { return Err(LinkError::Damaged) };
    let reader = READERS.get(usize::from(at)).ok_or(LinkError::Newer)?;
    unpack::unpack(reader(body)?, *version).ok_or(LinkError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_keeps_its_reader_and_a_newer_one_is_named() {
        assert_eq!(READERS.len(), usize::from(VERSION), "the version moved: what reads the links of the one before?");
        assert_eq!(read(&seal::seal(VERSION + 1, &[0])), Err(LinkError::Newer));
        assert_eq!(read(&seal::seal(0, &[0])), Err(LinkError::Damaged));
        assert_eq!(read(&seal::seal(VERSION, &[0])), Err(LinkError::Damaged), "no profile");
        assert_eq!(read(""), Err(LinkError::Damaged));
        assert_eq!(read(&"A".repeat(LONGEST + 4)), Err(LinkError::Damaged));
    }
}
