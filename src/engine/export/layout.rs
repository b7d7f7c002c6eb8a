//! Where every tensor of a projected adapter stands in its file: decided before any number is computed.
//!
//! The file is in the source's dialect: a factor keeps the name and the orientation of the tensor that it comes from,
//! the layer in the name aside, and the further dimensions of a convolution.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::carry::{Rest, rest};

use super::safetensors::{HeaderError, NewTensor, header};
use crate::projection::Plan;
use lorascope_format::adapter::{Adapter, Factor, Module, names};
use lorascope_format::container::{Dtype, Header, TensorType, elements, quoted};
use lorascope_protocol::projection::{OutputType, PlanRow};
use lorascope_protocol::report::NotAnalyzed;

/// A file to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The first bytes of the file.
    pub header: Vec<u8>,
    /// Bytes of the whole file.
    pub len: u64,
    /// The factors of every row of the plan, in its order.
    pub rows: Vec<RowLayout>,
    /// Tensors that are copied byte by byte.
    pub carried: Vec<Carried>,
    /// What follows the header, in file order.
    pub order: Vec<Part>,
    /// Modules and tensors of the source that are not in the file, and why; the plan's unplaced ones first.
    pub left_out: Vec<NotAnalyzed>,
    /// Factors of the source are missing from the file: its configuration has to name the modules one by one.
    pub partial: bool,
    /// A module has another layer than in the source.
    pub renumbered: bool,
    /// Sentences for a person.
    pub warnings: Vec<String>,
}

/// The two tensors of a module.
#[derive(Clone, Debug, PartialEq)]
pub struct RowLayout {
    pub left: FactorPlace,
    pub right: FactorPlace,
}

/// A factor's tensor in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactorPlace {
    pub name: String,
    /// Absolute.
    pub range: Range<u64>,
    pub dtype: OutputType,
    /// As [`Factor::transposed`]: what [`super::encode`] asks for.
    pub transposed: bool,
}

/// A tensor that is copied; both ranges are absolute and of one length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    pub name: String,
    pub source: Range<u64>,
    pub range: Range<u64>,
}

/// One tensor, by its place in [`Layout::rows`] or [`Layout::carried`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Left(usize),
    Right(usize),
    Carried(usize),
}

/// Why there is no file. Names are [`quoted`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    #[error("the plan has a module {module} that the adapter does not have")]
    Unknown { module: String },
    #[error("the name {tensor} has no layer number, so it cannot be moved to layer {layer}")]
    NoLayer { tensor: String, layer: u32 },
    #[error(
        "{module} is a convolution with {kernel} weights for each input, and {inputs} is no multiple of that: give a \
         size that is"
    )]
    Kernel { module: String, inputs: u64, kernel: u64 },
    #[error("the result cannot be written as one safetensors file: {0}. Take fewer modules or a smaller target.")]
    Header(#[from] HeaderError),
}

impl Layout {
    /// The dtypes of the written factors: `F32`, or `F32+F16`.
    pub fn dtypes(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for place in self.rows.iter().flat_map(|row| [&row.left, &row.right]) {
            if !names.contains(&place.dtype.name()) {
                names.push(place.dtype.name());
            }
        }
        names.join("+")
    }
}

