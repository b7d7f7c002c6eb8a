//! The header's JSON as it stands, before its numbers are checked against the file.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::fields::{DtypeName, Unread};
use super::{Dtype, TensorType, error::brief, error::quoted};

/// Tensors in the JSON's order (a name may still occur twice) and `__metadata__`.
pub struct RawHeader {
    pub tensors: Vec<(String, RawTensor)>,
    pub metadata: BTreeMap<String, String>,
}

pub struct RawTensor {
    pub dtype: TensorType,
    pub shape: Vec<u64>,
    /// Relative to the first byte after the header.
    pub offsets: [u64; 2],
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that maps tensor names to their descriptions")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<RawHeader, M::Error> {
        let mut tensors = Vec::new();
        let mut metadata = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if metadata.is_some() {
                    return Err(M::Error::custom("`__metadata__` is given twice"));
                }
                // MLX writes null where it has none.
                let given = map.next_value::<Option<BTreeMap<String, String>>>();
                metadata = Some(
                    given.map_err(|e| M::Error::custom(format!("`__metadata__`: {}", brief(e))))?.unwrap_or_default(),
                );
            } else {
                let tensor = map.next_value::<RawTensor>();
                let tensor = tensor.map_err(|e| M::Error::custom(format!("tensor {}: {}", quoted(&name), brief(e))))?;
                tensors.push((name, tensor));
            }
        }
        Ok(RawHeader { tensors, metadata: metadata.unwrap_or_default() })
    }
}

impl<'de> Deserialize<'de> for RawTensor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TensorVisitor)
    }
}

struct TensorVisitor;

impl<'de> Visitor<'de> for TensorVisitor {
    type Value = RawTensor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `dtype`, `shape` and `data_offsets`")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<RawTensor, M::Error> {
        let (mut dtype, mut shape, mut offsets) = (None, None, None);
        while let Some(field) = map.next_key::<String>()? {
            match field.as_str() {
                "dtype" => once(&mut dtype, "dtype", &mut map)?,
                "shape" => once(&mut shape, "shape", &mut map)?,
                "data_offsets" => once(&mut offsets, "data_offsets", &mut map)?,
                _ => map.next_value::<Unread>().map(drop)?,
            }
        }
        let missing = |field| M::Error::missing_field(field);
        let DtypeName(dtype) = dtype.ok_or_else(|| missing("dtype"))?;
        Ok(RawTensor {
            dtype: tensor_type(dtype),
            shape: shape.ok_or_else(|| missing("shape"))?,
            offsets: offsets.ok_or_else(|| missing("data_offsets"))?,
        })
    }

    /// The three values in their order, without names: `serde` gives every struct this form, so the crate reads it.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawTensor, A::Error> {
        let missing = |count| A::Error::invalid_length(count, &self);
        let DtypeName(dtype) = items.next_element()?.ok_or_else(|| missing(0))?;
        let shape = items.next_element()?.ok_or_else(|| missing(1))?;
        let offsets = items.next_element()?.ok_or_else(|| missing(2))?;
        Ok(RawTensor { dtype: tensor_type(dtype), shape, offsets })
    }
}

fn once<'de, M: MapAccess<'de>, T: Deserialize<'de>>(
    slot: &mut Option<T>,
    field: &'static str,
    map: &mut M,
) -> Result<(), M::Error> {
    if slot.is_some() {
        return Err(M::Error::duplicate_field(field));
    }
    let value = map.next_value::<T>().map_err(|e| M::Error::custom(format!("`{field}`: {}", brief(e))))?;
    *slot = Some(value);
    Ok(())
}

/// The dtype that safetensors knows by this name (case matters), or the name itself.
fn tensor_type(name: String) -> TensorType {
    let known: Result<Dtype, serde::de::value::Error> = Dtype::deserialize(name.as_str().into_deserializer());
    known.map_or(TensorType::Unknown(name), TensorType::Known)
}
