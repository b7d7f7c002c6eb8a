//! A factor's numbers as the bytes of its tensor.

use std::borrow::Cow;

use half::{bf16, f16, slice::HalfFloatSliceExt};
use nalgebra::DMatrix;

use lorascope_format::container::quoted;
use lorascope_protocol::projection::OutputType;

/// Why a factor cannot be written; the module is [`quoted`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error(
        "{module}: a number of its factors is too large for {dtype}, which ends at {largest}, and would become \
         infinite. Choose {instead} for the file."
    )]
    Overflow { module: String, dtype: &'static str, largest: &'static str, instead: &'static str },
    #[error(
        "{module}: its new factors hold a number that is not finite (NaN or infinity), so no file is written. Leave \
         the module out, or choose another method."
    )]
    NotFinite { module: String },
}

/// The bits of f32's infinity; without their sign, larger numbers have larger bits.
const INFINITE: u32 = 0x7f80_0000;

/// The bits of the smallest positive f32 that rounds to infinity: half a unit above the largest number.
fn limit(dtype: OutputType) -> u32 {
    match dtype {
        OutputType::F32 => INFINITE,
        OutputType::F16 => 65_520f32.to_bits(),
        OutputType::Bf16 => 0x7f7f_8000,
    }
}

/// The bytes of a factor (rows × cols, cols the rank), little-endian, rounded to the nearest. With `transposed` the
/// tensor is stored column by column, `[cols, rows]`, as `lora_A` is; without, row by row. `module` is for the error.
///
/// # Errors
/// [`EncodeError`]: a number that is not finite, or that the dtype cannot hold.
pub fn encode(
    factor: &DMatrix<f32>,
    transposed: bool,
    dtype: OutputType,
    module: &str,
) -> Result<Vec<u8>, EncodeError> {
    let largest = factor.as_slice().iter().map(|x| x.to_bits() & !(1 << 31)).max().unwrap_or(0);
    if largest >= INFINITE {
        return Err(EncodeError::NotFinite { module: quoted(module) });
    }
    if largest >= limit(dtype) {
        let module = quoted(module);
        let (largest, instead) = match dtype {
            OutputType::F16 => ("65,504", "BF16 or F32"),
            _ => ("3.39e38", "F32"),
        };
        return Err(EncodeError::Overflow { module, dtype: dtype.name(), largest, instead });
    }
    // nalgebra stores column by column.
    let stored = if transposed { Cow::Borrowed(factor) } else { Cow::Owned(factor.transpose()) };
    let numbers = stored.as_slice();
    let mut bytes = vec![0; numbers.len() * dtype.size() as usize];
    match dtype {
        OutputType::F32 => put(&mut bytes, numbers, |x| x.to_le_bytes()),
        OutputType::F16 => {
            let mut halves = vec![f16::ZERO; numbers.len()];
            halves.convert_from_f32_slice(numbers);
            put(&mut bytes, &halves, |x| x.to_le_bytes());
        }
        OutputType::Bf16 => put(&mut bytes, numbers, |x| bf16::from_f32(x).to_le_bytes()),
    }
    Ok(bytes)
}

fn put<T: Copy, const N: usize>(bytes: &mut [u8], numbers: &[T], to_bytes: impl Fn(T) -> [u8; N]) {
    for (place, &number) in bytes.chunks_exact_mut(N).zip(numbers) {
        place.copy_from_slice(&to_bytes(number));
    }
}
