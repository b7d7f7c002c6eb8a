//! Version 2 of a profile's form: version 1, and what it cannot say. What is here never changes.
//!
//! It is written only where there is something of that to say, so that pages of the version before open the others.

use serde::{Deserialize, Serialize};

use super::measures::Bits;
use super::{LinkError, seal, v1};

/// An adapter's profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Packed {
    pub profile: v1::Packed,
    /// Modules that hold the same weight as others, by their numbers, each with the number of a text that says which.
    pub copies: Vec<(u32, u32)>,
    /// The scheme of the scores, where it is not built in, as JSON.
    pub scheme: Option<String>,
}

impl From<v1::Packed> for Packed {
    fn from(profile: v1::Packed) -> Self {
        Self { profile, copies: Vec::new(), scheme: None }
    }
}

impl Packed {
    /// Whether version 1 says all of it.
    pub fn is_plain(&self) -> bool {
        self.copies.is_empty() && self.scheme.is_none()
    }
}

/// A body of version 2.
pub fn read(body: &[u8]) -> Result<Packed, LinkError> {
    let (mut packed, bytes): (Packed, _) = seal::open(body)?;
    packed.profile.bits = Bits::of(bytes);
    Ok(packed)
}

pub fn write(packed: &Packed) -> Vec<u8> {
    seal::body(packed, &packed.profile.bits.bytes)
}