/// Lays the file out. `source` is the header that `adapter` was read from, `dtype` the factors' (`None`: as they are
/// stored, where F64 and the 8-bit types become F32).
///
/// # Errors
/// [`LayoutError`].
pub fn layout(
    adapter: &Adapter,
    source: &Header,
    plan: &Plan,
    dtype: Option<OutputType>,
) -> Result<Layout, LayoutError> {
    let modules: HashMap<&str, &Module> = adapter.modules.iter().map(|m| (m.name.as_str(), m)).collect();
    let (mut tensors, mut rows, mut used) = (Vec::new(), Vec::with_capacity(plan.rows.len()), Vec::new());
    let (mut renumbered, mut widened) = (false, 0);
    for (n, row) in plan.rows.iter().enumerate() {
        let unknown = || LayoutError::Unknown { module: quoted(&row.source) };
        let module = *modules.get(row.source.as_str()).ok_or_else(unknown)?;
        let [left, right] = module.pair().ok_or_else(unknown)?;
        let sides = [(left, row.shape[0], Part::Left(n)), (right, row.shape[1], Part::Right(n))];
        renumbered |= row.layer != module.layer;
        widened += usize::from(dtype.is_none() && sides.iter().any(|(factor, ..)| as_stored(factor).is_none()));
        let [left, right] = sides.map(|(factor, rows, part)| {
            let place = FactorPlace {
                name: name(factor, module, row)?,
                range: 0..0,
                dtype: dtype.or_else(|| as_stored(factor)).unwrap_or(OutputType::F32),
                transposed: factor.transposed,
            };
            let shape = shape(factor, rows, row)?;
            tensors.push((part, NewTensor { name: place.name.clone(), dtype: place.dtype.dtype(), shape }));
            Ok::<_, LayoutError>(place)
        });
        rows.push(RowLayout { left: left?, right: right? });
        used.push(module);
    }
    let Rest { carried, left_out, partial, mut warnings } = rest(adapter, source, plan, &used);
    if widened > 0 {
        warnings.push(format!(
            "The factors of {widened} of {} modules are stored in a type that is not written here (64 or 8 bits); in the \
             new file they are F32.",
            plan.rows.len()
        ));
    }
    let mut copies = Vec::with_capacity(carried.len());
    for (tensor, dtype) in carried {
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        tensors.push((Part::Carried(copies.len()), NewTensor { name: name.clone(), dtype, shape }));
        copies.push(Carried { name, source: tensor.begin..tensor.end, range: 0..0 });
    }
    let placed = placed(tensors, rows, copies, &source.metadata)?;
    Ok(Layout { left_out, partial, renumbered, warnings, ..placed })
}

/// A file of these tensors, the larger numbers first, so that each is aligned.
///
/// # Errors
/// They do not fit one file.
pub(super) fn placed(
    mut tensors: Vec<(Part, NewTensor)>,
    mut rows: Vec<RowLayout>,
    mut carried: Vec<Carried>,
    metadata: &BTreeMap<String, String>,
) -> Result<Layout, HeaderError> {
    // Stable: within a size their order stays.
    tensors.sort_by_key(|(_, tensor)| Reverse(lorascope_format::container::bits(tensor.dtype)));
    let (order, tensors): (Vec<Part>, Vec<NewTensor>) = tensors.into_iter().unzip();
    let new = header(&tensors, metadata)?;
    for (part, range) in order.iter().zip(new.ranges) {
        match *part {
            Part::Left(n) => rows[n].left.range = range,
            Part::Right(n) => rows[n].right.range = range,
            Part::Carried(n) => carried[n].range = range,
        }
    }
    Ok(Layout {
        header: new.bytes,
        len: new.len,
        rows,
        carried,
        order,
        left_out: Vec::new(),
        partial: false,
        renumbered: false,
        warnings: Vec::new(),
    })
}

/// The stored dtype, where it is one that is written.
fn as_stored(factor: &Factor) -> Option<OutputType> {
    match factor.tensor.dtype {
        TensorType::Known(Dtype::F32) => Some(OutputType::F32),
        TensorType::Known(Dtype::F16) => Some(OutputType::F16),
        TensorType::Known(Dtype::BF16) => Some(OutputType::Bf16),
        _ => None,
    }
}

fn name(factor: &Factor, module: &Module, row: &PlanRow) -> Result<String, LayoutError> {
    let name = &factor.tensor.name;
    match row.layer {
        Some(layer) if row.layer != module.layer => {
            names::renumbered(name, layer).ok_or_else(|| LayoutError::NoLayer { tensor: quoted(name), layer })
        }
        _ => Ok(name.clone()),
    }
}

/// `lora_A` `[rank, in, k…]` and `lora_B` `[out, rank, 1…]`, for `rows` = in·Πk or out.
fn shape(factor: &Factor, rows: u64, row: &PlanRow) -> Result<Vec<u64>, LayoutError> {
    let further = factor.tensor.shape.get(2..).unwrap_or_default();
    let kernel = elements(further).filter(|&k| k > 0).unwrap_or(1);
    if !rows.is_multiple_of(kernel) {
        return Err(LayoutError::Kernel { module: quoted(&row.source), inputs: rows, kernel });
    }
    let (rows, rank) = (rows / kernel, u64::from(row.rank));
    let mut shape = if factor.transposed { vec![rank, rows] } else { vec![rows, rank] };
    shape.extend_from_slice(further);
    Ok(shape)
}
