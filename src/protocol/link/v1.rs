//! Version 1 of a profile's form. What is here never changes: links of it are out in the world.
//!
//! Lists of modules are columns, so that deflate finds what repeats; texts of modules are numbers into `texts`.

use serde::{Deserialize, Serialize};

use super::facts::Ids;
use super::measures::{Bits, Measures};
use super::names::Names;
use super::{LinkError, seal};

/// An adapter's profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Packed {
    pub label: String,
    pub format: String,
    pub base_model: Option<String>,
    pub total_layers: u32,
    pub total_layers_source: String,
    /// Smallest and largest.
    pub rank: [u32; 2],
    pub parameters: u64,
    pub energy: f64,
    pub not_analyzed: u32,
    pub warnings: u32,
    pub domains: Domains,
    /// Modules, of which every column has one entry.
    pub count: u32,
    pub texts: Vec<String>,
    pub names: Names,
    pub facts: Facts,
    pub frobenius: Measures,
    pub stable_rank: Measures,
    pub effective_rank: Measures,
    /// Of the three columns above, in their order.
    #[serde(skip)]
    pub bits: Bits,
    /// See [`super::spectra`].
    pub spectra: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Domains {
    pub scheme: String,
    /// Key, score and whether it is a tag, in the scheme's order.
    pub scores: Vec<(String, f32, bool)>,
    pub tag_threshold: Option<f64>,
    pub evidence: bool,
}

/// What modules share with each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    pub shapes: Vec<[u64; 2]>,
    pub shape: Ids,
    pub scales: Vec<f64>,
    pub scale: Ids,
    /// Numbers into the profile's texts, as all that follow.
    pub scale_source: Ids,
    pub depth: Ids,
    pub dtype: Ids,
    pub algorithm: Ids,
    /// 0 for none, else 1 more than the text's number.
    pub note: Ids,
    pub rank: Ids,
    /// By how much the count of singular values is another than min(out, in, rank), the rank being left out where it is
    /// 0; zigzag: 2·d, or −2·d − 1 below zero.
    pub values: Ids,
    /// By how much the numerical rank is smaller than the count of singular values, in the same way.
    pub unused: Ids,
    /// 1 where further singular values exist.
    pub truncated: Ids,
}

/// A body of version 1.
pub fn read(body: &[u8]) -> Result<Packed, LinkError> {
    let (packed, bytes): (Packed, _) = seal::open(body)?;
    Ok(Packed { bits: Bits::of(bytes), ..packed })
}

pub fn write(packed: &Packed) -> Vec<u8> {
    seal::body(packed, &packed.bits.bytes)
}
