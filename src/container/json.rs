//! The header's JSON as it stands, before its numbers are checked against the file.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::{Dtype, TensorType, error::quoted};

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
                metadata =
                    Some(given.map_err(|e| M::Error::custom(format!("`__metadata__`: {e}")))?.unwrap_or_default());
            } else {
                let tensor = map.next_value::<RawTensor>();
                let tensor = tensor.map_err(|e| M::Error::custom(format!("tensor {}: {e}", quoted(&name))))?;
                tensors.push((name, tensor));
            }
        }
        Ok(RawHeader { tensors, metadata: metadata.unwrap_or_default() })
    }
}

impl<'de> Deserialize<'de> for RawTensor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TensorVisitor)
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
        Ok(RawTensor {
            dtype: tensor_type(dtype.ok_or_else(|| missing("dtype"))?),
            shape: shape.ok_or_else(|| missing("shape"))?,
            offsets: offsets.ok_or_else(|| missing("data_offsets"))?,
        })
    }
}

/// Any value, read and dropped. Unlike `IgnoredAny` it asks for each value by its kind, so that `serde_json` bounds the
/// nesting; unlike `Value` it keeps nothing, so that a header of brackets takes no memory.
struct Unread;

impl<'de> Deserialize<'de> for Unread {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unread {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
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
    let value = map.next_value::<T>().map_err(|e| M::Error::custom(format!("`{field}`: {e}")))?;
    *slot = Some(value);
    Ok(())
}

/// The dtype that safetensors knows by this name (case matters), or the name itself.
fn tensor_type(name: String) -> TensorType {
    let known: Result<Dtype, serde::de::value::Error> = Dtype::deserialize(name.as_str().into_deserializer());
    known.map_or(TensorType::Unknown(name), TensorType::Known)
}
